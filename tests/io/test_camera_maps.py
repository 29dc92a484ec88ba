import numpy as np
import pytest
import tifffile

from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import CameraError, StackError
from deep_storm.io.camera_maps import read_camera_maps, write_camera_maps

OFFSET = np.arange(12, dtype=np.float32).reshape(3, 4) + 100
GAIN = OFFSET / 200
NOISE = OFFSET / 50
PAGES = np.stack([OFFSET, GAIN, NOISE**2])


def test_round_trip(tmp_path):
    write_camera_maps(tmp_path / "maps.tif", CameraMaps(OFFSET, GAIN, NOISE))
    maps = read_camera_maps(tmp_path / "maps.tif")
    np.testing.assert_array_equal(maps.baseline_adu, OFFSET)
    np.testing.assert_array_equal(maps.photons_per_adu, GAIN)
    np.testing.assert_allclose(maps.read_noise_adu, NOISE, rtol=1e-6)


def test_what_was_not_measured_is_as_the_camera_says(tmp_path):
    write_camera_maps(tmp_path / "maps.tif", CameraMaps(OFFSET, read_noise_adu=NOISE))
    maps = read_camera_maps(tmp_path / "maps.tif")
    assert maps.photons_per_adu is None
    assert maps.read_noise_adu is not None


def test_pages_are_offset_gain_and_variance(tmp_path):
    write_camera_maps(tmp_path / "maps.tif", CameraMaps(OFFSET, GAIN, NOISE))
    with tifffile.TiffFile(tmp_path / "maps.tif") as tif:
        assert len(tif.pages) == 3
        assert tif.imagej_metadata["Labels"] == [
            "offset [ADU]",
            "gain [photon/ADU]",
            "variance [ADU²]",
        ]
    np.testing.assert_allclose(tifffile.imread(tmp_path / "maps.tif"), PAGES, rtol=1e-6)


@pytest.mark.parametrize(
    "how",
    [
        {"imagej": True},
        {"photometric": "minisblack"},
        {"photometric": "rgb", "planarconfig": "separate"},
    ],
)
def test_slices_channels_and_plain_pages_are_the_same(tmp_path, how):
    tifffile.imwrite(tmp_path / "maps.tif", PAGES, **how)
    maps = read_camera_maps(tmp_path / "maps.tif")
    np.testing.assert_array_equal(maps.baseline_adu, OFFSET)


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        (PAGES[:2], r"holds 2 × 3 × 4; expected three pages"),
        (PAGES[0], r"holds 3 × 4; expected three pages"),
        (PAGES * np.array([1, -1, 1])[:, None, None], "photons_per_adu has -"),
        (PAGES * np.array([1, 1, -1])[:, None, None], r"the variance \(page 3\) is -"),
        (np.where(PAGES == 105, np.nan, PAGES), "baseline_adu has nan"),
    ],
)
def test_wrong_maps_are_named(tmp_path, pages, said):
    tifffile.imwrite(tmp_path / "m.tif", pages.astype(np.float32), photometric="minisblack")
    with pytest.raises(CameraError, match=said):
        read_camera_maps(tmp_path / "m.tif")


def test_other_files_are_named(tmp_path):
    (tmp_path / "maps.tif").write_text("offset, gain")
    with pytest.raises(StackError, match="not a TIFF"):
        read_camera_maps(tmp_path / "maps.tif")


def test_maps_without_a_baseline_are_not_written(tmp_path):
    with pytest.raises(CameraError, match="baseline"):
        write_camera_maps(tmp_path / "maps.tif", CameraMaps(photons_per_adu=GAIN))
