"""ImageJ's real windows on a virtual screen; the pictures of the documentation come from here.

``DEEP_STORM_DOC_IMAGES=docs/images`` keeps the pictures.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parents[1] / "data"


def test_result_table_and_image_are_windows(screen, pictures, trained, movie, home):
    screen.show("movie", array=movie, title="movie.tif", pixel=(0.1, "um"))
    done = screen.run(
        "Reconstruct...", model=trained / "model", threshold="0.1", output=trained / "shown"
    )
    assert done["status"].startswith("ok: ")
    assert "table" not in done
    titles = screen.ask("windows")
    assert any(t.startswith("movie.tif - Deep-STORM") for t in titles)
    assert any(t.startswith("Deep-STORM localizations") for t in titles)
    shown = "java('ij.WindowManager').getImage('movie.tif - Deep-STORM')"
    unit = screen.ask("evaluate", text=f"str({shown}.getCalibration().getUnit())")
    assert unit in ("µm", "um", "micron")
    report = (trained / "shown-report.html").resolve()
    assert report.is_file()
    assert report.as_uri() in _opened(home, 1)


def _opened(home, least, seconds=20):
    """Wait for the browser; return what it was to open."""
    noted, began = home / "opened.txt", time.monotonic()
    while time.monotonic() - began < seconds:
        pages = noted.read_text(encoding="utf-8").splitlines() if noted.is_file() else []
        if len(pages) >= least:
            return pages
        time.sleep(0.1)
    return []


def test_filaments_of_thunderstorm_with_the_general_model(screen, pictures, tmp_path):
    open_filaments(screen, zoom=500)
    done = screen.run("Reconstruct...", model="general", camera=_camera(tmp_path))
    assert done["status"].startswith("ok: ")
    screen.ask("arrange", title="ImageJ", x=10, y=10)
    screen.ask("arrange", title="filaments.tif (", x=10, y=130)
    screen.ask("arrange", title="filaments.tif - Deep-STORM", x=400, y=130)
    screen.ask("arrange", title="Deep-STORM localizations", x=10, y=720, width=930, height=170)
    screen.picture(pictures / "fiji-reconstruct.png", width=950, height=900)


def test_preview_is_drawn_over_the_frame_in_view(screen, pictures, tmp_path):
    open_filaments(screen, zoom=800)
    screen.ask("evaluate", text="KEPT['filaments'].setSlice(5)")
    done = screen.run("Preview_Current_Frame...", model="general", camera=_camera(tmp_path))
    assert "on frame 5" in done["status"]
    screen.ask("arrange", title="ImageJ", x=640, y=800)
    screen.ask("arrange", title="filaments.tif", x=10, y=10)
    picture = screen.picture(pictures / "fiji-preview.png", width=580, height=585)
    assert picture.max() > 150


def open_filaments(screen, zoom):
    """Open a stack of ThunderSTORM's, as large as one can see it."""
    stack = DATA / "filaments_drift_first20.tif"
    screen.show("filaments", file=str(stack))
    screen.ask("evaluate", text="KEPT['filaments'].setTitle('filaments.tif')")
    text = f"java('ij.IJ').run(KEPT['filaments'], 'Set... ', 'zoom={zoom}')"
    screen.ask("evaluate", text=text)


def test_measured_background_is_an_overlay_and_a_row_in_results(screen, pictures):
    rng = np.random.default_rng(3)
    frame = rng.normal(200.0, 4.0, (128, 128))
    for y, x in rng.integers(8, 120, (30, 2)):
        frame[y - 3 : y + 4, x - 3 : x + 4] += 400.0
    screen.show("dark", array=np.round(frame).astype(np.uint16), title="dark.tif")
    screen.ask("evaluate", text="java('ij.IJ').run(KEPT['dark'], 'Set... ', 'zoom=300')")
    done = screen.run("Measure_Background...")
    assert done["status"].startswith("ok: Background 200.0")
    assert "Results" in screen.ask("windows")
    screen.ask("arrange", title="ImageJ", x=640, y=800)
    screen.ask("arrange", title="dark.tif", x=10, y=10)
    screen.ask("arrange", title="Results", x=10, y=480, width=420, height=160)
    screen.picture(pictures / "fiji-background.png", width=440, height=650)


def test_imported_simulation_shows_its_emitters(screen, pictures, tmp_path):
    running = screen.begin(
        "Import_ThunderSTORM_Simulation...",
        stack=DATA / "filaments_drift_first20.tif",
        truth=DATA / "filaments_drift_first20_gt.csv",
        camera=_camera(tmp_path),
    )
    title, text, _ = screen.dialog()
    assert title == "Import ThunderSTORM Simulation"
    assert "20 frames" in text
    screen.ask("click", label="OK")
    assert running.result(timeout=240)["status"].startswith("ok: ")
    text = "java('ij.IJ').run(java('ij.IJ').getImage(), 'Set... ', 'zoom=600')"
    screen.ask("evaluate", text=text)
    screen.ask("arrange", title="ImageJ", x=640, y=800)
    screen.ask("arrange", title="filaments", x=10, y=10)
    screen.picture(pictures / "fiji-simulation.png", width=450, height=455)


def test_an_error_is_one_dialog(screen):
    running = screen.begin("Reconstruct...")
    title, text, buttons = screen.dialog()
    assert title == "Deep-STORM: Reconstruct"
    assert "no image is open" in re.sub(r"\s+", " ", text)
    assert len(buttons) == 1
    screen.ask("click", label=r"\s*OK\s*")
    assert running.result(timeout=240)["status"].startswith("error: no image is open")


def _camera(folder):
    import deep_storm as ds
    from deep_storm.io.camera_files import write_camera
    from deep_storm.io.thunderstorm import read_protocol

    camera = read_protocol(DATA / "filaments_drift_first20_thunderstorm-protocol.txt")
    assert isinstance(camera, ds.Camera)
    write_camera(folder / "camera.toml", camera)
    return folder / "camera.toml"
