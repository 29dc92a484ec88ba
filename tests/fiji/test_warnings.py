"""What must not be overlooked: a camera that contradicts the noise, frames that do not fit."""

from __future__ import annotations

import re

import pytest

import deep_storm as ds
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

COMMAND = "Reconstruct_Stack..."
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)


@pytest.fixture(scope="module")
def frames():
    emitters = Emitters(density_per_um2=0.5, intensity_photon=1500.0)
    size = Simulation(frames=60, width_px=64, height_px=64)
    background = Background(background_photon=20.0)
    return simulate(CAMERA, Psf(sigma_nm=130.0), emitters, background, size).stack


@pytest.fixture
def doubted(screen, frames):
    """A movie in front whose camera was entered with another gain than that of its noise."""
    screen.ask("forget", key="camera")
    screen.run("Camera_Setup...", photons_per_adu=1.2, read_noise_adu=2.0)
    screen.show("movie", array=frames, title="movie.tif", pixel=(0.1, "um"))
    yield screen
    screen.ask("forget", key="camera")


def test_without_windows_a_camera_in_doubt_is_an_error(imagej, frames):
    imagej.run("Camera_Setup...", photons_per_adu=1.2, read_noise_adu=2.0)
    done = imagej.run(COMMAND, {"array": frames, "title": "movie.tif"})
    assert re.search(r"error: the noise of movie.tif suggests 0\.\d+ ", done["status"])
    assert "continues with the camera as it is" in done["status"]


def test_what_the_noise_suggests_is_taken_with_one_click(doubted):
    running = doubted.begin(COMMAND, "movie")
    title, text, buttons = doubted.dialog()
    assert title == "Deep-STORM: Reconstruct Stack"
    said = re.sub(r"\s+", " ", text)
    assert re.search(r"suggests 0\.\d+ .* the camera has 1\.2", said)
    assert "also enters it in Plugins > Deep-STORM > " in said
    use = next(button for button in buttons if button.strip().startswith("Use "))
    value = float(use.split()[1])
    assert value == pytest.approx(0.5, rel=0.15)
    assert {"Continue as it is", "Cancel"} < {button.strip() for button in buttons}
    doubted.ask("click", label=re.escape(use.strip()))
    status = running.result()["status"]
    assert status.startswith("ok: ")
    assert "The frames fit camera, PSF and density" in status
    assert doubted.ask("camera")["photons_per_adu"] == value


def test_a_camera_that_is_believed_is_warned_of_afterwards(doubted):
    running = doubted.begin(COMMAND, "movie")
    doubted.dialog()
    doubted.ask("click", label="Continue as it is")
    _, text, _ = doubted.wait_for(
        lambda: [d for d in doubted.ask("dialogs") if d[0] == "Reconstruct Stack"]
    )[0]
    said = re.sub(r"\s+", " ", text)
    assert said.startswith("Warning: the noise of movie.tif suggests")
    assert "movie.tif localizations" in doubted.ask("windows")  # the result is there already
    doubted.ask("click", label=r"\s*OK\s*")
    assert running.result()["status"].startswith("ok: ")
    assert doubted.ask("camera")["photons_per_adu"] == 1.2


def test_to_cancel_changes_nothing(doubted):
    running = doubted.begin(COMMAND, "movie")
    doubted.dialog()
    doubted.ask("click", label="Cancel")
    assert running.result()["status"].startswith("stopped: ")
    assert doubted.ask("camera")["photons_per_adu"] == 1.2
    assert doubted.ask("images") == ["movie.tif"]
