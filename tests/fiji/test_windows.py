"""ImageJ's real windows on a virtual screen; the pictures of the documentation come from here.

``DEEP_STORM_DOC_IMAGES=docs/images`` keeps the pictures.
"""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

from deep_storm.fiji.menu import catalog
from deep_storm.io.tables.thunderstorm import read_table

DATA = Path(__file__).resolve().parents[1] / "data"


def test_result_table_and_image_are_windows(screen, pictures, trained, movie, home):
    screen.show("movie", array=movie, title="movie.tif", pixel=(0.1, "um"))
    done = screen.run_through(
        "Reconstruct_Stack...", model=trained / "model", threshold="0.1", output=trained / "shown"
    )
    assert done["status"].startswith("ok: ")
    assert "table" not in done
    titles = screen.ask("windows")
    assert any(t.startswith("movie.tif - Deep-STORM") for t in titles)
    assert "movie.tif localizations" in titles
    shown = "java('ij.WindowManager').getImage('movie.tif - Deep-STORM')"
    unit = screen.ask("evaluate", text=f"str({shown}.getCalibration().getUnit())")
    assert unit in ("µm", "um", "micron")
    report = (trained / "shown-report.html").resolve()
    assert report.is_file()
    opened = home / "opened.txt"
    screen.wait_for(
        lambda: opened.is_file() and report.as_uri() in opened.read_text(encoding="utf-8")
    )


def test_filaments_of_thunderstorm_with_the_general_model(screen, pictures, tmp_path):
    open_filaments(screen, zoom=500)
    done = screen.run_through("Reconstruct_Stack...", model="general", camera=_camera(tmp_path))
    assert done["status"].startswith("ok: ")
    screen.ask("arrange", title="ImageJ", x=10, y=10)
    screen.ask("arrange", title="filaments.tif (", x=10, y=130)
    screen.ask("arrange", title="filaments.tif - Deep-STORM", x=400, y=130)
    screen.ask("arrange", title="filaments.tif localizations", x=10, y=720, width=930, height=170)
    screen.picture(pictures / "fiji-reconstruct.png", width=950, height=900)


def test_preview_is_drawn_over_the_frame_in_view(screen, pictures, tmp_path):
    open_filaments(screen, zoom=800)
    screen.ask("evaluate", text="KEPT['filaments'].setSlice(5)")
    inputs = {"model": "general", "camera": _camera(tmp_path)}
    running = screen.begin("Preview_Current_Frame...", "filaments", **inputs)
    title, text, _ = screen.dialog()
    assert title == "Preview Current Frame"
    assert "on frame 5" in text
    screen.ask("evaluate", text="KEPT['filaments'].setSlice(9)")
    screen.wait_for(lambda: "on frame 9" in screen.dialog()[1])
    assert {roi["frame"] for roi in screen.ask("overlay", name="filaments")} == {9}
    assert screen.ask("cut_off", title="Preview Current Frame") == []
    screen.ask("arrange", title="ImageJ", x=640, y=800)
    screen.ask("arrange", title="filaments.tif (", x=10, y=10)
    screen.ask("arrange", title="filaments.tif frame", x=10, y=800)
    screen.ask("arrange", title="Preview Current Frame", x=590, y=10)
    picture = screen.picture(pictures / "fiji-preview.png", width=1270, height=585)
    assert picture.max() > 150
    screen.ask("click", label="Close")
    assert "on frame 5" in running.result()["status"]
    assert {roi["frame"] for roi in screen.ask("overlay", name="filaments")} == {9}


def open_filaments(screen, zoom):
    """Open a stack of ThunderSTORM's, as large as one can see it."""
    stack = DATA / "filaments_drift_first20.tif"
    screen.show("filaments", file=str(stack))
    screen.ask("evaluate", text="KEPT['filaments'].setTitle('filaments.tif')")
    text = f"java('ij.IJ').run(KEPT['filaments'], 'Set... ', 'zoom={zoom}')"
    screen.ask("evaluate", text=text)


def test_measured_background_is_an_overlay_and_a_row_in_results(screen, pictures):
    rng = np.random.default_rng(3)
    frames = rng.normal(200.0, 4.0, (10, 128, 128))
    for y, x in rng.integers(8, 120, (30, 2)):
        frames[:, y - 3 : y + 4, x - 3 : x + 4] += 400.0
    screen.show("dark", array=np.round(frames).astype(np.uint16), title="dark.tif")
    screen.ask("evaluate", text="java('ij.IJ').run(KEPT['dark'], 'Set... ', 'zoom=300')")
    screen.ask("forget", key="camera")
    done = screen.run("Measure_Background...")
    assert done["status"].startswith("ok: Baseline    200.")
    assert "Results" in screen.ask("windows")
    screen.ask("arrange", title="ImageJ", x=640, y=800)
    screen.ask("arrange", title="dark.tif", x=10, y=10)
    screen.ask("arrange", title="Results", x=10, y=480, width=870, height=160)
    screen.picture(pictures / "fiji-background.png", width=890, height=650)


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
    assert running.result()["status"].startswith("ok: ")
    text = "java('ij.IJ').run(java('ij.IJ').getImage(), 'Set... ', 'zoom=600')"
    screen.ask("evaluate", text=text)
    screen.ask("arrange", title="ImageJ", x=640, y=800)
    screen.ask("arrange", title="filaments", x=10, y=10)
    screen.picture(pictures / "fiji-simulation.png", width=450, height=455)


def test_further_options_are_asked_for_in_a_second_dialog(screen, trained, movie):
    screen.show("movie", array=movie, title="movie.tif", pixel=(0.1, "um"))
    inputs = {"model": trained / "model", "threshold": "0.1"}
    running = screen.begin("Reconstruct_Stack...", "movie", more="ask", **inputs)
    title, _, buttons = screen.dialog()
    assert title == "Reconstruct Stack: more options"
    fields = screen.ask("fields", title=title)
    further = catalog.command("reconstruct").further
    assert len(fields) == len(further)
    assert screen.ask("cut_off", title=title) == []
    assert {"OK", "Cancel"} <= {button.strip() for button in buttons}
    assert screen.ask("click", label="Help")
    explained = screen.wait_for(lambda: screen.ask("pages"))[0]
    for parameter in further:
        assert parameter.label in explained
        assert parameter.described in explained
    screen.ask("close_pages")
    texts = [p.name for p in further if p.kind != "Boolean" and not p.choices]
    screen.ask("enter", title=title, number=texts.index("upsampling"), text="4")
    screen.ask("tick", label=next(p.label for p in further if p.name == "trust_camera"))
    screen.ask("click", label="OK")
    done = screen.finish(running)
    assert done["status"].startswith("ok: "), done["status"]
    # what the macro recorder writes is what was chosen
    assert done["inputs"]["more"] == "trust_camera=true upsampling=4"
    assert done["image"]["array"].shape == tuple(4 * n for n in movie.shape[1:])


def test_models_found_and_cameras_saved_are_lists(screen, trained, movie):
    screen.run("Camera_Setup...", photons_per_adu=0.5, name="left port")
    screen.show("movie", array=movie, title="movie.tif", pixel=(0.1, "um"))
    running = screen.begin("Reconstruct_Stack...", "movie", model="ask", camera="ask")
    title, _, _ = screen.dialog()
    assert title == "Reconstruct Stack: choose"
    models, cameras = screen.ask("lists", title=title)
    assert models[0] == "general"
    assert cameras == ["auto", "current", "none", "left port"]
    screen.ask("choose", title=title, number=1, text="left port")
    screen.ask("click", label="OK")
    done = screen.finish(running)
    assert done["status"].startswith("ok: "), done["status"]
    assert done["inputs"]["camera"] == "left port"  # what the macro recorder writes
    assert done["inputs"]["model"] == "general"


def test_a_result_waits_for_nobody(screen, movie):
    screen.run("Camera_Setup...", pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)
    screen.show("movie", array=movie, title="movie.tif", pixel=(0.1, "um"))
    done = screen.run("Estimate_From_Localizations...", "movie")  # nobody presses OK
    assert done["status"].startswith("ok: PSF sigma")
    title, text, buttons = screen.dialog()
    assert title == "Estimate From Localizations"
    assert [button.strip() for button in buttons] == ["OK"]
    assert "PSF sigma" in text
    assert "\nDensity " in text  # lines as on the command line, to be copied
    assert screen.ask("click", label=r"\s*OK\s*")
    screen.wait_for(lambda: screen.ask("dialogs") == [])


def test_frames_as_channels_are_asked_about_once(screen, movie):
    screen.show("movie", array=movie, title="movie.tif", axes="channels", pixel=(0.1, "um"))
    running = screen.begin("Reconstruct_Stack...", "movie", model="general")
    _, text, _ = screen.dialog()
    assert "it was opened with its frames as channels" in re.sub(r"\s+", " ", text)
    screen.ask("click", label="No")
    _, text, buttons = screen.wait_for(
        lambda: [d for d in screen.ask("dialogs") if d[0] == "Deep-STORM: Reconstruct Stack"]
    )[0]
    assert [button.strip() for button in buttons] == ["OK"]
    assert "enter 1 channel and 12 frames in Image > Properties" in re.sub(r"\s+", " ", text)
    screen.ask("click", label=r"\s*OK\s*")
    assert running.result()["status"].startswith("error: 'movie.tif' has 12 channels and 1 frame")


def test_a_cancelled_second_dialog_does_nothing(screen, movie):
    screen.show("movie", array=movie, title="movie.tif", pixel=(0.1, "um"))
    running = screen.begin("Reconstruct_Stack...", "movie", more="ask", model="general")
    screen.dialog()
    screen.ask("click", label="Cancel")
    assert running.result()["status"].startswith("stopped: ")
    assert screen.ask("dialogs") == []


def test_an_error_is_one_dialog(screen):
    running = screen.begin("Reconstruct_Stack...")
    title, text, buttons = screen.dialog()
    assert title == "Deep-STORM: Reconstruct Stack"
    assert "no image is open" in re.sub(r"\s+", " ", text)
    assert len(buttons) == 1
    screen.ask("click", label=r"\s*OK\s*")
    assert running.result()["status"].startswith("error: no image is open")


@pytest.mark.parametrize("answer", ["Keep", "Discard", None])
def test_a_cancelled_reconstruction_is_offered(screen, pictures, trained, movie, tmp_path, answer):
    running = _begin_long(screen, trained, movie, output=tmp_path / "half")
    window = "Deep-STORM: Reconstruct Stack"
    # the window follows the status bar, which was looked at
    first = screen.wait_for(
        lambda: bar if (bar := screen.ask("bar", title=window))[1] > 0 else None
    )
    assert not first[0]
    assert first[1] < 1
    screen.wait_for(lambda: screen.ask("bar", title=window)[1] > first[1])
    assert screen.ask("cut_off", title=window) == []
    assert screen.ask("click", label="Cancel")
    title, text, buttons = screen.dialog()
    assert title == "Deep-STORM"
    found = re.search(r"Stopped after (\d+) frames with (\d+) localizations. Keep them\?", text)
    assert 0 < int(found[1]) < 3600
    assert sorted(button.strip() for button in buttons) == ["Discard", "Keep"]
    assert not list(tmp_path.glob("half*"))
    screen.ask("arrange", title="ImageJ", x=640, y=800)
    screen.ask("arrange", title="long.tif", x=500, y=500)
    screen.ask("arrange", title="Deep-STORM", x=10, y=10)
    screen.picture(pictures / "fiji-keep.png", width=470, height=120)
    if answer is None:  # nothing is lost by closing a window
        screen.ask("close", title="Deep-STORM")
    else:
        screen.ask("click", label=answer)
    done = screen.finish(running)
    if answer != "Discard":
        assert done["status"].startswith(f"ok: {found[2]} localizations in {found[1]} frames")
        assert len(read_table(tmp_path / "half.csv")) == int(found[2])
    else:
        assert done["status"].startswith("stopped: ")
        assert not list(tmp_path.glob("half*"))


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_a_killed_worker_is_one_dialog_and_the_image_stays(screen, trained, movie):
    running = _begin_long(screen, trained, movie)
    os.kill(screen.worker_pid(), signal.SIGKILL)
    title, text, buttons = screen.dialog()
    assert title == "Deep-STORM: Reconstruct Stack"
    text = re.sub(r"\s+", " ", text)
    for words in ("ended unexpectedly (signal 9", "close other programs", "Its log is"):
        assert words in text
    assert len(buttons) == 1
    screen.ask("click", label="OK")
    assert running.result()["status"].startswith("error: ")
    assert screen.ask("dialogs") == []
    assert "long.tif" in screen.ask("images")


def test_a_window_closed_in_the_middle_is_an_error_with_what_was_done(
    screen, trained, movie, tmp_path
):
    running = _begin_long(screen, trained, movie, output=tmp_path / "half")
    screen.ask("evaluate", text="KEPT['long'].close()")
    _, text, _ = screen.dialog()
    text = re.sub(r"\s+", " ", text)
    assert "the image 'long.tif' changed while it was read: it was closed" in text
    assert "Keep them?" in text
    screen.ask("click", label="Keep")
    screen.wait_for(
        lambda: [d for d in screen.ask("dialogs") if d[0].endswith(": Reconstruct Stack")]
    )
    screen.ask("click", label="OK")
    assert running.result()["status"].startswith("error: the image 'long.tif' changed")
    assert len(read_table(tmp_path / "half.csv")) > 0


def _begin_long(screen, trained, movie, **inputs):
    """Begin to reconstruct a long movie, and return when some of it is done."""
    screen.show("long", array=np.tile(movie, (300, 1, 1)), title="long.tif", pixel=(0.1, "um"))
    screen.ask("status")
    running = screen.begin(
        "Reconstruct_Stack...",
        "long",
        model=trained / "model",
        threshold="0.1",
        more="trust_camera=true",  # the same frames again and again have a noise of their own
        **inputs,
    )
    counted = re.compile(r"\d frames")  # not blocks of frames, which are examined first
    screen.wait_for(lambda: [s for s in screen.ask("status") if s[1] and counted.search(s[3])])
    return running


def test_post_processing_takes_the_table_in_front(screen, pictures, tmp_path):
    open_filaments(screen, zoom=300)
    done = screen.run_through("Reconstruct_Stack...", model="general", camera=_camera(tmp_path))
    found = int(done["status"].removeprefix("ok: ").split()[0])
    formula = "confidence > 0.8 & uncertainty_xy < 12"
    done = screen.run("Filter_Localizations...", formula=formula, output=tmp_path / "few.csv")
    assert done["status"].startswith("ok: ")
    kept = read_table(tmp_path / "few.csv")
    assert 0 < len(kept) < found
    assert kept["confidence"].min() > 0.8
    done = screen.run("Render_Localizations...", pixel_size_nm=20.0, output=tmp_path / "few.tif")
    drawn = int(re.search(r"(\d+) localizations", done["status"])[1])
    # the filtered table is in front now; at the edges a little of them lies outside
    assert len(kept) - 3 <= drawn <= len(kept)
    assert "Render Localizations - Deep-STORM" in screen.ask("images")
    screen.ask("arrange", title="ImageJ", x=640, y=800)
    screen.ask("arrange", title="filaments.tif - Deep-STORM", x=960, y=10)
    screen.ask("arrange", title="filaments.tif (", x=370, y=10)
    screen.ask("arrange", title="filaments.tif localizations", x=10, y=700)  # not in the picture
    screen.ask("arrange", title="Render Localizations", x=10, y=10)
    screen.ask(
        "arrange", title="filaments.tif localizations, filtered", x=10, y=400, width=930, height=170
    )
    screen.picture(pictures / "fiji-filtered.png", width=950, height=580)


@pytest.mark.parametrize(
    ("answer", "said"), [("No", "not changed"), ("Yes", "has these values now")]
)
def test_a_lit_background_is_asked_about(screen, answer, said):
    screen.ask("forget", key="camera")
    screen.run("Camera_Setup...", pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)
    stack = {"file": str(DATA / "dense_d6_first10.tif")}
    running = screen.begin("Measure_Background...", stack, use_for_camera=True)
    _, text, _ = screen.dialog()
    assert "contains light" in text
    assert "Use it for the camera anyway?" in text
    screen.ask("click", label=answer)
    assert said in running.result(timeout=60)["status"]
    assert (screen.ask("camera")["baseline_adu"] == 100.0) == (answer == "No")


def test_the_installation_is_a_verdict_and_a_table(screen):
    labels = [catalog.command(key).menu[-1] for key in catalog.command_keys()]
    running = screen.begin("Check_Installation...")
    title, text, _ = screen.dialog()
    assert title == "Check Installation"
    said = re.sub(r"\s+", " ", text)
    assert f"not ready: {len(labels)} of {len(labels)} commands are not in the menu" in said
    assert "run `deep-storm fiji install` and start Fiji again" in said
    screen.ask("click", label="OK")
    running.result()
    screen.ask("close_all")
    for label in labels:
        screen.ask("add_command", name=label, macro="none.ijm")
    try:
        running = screen.begin("Check_Installation...")
        assert "Deep-STORM is ready." in screen.dialog()[1]
        assert "Deep-STORM installation" in screen.ask("windows")
        rows = screen.ask("rows", title="Deep-STORM installation")
        assert rows[0] == ["Commands", "ok", f"all {len(labels)} are in the menu"]
        assert [row[1] for row in rows if row[0] == "ThunderSTORM"] == ["optional"]
        screen.ask("click", label="OK")
        assert "\nCommands" in running.result()["status"]
    finally:
        for label in labels:
            screen.ask("add_command", name=label, macro=None)


def _camera(folder):
    import deep_storm as ds
    from deep_storm.io.camera_files import write_camera
    from deep_storm.io.tables.thunderstorm import read_protocol

    camera = read_protocol(DATA / "filaments_drift_first20_thunderstorm-protocol.txt")
    assert isinstance(camera, ds.Camera)
    write_camera(folder / "camera.toml", camera)
    return folder / "camera.toml"
