"""``measure-background``: files, what is kept of a camera, and what is said."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

import deep_storm as ds
from deep_storm.errors import OutputError, SettingsError
from deep_storm.estimation.quantity import Quantity
from deep_storm.io.camera_files import read_camera, write_camera
from deep_storm.runs.background import gain_warnings
from deep_storm.simulation.frames import simulate


@pytest.fixture
def dark():
    values = np.random.default_rng(1).normal(100.0, 2.0, (60, 40, 36))
    return np.rint(values).astype(np.uint16)


def test_the_camera_file_is_ready_for_use(dark, tmp_path):
    stack, output = tmp_path / "movie.tif", tmp_path / "camera.toml"
    tifffile.imwrite(stack, dark, photometric="minisblack")
    found = ds.measure_background(
        stack, output=output, pixel_size_nm=107.0, photons_per_adu=0.46, em_gain=None
    )
    camera = read_camera(output)
    assert camera.baseline_adu == pytest.approx(100.0, abs=0.1)
    assert camera.read_noise_adu == pytest.approx(2.02, abs=0.05)
    assert (camera.pixel_size_nm, camera.photons_per_adu) == (107.0, 0.46)
    mask = np.asarray(Image.open(tmp_path / "camera-mask.png"))
    assert mask.shape == (40, 36)
    assert np.array_equal(mask > 0, found.mask)
    assert set(found.written) == {output, tmp_path / "camera-mask.png"}


def test_what_is_missing_is_said(dark):
    found = ds.measure_background(dark)
    assert set(found.missing) == {"pixel_size_nm", "photons_per_adu"}
    assert "photons_per_adu" in found.summary()


def test_an_update_keeps_what_was_not_measured(dark, tmp_path):
    output = tmp_path / "camera.toml"
    output.write_text(
        "[camera]\npixel_size_nm = 80.0\nbaseline_adu = 1.0\nphotons_per_adu = 3.0\n"
        "em_gain = 50.0\nread_noise_adu = 9.0\n"
    )
    with pytest.raises(OutputError):
        ds.measure_background(dark, output=output)
    ds.measure_background(dark, output=output, overwrite=True)
    camera = read_camera(output)
    assert (camera.pixel_size_nm, camera.photons_per_adu, camera.em_gain) == (80.0, 3.0, 50.0)
    assert camera.baseline_adu == pytest.approx(100.0, abs=0.1)


def test_dark_frames_leave_maps_that_other_verbs_read(dark, tmp_path):
    found = ds.measure_background(
        dark, output=tmp_path / "c.toml", dark=True, pixel_size_nm=100.0, photons_per_adu=0.5
    )
    assert found.method == "dark"
    ds.simulate(
        config=tmp_path / "c.toml",
        camera_maps=tmp_path / "c-maps.tif",
        frames=3,
        width_px=36,
        height_px=40,
        density_per_um2=0.5,
        intensity_photon=500.0,
        sigma_nm=130.0,
        background_photon=5.0,
        output=tmp_path / "sim",
    )
    assert tifffile.imread(tmp_path / "sim.tif").shape == (3, 40, 36)


def test_a_file_without_a_camera_is_named(dark, tmp_path):
    other = tmp_path / "psf.toml"
    other.write_text("[psf]\nsigma_nm = 130.0\n")
    with pytest.raises(SettingsError, match=r"psf\.toml holds no camera"):
        ds.measure_background(dark, camera=other)


@pytest.fixture(scope="module")
def lit():
    return simulate(
        ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        ds.Psf(sigma_nm=112, sigma_std_nm=8),
        ds.Emitters(density_per_um2=0.5, intensity_photon=1500, intensity_std_photon=400),
        ds.Background(background_photon=20),
        ds.Simulation(frames=60, width_px=64, height_px=64, seed=1),
    ).stack


def test_gain_and_baseline_of_a_lit_movie_come_from_its_noise(lit):
    found = ds.measure_background(lit, pixel_size_nm=100)
    assert found.method == "noise"
    assert found.gain.value == pytest.approx(0.5, rel=0.1)
    assert found.camera["photons_per_adu"] == pytest.approx(0.5, rel=0.1)
    assert found.baseline_adu == pytest.approx(100, abs=6)
    assert found.missing == ()
    assert "if the camera has no EM gain; with an EM gain of G" in found.summary()


def test_a_gain_that_contradicts_the_noise_is_told_with_both_numbers(lit):
    found = ds.measure_background(lit, photons_per_adu=1.0, method="pixels")
    assert "photons per ADU, 1 were given: enter photons_per_adu = 0." in found.summary()
    assert found.camera["photons_per_adu"] == 1.0


def test_with_em_gain_the_gain_is_the_one_before_it(lit):
    found = ds.measure_background(lit, em_gain=50.0, method="pixels")
    assert found.gain.value == pytest.approx(50, rel=0.1)
    assert "(before EM gain)" in found.summary()


def test_the_camera_may_be_an_object(tmp_path):
    frames = np.random.default_rng(1).normal(100, 2, (20, 32, 32)).round().astype(np.uint16)
    camera = ds.Camera(pixel_size_nm=90, baseline_adu=1, photons_per_adu=0.5, em_gain=30)
    write_camera(tmp_path / "camera.toml", camera)
    of_object = ds.measure_background(frames, dark=True, camera=camera)
    assert of_object.camera["em_gain"] == 30
    assert (
        of_object.camera
        == ds.measure_background(frames, dark=True, camera=tmp_path / "camera.toml").camera
    )
    with pytest.raises(SettingsError, match="camera is 3; expected a Camera"):
        ds.measure_background(frames, dark=True, camera=3)


def test_a_camera_file_that_is_also_the_output_is_told_how_to_be_updated(tmp_path):
    camera = ds.Camera(pixel_size_nm=90, baseline_adu=1, photons_per_adu=0.5, em_gain=30)
    file = tmp_path / "camera.toml"
    write_camera(file, camera)
    frames = np.random.default_rng(1).normal(100, 2, (20, 32, 32)).round().astype(np.uint16)
    with pytest.raises(OutputError, match=r"leave camera out; .* updates an output"):
        ds.measure_background(frames, dark=True, camera=file, output=file, overwrite=True)
    assert read_camera(file) == camera
    ds.measure_background(frames, dark=True, output=file, overwrite=True)
    assert read_camera(file).em_gain == 30
    assert read_camera(file).baseline_adu == pytest.approx(100, abs=1)


def test_a_gain_that_differs_by_chance_is_no_advice():
    """The slope of the noise hangs on few bright pixels: its error is large, and stated."""
    sure = Quantity(0.25, "photon/ADU", 0.02)
    assert "enter photons_per_adu = 0.25" in gain_warnings(sure, {"photons_per_adu": 0.5})[0]
    unsure = Quantity(0.25, "photon/ADU", 0.07)
    (said,) = gain_warnings(unsure, {"photons_per_adu": 0.5})
    assert "suggests 0.25 (± 28%) photons per ADU, 0.5 were given, which may be chance" in said
    assert "enter" not in said
    assert gain_warnings(Quantity(0.4, "photon/ADU", 0.08), {"photons_per_adu": 0.5}) == ()
