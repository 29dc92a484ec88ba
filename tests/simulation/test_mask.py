import os

import numpy as np
import pytest
import tifffile

from deep_storm.errors import SettingsError
from deep_storm.simulation.field import Field
from deep_storm.simulation.mask import mask_structure

FIELD = Field(height_px=20, width_px=40, pixel_size_nm=100.0, margin_px=4.0)


def positions(mask, count=20_000):
    return mask_structure(mask, FIELD).positions(count, np.random.default_rng(1))


def test_mask_is_spread_over_the_field_with_rows_down_and_columns_right():
    mask = np.zeros((10, 10))
    mask[1, 7] = 1.0
    x, y = positions(mask)
    assert 28.0 <= x.min() < 28.01
    assert 31.99 < x.max() <= 32.0
    assert 2.0 <= y.min() < 2.01
    assert 3.99 < y.max() <= 4.0


def test_values_are_relative_probabilities():
    x, _ = positions(np.array([[1, 3]], dtype=np.uint8))
    assert np.mean(x >= 20) == pytest.approx(0.75, abs=0.01)


def test_positions_are_continuous():
    x, y = positions(np.ones((2, 2)))
    assert np.unique(x).size == np.unique(y).size == 20_000


def test_first_and_last_dark_pixels_get_nothing():
    x, _ = positions(np.array([[0, 1, 0]]))
    assert x.min() >= 40 / 3
    assert x.max() <= 80 / 3


def test_masks_are_read_from_tiff_and_colour_png(tmp_path):
    from skimage.io import imsave

    grey = np.zeros((8, 8), dtype=np.uint8)
    grey[:, 4:] = 200
    tifffile.imwrite(tmp_path / "mask.tif", grey)
    imsave(tmp_path / "mask.png", np.stack([grey] * 3, axis=2), check_contrast=False)
    for name in ("mask.tif", "mask.png"):
        x, _ = positions(tmp_path / name)
        assert x.min() >= 20
        x, _ = positions(str(tmp_path / name))
        assert x.min() >= 20


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros((4, 4)), "black everywhere"),
        (np.ones((3, 4, 4)), r"shape \(3, 4, 4\)"),
        (np.array([[1.0, -1.0]]), "negative"),
        (np.array([[1.0, np.nan]]), "non-finite"),
    ],
)
def test_masks_that_say_nothing_are_refused(mask, words):
    with pytest.raises(SettingsError, match=words):
        mask_structure(mask, FIELD)


def test_missing_mask_says_what_a_structure_can_be():
    with pytest.raises(SettingsError, match=r"'filament'.*uniform, filaments, clusters, mixed"):
        mask_structure("filament", FIELD)


@pytest.mark.parametrize("name", ["mask.tif", "mask.png"])
def test_damaged_image_is_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"this is no image")
    with pytest.raises(SettingsError, match="cannot be read"):
        mask_structure(tmp_path / name, FIELD)


def test_masks_that_would_fill_the_memory_are_refused_unread(tmp_path):
    with tifffile.TiffWriter(tmp_path / "mask.tif") as tif:
        tif.write(np.zeros((4, 4), np.uint8))
    data = bytearray((tmp_path / "mask.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "mask.tif") as tif:
        places = [tif.pages.first.tags[name].valueoffset for name in ("ImageWidth", "ImageLength")]
    for place in places:
        data[place : place + 2] = (60_000).to_bytes(2, "little")
    (tmp_path / "mask.tif").write_bytes(data)
    with pytest.raises(SettingsError, match=r"3,600,000,000 values"):
        mask_structure(tmp_path / "mask.tif", FIELD)


def test_a_stack_is_no_mask(tmp_path):
    tifffile.imwrite(tmp_path / "mask.tif", np.ones((2, 5, 6), np.uint8), photometric="minisblack")
    with pytest.raises(SettingsError, match="several pages"):
        mask_structure(tmp_path / "mask.tif", FIELD)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes as on POSIX")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "mask.tif")
    with pytest.raises(SettingsError, match=r"is a pipe|no such file"):
        mask_structure(tmp_path / "mask.tif", FIELD)
