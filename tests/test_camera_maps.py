import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, absolute, check_agreement, photons_from
from deep_storm.errors import CameraError


def camera(**changes):
    values = {"pixel_size_nm": 100.0, "baseline_adu": 100.0, "photons_per_adu": 0.5, **changes}
    return Camera(**values)


def test_photons_without_maps_are_the_cameras():
    cam = camera(em_gain=20.0, quantum_efficiency=0.9)
    adu = np.array([[100, 250], [90, 4000]], dtype=np.uint16)
    np.testing.assert_allclose(photons_from(adu, cam), cam.photons(adu), rtol=1e-6)


def test_maps_of_different_sizes_are_refused():
    with pytest.raises(CameraError, match="different shapes"):
        CameraMaps(np.ones((4, 6), np.float32), np.ones((6, 4), np.float32))


@pytest.mark.parametrize(
    ("name", "value"),
    [("photons_per_adu", 0.0), ("read_noise_adu", -1.0), ("baseline_adu", np.nan)],
)
def test_impossible_values_in_maps_are_refused(name, value):
    values = np.ones((3, 3), dtype=np.float32)
    values[1, 2] = value
    with pytest.raises(CameraError, match=f"{name} has {value:g}"):
        CameraMaps(**{name: values})


def test_crops_take_rows_from_top_and_columns_from_left():
    values = np.arange(30, dtype=np.float32).reshape(5, 6) + 1
    crops = CameraMaps(baseline_adu=values).crops(np.array([0, 3]), np.array([4, 1]), 2)
    np.testing.assert_array_equal(crops.baseline_adu[0], values[0:2, 4:6])
    np.testing.assert_array_equal(crops.baseline_adu[1], values[3:5, 1:3])
    assert crops.read_noise_adu is None


def maps_around(baseline_adu=102.0, photons_per_adu=0.45, read_noise_adu=1.6):
    spread = np.linspace(0.9, 1.1, 25, dtype=np.float32).reshape(5, 5)
    return CameraMaps(baseline_adu * spread, photons_per_adu * spread, read_noise_adu * spread)


def test_maps_of_the_camera_agree_with_it():
    check_agreement(maps_around(), camera(read_noise_adu=1.5))


def test_a_camera_whose_read_noise_nobody_gave_takes_that_of_its_maps():
    check_agreement(maps_around(read_noise_adu=9), camera())


@pytest.mark.parametrize(
    ("maps", "said"),
    [
        (maps_around(baseline_adu=400), "median baseline_adu of 400, the camera has 100"),
        (maps_around(photons_per_adu=2.2), "looks like ADU per photon: invert it"),
        (maps_around(photons_per_adu=20), "correct its photons_per_adu"),
        (maps_around(photons_per_adu=2.2, read_noise_adu=0.7), "gain and variance seem to be swap"),
        (maps_around(read_noise_adu=9), "median read_noise_adu of 9, the camera has 1.5"),
    ],
)
def test_maps_of_another_camera_are_refused(maps, said):
    with pytest.raises(CameraError, match=said):
        check_agreement(maps, camera(read_noise_adu=1.5))


def test_offsets_relative_to_the_baseline_are_recognized():
    offsets = np.array([[-2, 0.4, 3], [0.3, 0.5, 6]], np.float32)
    noise = np.full((2, 3), 1.5, np.float32)
    maps, said = absolute(CameraMaps(offsets, read_noise_adu=noise), camera())
    np.testing.assert_array_equal(maps.baseline_adu, offsets + 100)
    np.testing.assert_array_equal(maps.read_noise_adu, noise)
    assert "relative to the camera's baseline: 100 ADU were added" in said
    check_agreement(maps, camera(read_noise_adu=1.5))


@pytest.mark.parametrize(
    ("maps", "baseline_adu"),
    [
        (maps_around(baseline_adu=102), 100),
        (maps_around(baseline_adu=400), 100),  # of another camera: an error, not relative
        (maps_around(baseline_adu=0.5), 2),  # a camera without a pedestal
        (CameraMaps(photons_per_adu=np.ones((2, 2), np.float32)), 100),
    ],
)
def test_other_offsets_stay_as_they_are(maps, baseline_adu):
    same, said = absolute(maps, camera(baseline_adu=baseline_adu))
    assert same is maps
    assert said == ""
