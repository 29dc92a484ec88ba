"""The main job in small: simulate, train, preview, reconstruct, through the verbs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import CameraError, OutputError, SettingsError, StackError
from deep_storm.io.config import load_toml
from deep_storm.networks.precision import learning_dtype
from deep_storm.settings import Device

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.usefixtures("quick_calibration", "eager_training")
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
MOLECULES = {
    "camera": CAMERA,
    "sigma_nm": 110,
    "density_per_um2": 1.0,
    "intensity_photon": 1500,
    "background_photon": 20,
}
BRIEF = {"batch": 2, "patch_size_px": 24}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("main job")
    ds.simulate(output=folder / "sim", frames=12, width_px=40, height_px=36, **MOLECULES)
    result = ds.train(output=folder / "model", steps=3, **BRIEF, **MOLECULES)
    assert result.written == (folder / "model",)
    return folder


def test_training_leaves_a_whole_model_folder(work):
    names = {p.name for p in (work / "model").iterdir()}
    files = {"model.toml", "weights.npz", "last.npz", "history.csv", "loss.png", "report.html"}
    assert names == files
    assert ds.Model.load(work / "model").card.camera == CAMERA


def test_same_seed_and_steps_give_the_same_weights(work):
    again = ds.train(steps=3, **BRIEF, **MOLECULES).model.keras_model.get_weights()
    first = ds.Model.load(work / "model").keras_model.get_weights()
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_report_shows_the_movie_beside_simulated_patches(work, tmp_path):
    wanted = {"steps": 1, **BRIEF, "movie": work / "sim.tif", **MOLECULES}
    result = ds.train(output=tmp_path / "model", **wanted)
    html = (result.written[0] / "report.html").read_text(encoding="utf-8")
    assert "Simulated patches above real frames" in html
    wanted["camera"] = CAMERA.model_copy(update={"pixel_size_nm": 160.0})
    with pytest.raises(CameraError, match="pixel_size_nm"):
        ds.train(output=tmp_path / "other", **wanted)
    assert not (tmp_path / "other").exists()


def test_imported_simulation_trains_the_classic_network(work):
    result = ds.train(
        simulation=(work / "sim.tif", work / "sim.csv"),
        network="classic",
        upsampling=4,
        steps=2,
        **BRIEF,
    )
    assert result.model.card.network.network == "classic"
    done = ds.reconstruct(work / "sim.tif", model=result.model, frames="1:2")
    assert done.image.shape == (36 * 4, 40 * 4)
    assert {"frame", "x_nm", "y_nm", "confidence"} <= set(done.table.columns)


def test_reconstruct_writes_image_table_protocol_and_record(work):
    done = ds.reconstruct(work / "sim.tif", model=work / "model", output=work / "out", threshold=0)
    assert [p.name for p in done.written] == [
        "out.tif",
        "out.csv",
        "out-protocol.txt",
        "out-run.toml",
        "out-report.html",
    ]
    assert "Does the model fit the frames?" in done.written[-1].read_text(encoding="utf-8")
    assert tifffile.imread(work / "out.tif").shape == (36 * 8, 40 * 8)
    table = ds.read_table(work / "out.csv")
    assert len(table) == len(done.table) > 0
    again = ds.reconstruct(work / "sim.tif", model=work / "model", config=work / "out-run.toml")
    np.testing.assert_array_equal(again.table["x_nm"], done.table["x_nm"])


def test_a_record_is_of_use_in_every_folder(work, tmp_path, monkeypatch):
    monkeypatch.chdir(work)
    # named like the movie, as the README does
    done = ds.reconstruct("sim.tif", model="model", output="results/sim", frames="1:3")
    inputs = load_toml(done.written[3])["inputs"]
    assert Path(inputs["stack"]) == work / "sim.tif"
    assert Path(inputs["model"]) == work / "model"
    kept = ds.filter("results/sim.csv", "confidence > 0", output=tmp_path / "kept.csv")
    assert Path(load_toml(kept.written[-1])["inputs"]["table"]) == work / "results" / "sim.csv"
    pages = []
    for folder, record in ((work, "results/sim-run.toml"), (work / "results", "sim-run.toml")):
        monkeypatch.chdir(folder)
        page = ds.report(record, output=tmp_path / f"{folder.name}.html").written[0]
        pages.append(page.read_text(encoding="utf-8").count("data:image/png"))
    assert pages[0] == pages[1]


def test_a_report_can_be_left_out_and_an_old_one_does_not_stay(work):
    settings = {"model": work / "model", "output": work / "brief", "frames": "1:3"}
    ds.reconstruct(work / "sim.tif", **settings)
    assert (work / "brief-report.html").exists()
    done = ds.reconstruct(work / "sim.tif", no_report=True, overwrite=True, **settings)
    assert len(done.written) == 4
    assert not (work / "brief-report.html").exists()


@pytest.mark.parametrize("start", ["model", "model/last.npz"])
def test_starting_from_a_model_keeps_its_weights_and_what_it_was_trained_for(work, tmp_path, start):
    model = ds.Model.load(work / "model")
    model.last_weights = [w + np.float32(0.01) for w in model.keras_model.get_weights()]
    model.save(tmp_path / "model")
    finer = ds.train(from_model=tmp_path / start, steps=1, learning_rate=1e-12, **BRIEF).model
    last = start.endswith("last.npz")
    expected = model.last_weights if last else model.keras_model.get_weights()
    np.testing.assert_allclose(finer.keras_model.get_weights()[0], expected[0], atol=1e-6)
    assert finer.card.psf.sigma_nm == 110
    assert finer.card.training["started_from"] == "model"
    assert finer.card.training["precision"] == learning_dtype(Device())
    assert {layer.compute_dtype for layer in finer.keras_model.layers} == {"float32"}


def test_a_preview_of_a_dropped_frame_says_why_nothing_is_there(work):
    movie = tifffile.imread(work / "sim.tif")
    movie[4] = 100
    said = ds.preview(movie, model=work / "model", frame=5).summary()
    assert said.startswith("no localization on frame 5: it has no usable pixel values")


def test_preview_draws_the_frame(work):
    shown = ds.preview(work / "sim.tif", model=work / "model", frame=3, output=work / "p.png")
    assert set(shown.table["frame"]) <= {2}
    assert (work / "p.png").stat().st_size > 10_000


def test_one_frame_is_enough(work):
    frame = tifffile.imread(work / "sim.tif")[0]
    assert ds.reconstruct(frame, model=work / "model").reconstructed.shape == (1, 36, 40)


def test_nan_in_a_float_stack_is_filled_and_said(work):
    stack = tifffile.imread(work / "sim.tif").astype(np.float32)
    stack[2, 10, 10] = np.nan
    done = ds.reconstruct(stack, model=work / "model")
    assert done.reconstructed.replaced_pixels == 1
    assert np.isfinite(done.image).all()


@pytest.fixture(scope="module")
def done_before(work):
    ds.reconstruct(
        work / "sim.tif", model=work / "model", output=work / "before", frames="1:1", no_report=True
    )


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"output": "before"}, OutputError, "exist already"),
        ({"camera": CAMERA.model_copy(update={"baseline_adu": 90.0})}, CameraError, "baseline_adu"),
        ({"frames": "5:99"}, SettingsError, "12"),
        ({"threshold": 2}, SettingsError, "threshold is 2"),
        ({"stack": "model/model.toml"}, StackError, "TIFF"),
    ],
)
def test_wrong_input_is_named(work, done_before, change, error, words):
    options = {"model": work / "model", **change}
    stack = work / options.pop("stack", "sim.tif")
    if "output" in options:
        options["output"] = work / options["output"]
    with pytest.raises(error, match=words):
        ds.reconstruct(stack, **options)


def test_another_pixel_size_is_refused(work):
    stack = tifffile.imread(work / "sim.tif")
    path = work / "other.tif"
    tifffile.imwrite(
        path, stack, imagej=True, resolution=(1 / 0.16, 1 / 0.16), metadata={"unit": "um"}
    )
    with pytest.raises(CameraError, match="160"):
        ds.reconstruct(path, model=work / "model")


def test_missing_setting_says_which_option_to_give(capsys, tmp_path):
    assert main(["train", "--pixel-size-nm", "100", "-o", str(tmp_path / "m")]) == 2
    assert "--baseline-adu" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_command_line_prints_one_json_object(work, capsys):
    words = ["reconstruct", str(work / "sim.tif"), "--model", str(work / "model"), "--json"]
    assert main([*words, "-o", str(work / "cli")]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 12


def test_damaged_model_is_one_sentence(work, capsys):
    assert main(["preview", str(work / "sim.tif"), "--model", str(work / "sim.csv")]) == 2
    said = capsys.readouterr().err
    assert "model folder" in said
    assert "Traceback" not in said


def test_refined_through_every_door(work, capsys, monkeypatch):
    """--refine: settings in the record, the verdict on the fit in record, summary and JSON."""
    from deep_storm.training import refining

    monkeypatch.setattr(refining, "EMITTERS", 300)
    words = ["reconstruct", str(work / "sim.tif"), "--model", str(work / "model"), "--refine"]
    assert main([*words, "-o", str(work / "refined"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    # A few steps of training propose little; the light left over is found all the same.
    truth = ds.read_table(work / "sim.csv", CAMERA, kind="ground truth")
    scores = ds.evaluate(work / "refined.csv", truth, tolerance_nm=(100.0,)).comparison.scores[0]
    assert scores.jaccard > 0.7
    assert said["fits"]["sigma_ratio"] == pytest.approx(1.0, abs=0.06)
    record = tomllib.loads((work / "refined-run.toml").read_text(encoding="utf-8"))
    assert record["reconstruction"]["refine"] is True
    assert record["results"]["fits"]["verdict"] == said["fits"]["verdict"]
    shown = ds.preview(work / "sim.tif", model=work / "model", frame=2, refine=True)
    assert len(shown.table) > 0
    assert shown.fits.summary() in shown.summary()
    assert "fits" in shown.to_json()


def test_the_verdict_can_be_left_out(work):
    done = ds.reconstruct(work / "sim.tif", model=work / "model", fits=False)
    assert done.fits is None
    assert "fits" not in done.to_json()
