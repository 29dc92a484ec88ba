"""The command for the first day: what it says, its dialog, its preview, its results."""

from __future__ import annotations

import re

import pytest

import deep_storm as ds
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

COMMAND = "Super-Resolve_This_Stack..."
TITLE = "Super-Resolve This Stack"
FRAMES = 40
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)


@pytest.fixture(scope="module")
def simulated():
    emitters = Emitters(density_per_um2=0.8, intensity_photon=1500.0)
    size = Simulation(frames=FRAMES, width_px=80, height_px=72)
    return simulate(CAMERA, Psf(sigma_nm=130.0), emitters, Background(background_photon=20.0), size)


def test_without_windows_what_was_found_is_taken(imagej, simulated):
    imagej.ask("forget", key="camera")
    image = {"array": simulated.stack, "title": "movie.tif", "pixel": (0.1, "um")}
    done = imagej.run(COMMAND, image)
    status = done["status"]
    assert re.match(r"ok: \d+ localizations in 40 frames", status)  # what the status bar says
    assert "Pixel size: 100 nm, from the image's scale (sure)" in status
    assert re.search(r"noise of the frames: 0\.\d+ ± 0\.\d+ photons per ADU and a base", status)
    assert "The frames fit camera, PSF and density" in status
    assert len(done["table"]["frame"]) == pytest.approx(len(simulated.truth), rel=0.15)
    assert done["image"]["title"] == "movie.tif - Deep-STORM"


def test_without_windows_what_is_missing_is_named(imagej, simulated):
    imagej.ask("forget", key="camera")
    done = imagej.run(COMMAND, {"array": simulated.stack, "title": "movie.tif"})
    assert done["status"].startswith("error: the movie does not show Pixel size")
    assert "Image > Properties..." in done["status"]


def test_the_first_day(screen, pictures, simulated, home, tmp_path):
    screen.ask("forget", key="camera")
    screen.show("first", array=simulated.stack, title="movie.tif", pixel=(0.1, "um"))
    screen.ask("evaluate", text="java('ij.IJ').run(KEPT['first'], 'Set... ', 'zoom=500')")
    running = screen.begin(COMMAND, "first")
    title, text, buttons = screen.dialog()
    assert title == TITLE
    assert "Pixel size: 100 nm, from the image's scale (sure)" in text
    assert "derived from the noise of the frames" in text
    assert {"Run", "Cancel"} <= {button.strip() for button in buttons}
    fields = screen.ask("fields", title=TITLE)
    assert len(fields) == 5
    assert fields[0] == "100"
    assert screen.ask("tick", label="Preview the frame in view")
    first = screen.wait_for(lambda: screen.ask("overlay", name="first"))
    assert {roi["frame"] for roi in first} == {1}
    screen.ask("evaluate", text="KEPT['first'].setSlice(7)")
    screen.wait_for(lambda: {roi["frame"] for roi in screen.ask("overlay", name="first")} == {7})
    screen.wait_for(lambda: "on frame 7" in screen.dialog()[1])
    assert screen.ask("cut_off", title=TITLE) == []
    seen = len(screen.ask("overlay", name="first"))
    assert seen == pytest.approx((simulated.truth["frame"] == 6).sum(), rel=0.3)
    screen.ask("arrange", title="ImageJ", x=640, y=800)
    screen.ask("arrange", title="movie.tif", x=10, y=10)
    screen.ask("arrange", title=TITLE, x=450, y=10)
    screen.picture(pictures / "fiji-super-resolve.png", width=1150, height=530)
    screen.ask("enter", title=TITLE, number=3, text=str(tmp_path))
    screen.ask("click", label="Run")
    screen.wait_for(lambda: screen.ask("overlay", name="first") == [])
    title, text, _ = screen.dialog()
    assert title == TITLE
    assert "The frames fit camera, PSF and density" in re.sub(r"\s+", " ", text)
    screen.ask("click", label=r"\s*OK\s*")
    assert running.result()["status"].startswith("ok: ")
    assert "movie.tif - Deep-STORM" in screen.ask("images")
    assert "movie.tif localizations" in screen.ask("windows")
    for ending in (".csv", ".tif", "-report.html"):
        assert (tmp_path / f"movie-deep-storm{ending}").is_file()
    report = (tmp_path / "movie-deep-storm-report.html").resolve().as_uri()
    opened = home / "opened.txt"
    screen.wait_for(lambda: opened.is_file() and report in opened.read_text(encoding="utf-8"))
    assert screen.ask("camera")["pixel_size_nm"] == 100.0  # all commands have it now


def test_what_is_missing_is_asked_for_again(screen, simulated):
    screen.ask("forget", key="camera")
    screen.show("first", array=simulated.stack, title="movie.tif")
    running = screen.begin(COMMAND, "first")
    _, text, _ = screen.dialog()
    assert "neither the image nor Camera Setup has it (unknown)" in text
    assert screen.ask("fields", title=TITLE)[0] == ""
    screen.ask("click", label="Run")
    _, text, _ = screen.wait_for(
        lambda: [d for d in screen.ask("dialogs") if d[0] == f"Deep-STORM: {TITLE}"]
    )[0]
    assert "does not show Pixel size" in re.sub(r"\s+", " ", text)
    screen.ask("click", label=r"\s*OK\s*")
    screen.wait_for(lambda: [d for d in screen.ask("dialogs") if d[0] == TITLE])

    def cancelled():  # a dialog that is only about to be shown does not hear of a click
        screen.ask("click", label="Cancel")
        return running.done()

    screen.wait_for(cancelled)
    assert running.result()["status"].startswith("stopped: ")
    assert screen.ask("dialogs") == []
