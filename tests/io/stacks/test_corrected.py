import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import CameraError
from deep_storm.inference.repair import repair
from deep_storm.io.stacks.corrected import CorrectedFrames
from deep_storm.io.stacks.stream import ArrayFrames

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
RNG = np.random.default_rng(1)
MAPS = CameraMaps(
    RNG.uniform(90, 110, (6, 8)).astype(np.float32),
    RNG.uniform(0.4, 0.6, (6, 8)).astype(np.float32),
)


def corrected(raw):
    return CorrectedFrames(ArrayFrames(raw, 100.0, "movie"), CAMERA, MAPS)


def test_photons_are_those_that_came():
    photons = RNG.uniform(0, 500, (3, 6, 8)).astype(np.float32)
    raw = photons / MAPS.photons_per_adu + MAPS.baseline_adu
    stream = corrected(raw)
    assert stream.shape == (3, 6, 8)
    assert (stream.dtype, stream.pixel_size_nm, stream.name) == (np.float32, 100.0, "movie")
    np.testing.assert_allclose(CAMERA.photons(stream.read(1, 3)), photons[1:], atol=1e-3)


def test_dead_frames_and_saturated_pixels_are_still_known():
    raw = RNG.integers(100, 900, (3, 6, 8)).astype(np.uint16)
    raw[1] = 100
    raw[2, 4, 5] = 65535
    repaired = repair(corrected(raw).read(0, 3))
    assert repaired.dead.tolist() == [False, True, False]
    assert repaired.replaced.sum() == 1
    assert repaired.adu[2, 4, 5] < 1200


def test_maps_of_another_field_are_refused():
    with pytest.raises(CameraError, match=r"8 × 6 px.*expected 9 × 6 px"):
        corrected(np.zeros((2, 6, 9), np.float32))


def test_closing_lets_go_of_the_file(tmp_path):
    import tifffile

    from deep_storm.errors import StackError
    from deep_storm.io.stacks.frames import open_frames

    tifffile.imwrite(tmp_path / "a.tif", RNG.integers(0, 9, (2, 6, 8)).astype(np.uint16))
    with CorrectedFrames(open_frames(tmp_path / "a.tif"), CAMERA, MAPS) as stream:
        stream.read(0, 1)
    with pytest.raises(StackError, match="closed"):
        stream.read(0, 1)
