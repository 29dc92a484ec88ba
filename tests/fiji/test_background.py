"""Measure Background..., in a real ImageJ: baseline, read noise and gain of a movie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.io.camera_files import read_camera

DATA = Path(__file__).resolve().parents[1] / "data"


def background_movie(spots=40):
    """Ten frames of one camera: dark, with bright squares that stay."""
    rng = np.random.default_rng(3)
    frames = rng.normal(200.0, 4.0, (10, 96, 96))
    for y, x in rng.integers(4, 92, (spots, 2)):
        frames[:, y - 2 : y + 3, x - 2 : x + 3] += 2000.0
    return {"array": np.round(frames).astype(np.uint16), "title": "dark"}


def test_background_of_the_dark_part(imagej):
    imagej.run("Camera_Setup...", pixel_size_nm=100.0, baseline_adu=1.0, photons_per_adu=1.0)
    done = imagej.run("Measure_Background...", background_movie())
    assert done["status"].startswith("ok: Baseline    200.")
    row = {name: column[-1] for name, column in done["table"].items()}
    assert row["Baseline (ADU)"] == pytest.approx(200.0, abs=0.2)
    assert row["Read noise (ADU)"] == pytest.approx(4.0, abs=0.2)
    assert 0.8 * 96 * 96 < row["Area (px)"] < 96 * 96 - 25 * 30
    assert [roi["name"] for roi in done["overlay"]] == ["Deep-STORM background"]
    assert imagej.ask("camera")["baseline_adu"] == 1.0


def test_background_of_a_roi_goes_to_the_camera(imagej):
    imagej.run("Camera_Setup...", pixel_size_nm=100.0, baseline_adu=1.0, photons_per_adu=1.0)
    image = background_movie(spots=0) | {"roi": (10, 20, 60, 50)}
    done = imagej.run("Measure_Background...", image, use_for_camera=True)
    assert "The camera has these values now" in done["status"]
    assert done["table"]["Area (px)"][-1] == 3000
    assert done["overlay"][0]["box"] == (10, 20, 60, 50)
    camera = imagej.ask("camera")
    assert camera["baseline_adu"] == pytest.approx(200.0, abs=0.3)
    assert camera["read_noise_adu"] == pytest.approx(4.0, abs=0.2)
    assert camera["photons_per_adu"] == 1.0


def lit_movie(density_per_um2, frames=12, size=48):
    from deep_storm.settings import Background, Emitters, Psf, Simulation
    from deep_storm.simulation.frames import simulate

    camera = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)
    emitters = Emitters(density_per_um2=density_per_um2, intensity_photon=1500.0)
    movie = Simulation(frames=frames, width_px=size, height_px=size)
    background = Background(background_photon=10.0)
    return simulate(camera, Psf(sigma_nm=130.0), emitters, background, movie).stack


def test_light_between_molecules_does_not_become_the_baseline(imagej):
    imagej.run("Camera_Setup...", pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)
    crowd = {"array": lit_movie(3.0), "title": "crowd"}
    done = imagej.run("Measure_Background...", crowd)
    assert done["status"].startswith("ok: Baseline ")
    refused = imagej.run("Measure_Background...", crowd, use_for_camera=True)
    assert refused["status"].startswith("error: what was measured in crowd contains light")
    assert "the camera was not changed" in refused["status"]
    assert imagej.ask("camera")["baseline_adu"] == 100.0


def test_the_gain_of_the_noise_replaces_that_of_the_camera_where_it_is_wanted(imagej):
    imagej.run("Camera_Setup...", pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=2.0)
    movie = {"array": lit_movie(0.5, frames=100, size=64), "title": "movie"}
    done = imagej.run("Measure_Background...", movie)
    assert "2 were given: enter 'Photons per ADU' = 0." in done["status"]
    assert imagej.ask("camera")["photons_per_adu"] == 2.0
    done = imagej.run("Measure_Background...", movie, use_gain=True)
    gain = done["table"]["Photons per ADU"][-1]
    assert gain == pytest.approx(0.5, abs=3 * done["table"]["Error of photons per ADU"][-1] + 0.02)
    camera = imagej.ask("camera")
    assert camera["photons_per_adu"] == pytest.approx(gain, rel=0.01)
    assert camera["baseline_adu"] == 100.0


def test_without_a_camera_what_was_measured_stands_in_camera_setup(imagej):
    imagej.ask("forget", key="camera")
    image = background_movie(spots=0)
    done = imagej.run("Measure_Background...", image, use_for_camera=True, use_gain=True)
    assert "cannot be determined from the noise" in done["status"]
    assert "are in Camera Setup now" in done["status"]
    assert imagej.ask("camera") is None
    entered = "pixel_size_nm=107 photons_per_adu=0.3"
    imagej.run("Measure_Background...", image, use_for_camera=True, more=entered)
    camera = imagej.ask("camera")
    assert (camera["pixel_size_nm"], camera["photons_per_adu"]) == (107.0, 0.3)
    assert camera["baseline_adu"] == pytest.approx(200.0, abs=0.2)


def test_dark_frames_become_the_baseline(imagej):
    imagej.run("Camera_Setup...", pixel_size_nm=100.0, baseline_adu=1.0, photons_per_adu=0.5)
    dark = np.random.default_rng(4).normal(100.0, 2.0, (12, 48, 48)).round().astype(np.uint16)
    for more, area in (("none", 40 * 40), ("dark=true", 48 * 48)):
        image = {"array": dark, "roi": (0, 0, 40, 40)}
        done = imagej.run("Measure_Background...", image, use_for_camera=True, more=more)
        assert "The camera has these values now" in done["status"]
        assert done["table"]["Area (px)"][-1] == area
        assert imagej.ask("camera")["baseline_adu"] == pytest.approx(100.0, abs=0.2)
        assert imagej.ask("camera")["read_noise_adu"] == pytest.approx(2.0, abs=0.1)


def test_background_of_a_file_makes_a_camera_file(imagej, tmp_path):
    imagej.run("Camera_Setup...", pixel_size_nm=100.0, baseline_adu=1.0, photons_per_adu=0.5)
    stack = DATA / "filaments_drift_first20.tif"
    output = tmp_path / "camera.toml"
    done = imagej.run("Measure_Background...", stack=stack, output=output)
    assert done["status"].startswith("ok: Baseline ")
    assert f"Written: {output}" in done["status"]
    row = {name: column[-1] for name, column in done["table"].items()}
    assert read_camera(output).baseline_adu == pytest.approx(row["Baseline (ADU)"], abs=1e-3)
    assert row["Error of photons per ADU"] < row["Photons per ADU"]


def test_roi_on_light_is_refused(imagej):
    image = background_movie()
    y, x = np.argwhere(image["array"][0] > 2000)[0]
    done = imagej.run("Measure_Background...", image | {"roi": (int(x), int(y), 2, 2)})
    assert done["status"].startswith(f"error: the region {x},{y},2,2 contains no dark pixels")
    assert "draw it elsewhere, or do without a ROI" in done["status"]


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (background_movie()["array"][0], "alone has 1 frame; expected at least 10: give the movie"),
        (np.full((10, 32, 32), 7, np.uint16), "every pixel of alone has the same value"),
    ],
    ids=["one frame", "no noise"],
)
def test_frames_that_tell_no_background_are_refused(imagej, array, said):
    done = imagej.run("Measure_Background...", {"array": array, "title": "alone"})
    assert done["status"].startswith(f"error: {said}")
