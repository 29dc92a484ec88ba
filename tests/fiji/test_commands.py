"""Every command of the menu run to its end in a real ImageJ, without windows."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.fiji.menu import catalog
from deep_storm.io.camera_files import read_camera
from deep_storm.io.psf_files import read_psf
from deep_storm.simulation.noise import expose
from deep_storm.simulation.psf import add_emitters

DATA = Path(__file__).resolve().parents[1] / "data"
TESTED = {
    "super-resolve", "measure-psf",  # in files of their own
    "calibrate-psf", "camera-setup", "measure-background", "import-localizations",
    "import-simulation", "simulate",
    "train", "preview", "reconstruct", "send-to-thunderstorm", "render", "evaluate", "doctor",
    "estimate", "filter", "correct-drift", "merge", "remove-duplicates", "cluster",
}  # fmt: skip


def test_every_command_is_run_here():
    assert set(catalog.command_keys()) == TESTED


# -- camera


def test_camera_is_kept_in_the_preferences_and_a_file(imagej, tmp_path):
    path = tmp_path / "caméra µ.toml"
    done = imagej.run(
        "Camera_Setup...",
        pixel_size_nm=107.0,
        baseline_adu=99.5,
        photons_per_adu=0.25,
        read_noise_adu=1.5,
        em_gain="100",
        output=path,
    )
    assert done["status"].startswith("ok: ")
    kept = imagej.ask("camera")
    assert kept["pixel_size_nm"] == 107.0
    assert kept["em_gain"] == 100.0
    assert read_camera(path).model_dump() == kept


def test_camera_of_a_protocol(imagej):
    protocol = DATA / "filaments_drift_first20_thunderstorm-protocol.txt"
    done = imagej.run("Camera_Setup...", source="protocol", protocol=protocol)
    assert done["status"].startswith("ok: ")
    assert imagej.ask("camera")["pixel_size_nm"] == 100.0


def test_a_psf_over_depth_from_a_z_stack_of_beads(imagej, tmp_path):
    camera = {"pixel_size_nm": 100.0, "baseline_adu": 100.0, "photons_per_adu": 0.5}
    depths_nm, (y, x) = np.arange(-500.0, 501.0, 100.0), np.mgrid[25:100:35, 25:100:35] + 0.3
    expected = np.full((len(depths_nm), 120, 120), 10, np.float32)
    for frame, depth_nm in enumerate(depths_nm):
        sigma_px, light = 1.2 * np.hypot(1.0, depth_nm / 400.0), 9000.0
        add_emitters(
            expected, np.full(x.size, frame), x.ravel(), y.ravel(), np.full(x.size, sigma_px),
            np.full(x.size, light),
        )  # fmt: skip
    frames = expose(expected, ds.Camera(**camera), np.random.default_rng(1))
    imagej.run("Camera_Setup...", **camera)
    # no example is taken for the distance of the planes
    missing = imagej.run("Calibrate_PSF...", {"array": frames, "axes": "z"}, z_step_nm=0.0)
    assert missing["status"].startswith("error: ")
    assert "at least 1 nm apart" in missing["status"]
    done = imagej.run(
        "Calibrate_PSF...",
        {"array": frames, "axes": "z"},
        z_step_nm=100.0,
        output=tmp_path / "psf.toml",
    )
    assert done["status"].startswith("ok: ")
    assert "9 beads" in done["status"]
    assert len(read_psf(tmp_path / "psf.toml").z_nm) > 5


def test_camera_of_thunderstorm(imagej):
    absent = imagej.run("Camera_Setup...", source="ThunderSTORM")
    assert absent["status"].startswith("error: ")
    assert "open ThunderSTORM's Camera setup and press OK" in absent["status"]
    for key, value in (("pixelSize", 80.0), ("photons2ADU", 3.6), ("offset", 414.0)):
        imagej.ask("set_preference", key=f"thunderstorm.camera.{key}", value=value)
    done = imagej.run("Camera_Setup...", source="ThunderSTORM")
    assert done["status"].startswith("ok: ")
    assert imagej.ask("camera")["baseline_adu"] == 414.0


def test_camera_out_of_range_is_named(imagej):
    done = imagej.run("Camera_Setup...", quantum_efficiency=0.5, em_gain=0.5)
    assert done["status"].startswith("error: the field 'EM gain (1 = no EM gain)' is 0.5")


def test_no_em_gain_is_a_camera_without(imagej):
    imagej.run("Camera_Setup...", em_gain=1.0)
    assert imagej.ask("camera")["em_gain"] is None


def test_a_camera_has_a_name(imagej, trained, movie):
    imagej.run("Camera_Setup...", pixel_size_nm=100.0, photons_per_adu=0.5, name="left port")
    imagej.run("Camera_Setup...", pixel_size_nm=160.0, photons_per_adu=2.0)
    done = imagej.run("Camera_Setup...", source="saved camera", name="left port")
    assert done["status"].startswith("ok: Camera: Pixel size (nm) 100")
    assert imagej.ask("camera")["photons_per_adu"] == 0.5
    image = {"array": movie, "pixel": (0.1, "um")}
    done = imagej.run("Preview_Current_Frame...", image, model="general", camera="left port")
    assert done["status"].startswith("ok: "), done["status"]
    done = imagej.run("Preview_Current_Frame...", image, model="general", camera="right port")
    assert done["status"].startswith("error: there is no camera 'right port'")
    assert "left port" in done["status"]


# -- what needs no worker


STOP = "deep_storm.fiji.client.service:stop"


@pytest.mark.parametrize(
    ("command", "inputs", "said"),
    [
        ("Preview_Current_Frame...", {"model": "nowhere"}, "there is no model folder nowhere"),
        (
            "Reconstruct_Stack...",
            {"model": DATA},
            "is not a model folder; expected a folder",
        ),
        (
            "Filter_Localizations...",
            {"table": DATA / "filaments_drift_first20_thunderstorm.csv"},
            "there is no condition",
        ),
        (
            "Filter_Localizations...",
            {"table": "a.csv", "formula": "confidence >= 0.5"},
            ">=",
        ),
        ("Evaluate_Against_Truth...", {"results": "none"}, "there is nothing to compare with"),
        ("Train_Model...", {"matched_to": "start model", "output": "m"}, "is not given"),
        ("Reconstruct_Stack...", {"more": "divice=cpu"}, "did you mean device?"),
        ("Reconstruct_Stack...", {"more": "upsampling"}, "write upsampling=VALUE"),
        ("Reconstruct_Stack...", {"more": "overwrite"}, "write overwrite=true"),
        ("Reconstruct_Stack...", {"more": "refine=true"}, "that is the field 'Refine"),
        ("Preview_Current_Frame...", {"more": "frame=abc"}, "is 'abc'; expected a whole number"),
        ("Camera_Setup...", {"source": "saved camera"}, "no name of a saved camera is given"),
        ("Train_Model...", {"more": "seed=two"}, "seed is 'two'; expected a whole number"),
        ("Reconstruct_Stack...", {"more": "ask"}, "there is nobody to ask"),
        ("Reconstruct_Stack...", {"model": "ask"}, "Model is 'ask', but there is nobody to ask"),
    ],
)
def test_a_mistake_is_told_without_a_worker(imagej, movie, command, inputs, said):
    imagej.ask("call", function=STOP)
    done = imagej.run(command, {"array": movie}, **inputs)
    assert done["status"].startswith("error: ")
    assert said in done["status"]
    assert imagej.worker_pid() is None


def test_further_options_are_pairs_in_a_text(imagej, trained, movie):
    done = imagej.run(
        "Reconstruct_Stack...",
        {"array": movie},
        model=trained / "model",
        threshold="0.1",
        more="upsampling=4 device=cpu",
    )
    assert done["status"].startswith("ok: ")
    height, width = movie.shape[1:]
    assert done["image"]["array"].shape == (4 * height, 4 * width)


# -- import


def test_simulation_of_thunderstorm_is_opened_with_its_emitters(imagej, tmp_path):
    for name in ("filaments_drift_first20.tif", "filaments_drift_first20_gt.csv"):
        shutil.copy(DATA / name, tmp_path)
    shutil.copy(
        DATA / "filaments_drift_first20_thunderstorm-protocol.txt",
        tmp_path / "filaments_drift_first20_gt-protocol.txt",
    )
    truth = tmp_path / "filaments_drift_first20_gt.csv"
    done = imagej.run(
        "Import_ThunderSTORM_Simulation...",
        stack=tmp_path / "filaments_drift_first20.tif",
        truth=truth,
        camera="none",
    )
    assert done["status"].startswith("ok: Stack       20 frames")
    emitters = ds.read_table(truth)
    overlay = done["image"]["overlay"]
    assert sum(roi["points"] for roi in overlay) == len(emitters)
    assert {roi["frame"] for roi in overlay} == set(emitters["frame"] + 1)


def test_simulation_may_be_the_image_in_front(imagej, trained, movie):
    done = imagej.run(
        "Import_ThunderSTORM_Simulation...",
        {"array": movie, "pixel": (0.1, "um")},
        truth=trained / "sim.csv",
        camera=trained / "camera.toml",
    )
    assert done["status"].startswith("ok: Stack       12 frames")
    first = ds.read_table(trained / "sim.csv", kind="ground truth").query("frame == 0")
    box = next(roi["box"] for roi in done["overlay"] if roi["frame"] == 1)
    # ImageJ's points count from the centre of the first pixel
    assert box[0] == pytest.approx(first["x_nm"].min() / 100 - 0.5, abs=1e-3)
    assert box[1] == pytest.approx(first["y_nm"].min() / 100 - 0.5, abs=1e-3)


@pytest.mark.parametrize("name", ["filaments_drift_first20_thunderstorm", "emccd_d1_first10_gt"])
def test_table_of_thunderstorm_in_the_results_window(imagej, name):
    done = imagej.run("Import_Localizations...", table=DATA / f"{name}.csv", camera="none")
    assert done["status"].startswith("ok: ")
    assert ".csv: frame, x [nm], y [nm], " in done["status"]
    table = ds.read_table(DATA / f"{name}.csv")
    np.testing.assert_array_equal(done["table"]["x [nm]"], table["x_nm"])
    np.testing.assert_array_equal(done["table"]["frame"], table["frame"] + 1)


def test_table_of_v13_in_the_results_window(imagej, tmp_path):
    path = tmp_path / "v13.csv"
    path.write_text('"frame","x [nm]","y [nm]","uncertainty [nm]"\n3,1.5,2.5,9.0\n')
    done = imagej.run("Import_Localizations...", table=path)
    assert done["table"]["uncertainty_xy [nm]"].tolist() == [9.0]


def test_table_without_positions_is_named(imagej, tmp_path):
    path = tmp_path / "wrong.csv"
    path.write_text('"frame","Area"\n1,2\n')
    done = imagej.run("Import_Localizations...", table=path)
    assert done["status"].startswith("error: the table")
    assert "no column 'x [nm]'" in done["status"]


# -- simulate, train


def test_simulation_is_that_of_python(imagej, trained, tmp_path):
    done = imagej.run(
        "Simulate_Training_Data...",
        camera=trained / "camera.toml",
        output=tmp_path / "sim",
        frames=3,
        width_px=32,
        height_px=32,
        sigma_nm=110.0,
        density_per_um2=1.0,
        intensity_photon=1500.0,
        background_photon=20.0,
    )
    assert done["status"].startswith("ok: ")
    expected = ds.simulate(
        output=tmp_path / "python", camera=trained / "camera.toml", frames=3, width_px=32,
        height_px=32, sigma_nm=110.0, density_per_um2=1.0, intensity_photon=1500.0,
        background_photon=20.0,
    )  # fmt: skip
    assert (tmp_path / "sim.csv").read_bytes() == expected.written[1].read_bytes()


def test_training_matched_to_a_file_and_to_an_imported_simulation(imagej, trained, tmp_path):
    missing = imagej.run("Train_Model...", matched_to="settings file", output=tmp_path / "m")
    assert missing["status"].startswith("error: the simulation is matched to the settings file")
    done = imagej.run(
        "Train_Model...",
        matched_to="imported simulation",
        simulation_stack=trained / "sim.tif",
        simulation_ground_truth=trained / "sim.csv",
        camera=trained / "camera.toml",
        config=_few_steps(tmp_path),
        output=tmp_path / "mine",
        steps="2",
    )
    assert done["status"].startswith("ok: ")
    assert ds.Model.load(tmp_path / "mine").card.training["data"] == "imported simulation"
    report = (tmp_path / "mine" / "report.html").read_text(encoding="utf-8")
    assert "Simulated patches above real frames" in report
    assert imagej.ask("evaluate", text="plain_host().recall('preview.model')") == str(
        tmp_path / "mine"
    )


def test_training_without_a_camera_says_where_to_enter_it(imagej, tmp_path):
    imagej.ask("forget", key="camera")
    done = imagej.run("Train_Model...", output=tmp_path / "m", config=_few_steps(tmp_path))
    assert done["status"].startswith("error: ")
    assert "Camera Setup" in done["status"]
    assert not (tmp_path / "m").exists()


def _few_steps(folder):
    path = folder / "few.toml"
    path.write_text("[training]\nbatch = 2\npatch_size_px = 24\n")
    return path


# -- preview, reconstruct: see test_reconstruct.py


# -- installation


def test_the_verdict_on_the_installation_comes_first(imagej, trained):
    imagej.ask("forget", key="camera")
    first, _, *table = imagej.run("Check_Installation...")["status"].splitlines()
    assert first.startswith("ok: Deep-STORM is ready. Next: enter your camera (Plugins > Deep-")
    assert first.endswith("> Super-Resolve This Stack...")
    names = [line.split("  ")[0] for line in table]
    assert names == [
        "Commands", "Python mode", "Worker", "TensorFlow", "Java", "ThunderSTORM", "Camera",
        "Models", "ImageJ",
    ]  # fmt: skip
    rows = dict(zip(names, table, strict=True))
    assert "runs without windows" in rows["Commands"]
    assert "none was entered yet" in rows["Camera"]
    assert str(trained / "model") in rows["Models"]  # which was trained from here


def test_a_worker_that_does_not_start_is_a_finding(imagej):
    imagej.ask("call", function=STOP)
    asleep = "import time; time.sleep(600)"
    with imagej.replaced("deep_storm.fiji.client.service", START_SECONDS=1.0, _READY=asleep):
        first, _, *table = imagej.run("Check_Installation...")["status"].splitlines()
    assert first.startswith("ok: Deep-STORM is not ready: the worker process that runs TensorFlow")
    assert "To fix it: build the Python environment again" in first
    assert any(line.startswith("Worker") and "to fix" in line for line in table)
    assert any(line.startswith("ThunderSTORM") for line in table)


def test_tensorflow_never_comes_into_imagej(imagej):
    assert imagej.ask("modules", words=["tensorflow", "keras", "matplotlib"]) == []


# -- estimate


def test_estimate_of_a_table_is_the_settings_of_a_simulation(imagej, tmp_path):
    imagej.run("Camera_Setup...", pixel_size_nm=100.0, photons_per_adu=0.45, output="none")
    path = tmp_path / "matched.toml"
    done = imagej.run(
        "Estimate_From_Localizations...",
        stack="none",
        localizations=DATA / "filaments_drift_first20_thunderstorm.csv",
        output=path,
    )
    assert done["status"].startswith("ok: ")
    assert "[psf]" in path.read_text(encoding="utf-8")
    assert path.with_suffix(".png").is_file()


def test_estimate_takes_what_is_in_front(imagej, movie):
    imagej.run("Camera_Setup...", pixel_size_nm=100.0, photons_per_adu=0.5)
    done = imagej.run("Estimate_From_Localizations...", {"array": movie})
    assert done["status"].startswith("ok: PSF sigma")
    colours = {"array": movie.astype(np.int32)}
    wrong = imagej.run("Estimate_From_Localizations...", colours)
    assert "is an RGB image" in wrong["status"]
    nothing = imagej.run("Estimate_From_Localizations...")
    assert nothing["status"].startswith("error: neither an image nor a localization table is open")
