"""Reports of runs and of models, from their records."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import OutputError, SettingsError, TableError
from deep_storm.io.config import load_toml, write_config
from deep_storm.io.images import write_image
from deep_storm.io.psf_files import write_psf
from deep_storm.io.tables.drift_files import Drift, write_drift
from deep_storm.psf.elliptical import Widths, elliptical_table
from deep_storm.verbs.report import report

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
Z_NM = np.arange(-500.0, 501.0, 50.0)
PARTS = {
    "psf": ds.Psf(sigma_nm=110),
    "emitters": ds.Emitters(density_per_um2=1, intensity_photon=1500, structure="filaments"),
    "background": ds.Background(background_photon=20),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Make what a reconstruction of a simulated movie would leave, without a network."""
    folder = tmp_path_factory.mktemp("run")
    ds.simulate(
        output=folder / "movie", camera=CAMERA, frames=60, width_px=48, height_px=40, **PARTS
    )
    rng = np.random.default_rng(0)
    table = ds.read_table(folder / "movie.csv", kind="ground truth")
    table = table[["frame", "x_nm", "y_nm", "sigma_nm", "intensity_photon"]].assign(
        background_photon=20.0, confidence=rng.uniform(0.6, 1, len(table)), uncertainty_xy_nm=10.0
    )
    ds.write_table(folder / "out.csv", table)
    image = ds.render(table, pixel_size_nm=12.5, field_nm=(4800, 4000)).image
    write_image(folder / "out.tif", image, 12.5)
    parts = {"camera": CAMERA, **PARTS}
    record = {
        "run": {"verb": "reconstruct"},
        "reconstruction": {"frames": "1:60"},
        "inputs": {
            "stack": str(folder / "movie.tif"),
            "model": "<model>",
            **{name: part.model_dump() for name, part in parts.items()},
        },
        "outputs": {"image": "out.tif", "table": "out.csv", "record": "out-run.toml"},
        "results": {"frames": 60, "localizations": len(table), "threshold": 0.5},
        "timings": {"seconds": 12.5, "frames_per_second": 4.8},
        "versions": {"deep-storm": "0.1.0"},
    }
    write_config(folder / "out-run.toml", record)
    return folder


@pytest.fixture
def run(template, tmp_path):
    import shutil

    return Path(shutil.copytree(template, tmp_path / "run"))


def headings(path):
    return re.findall(r"<h2>(.*?)</h2>", path.read_text(encoding="utf-8"))


def test_a_run_record_becomes_one_page(run):
    done = report(run / "out-run.toml")
    assert done.written == (run / "out-report.html",)
    assert done.suspicions == ()
    html = done.written[0].read_text(encoding="utf-8")
    assert headings(done.written[0]) == [
        "What came out", "Localizations", "Resolution", "Does the model fit the frames?",
        "PSF and background", "What went in", "Camera and molecules of the model", "Settings",
        "Time and speed", "Versions",
    ]  # fmt: skip
    assert html.count("data:image/png") == 6
    assert "&lt;model&gt;" in html
    assert "60 frames of 48 × 40 px" in html
    assert "4.8 frames per second" in html
    assert done.summary() == "Nothing suspicious was found"


def test_that_localizations_share_frames_is_known_from_the_record_of_the_last_table(run):
    rng = np.random.default_rng(3)
    x_nm, y_nm = (np.repeat(rng.uniform(0, 4000, 200), 5) for _ in range(2))
    frame = (rng.integers(0, 50, 200)[:, None] + np.arange(5)).ravel()
    table = pd.DataFrame({"frame": frame, "x_nm": x_nm, "y_nm": y_nm}).sort_values("frame")
    table[["x_nm", "y_nm"]] += rng.normal(0, 4.0, (1000, 2))
    table = table.assign(confidence=0.95, uncertainty_xy_nm=10.0)
    for name in ("out", "later"):
        ds.write_table(run / f"{name}.csv", table, overwrite=True)

    def said(record, *tables):
        done = report(record, tables=tables, overwrite=True)
        html = done.written[0].read_text(encoding="utf-8")
        closer = any("these are too large" in text for text in done.suspicions)
        assert closer != ("less than once is right" in html)
        return not closer

    assert not said(run / "out-run.toml")
    text = (run / "out-run.toml").read_text(encoding="utf-8")
    shared = text.replace("[results]\n", "[results]\nshared_frames = true\n")
    (run / "out-run.toml").write_text(shared, encoding="utf-8")
    assert said(run / "out-run.toml")
    assert not said(run / "out-run.toml", run / "later.csv")
    write_config(run / "later-run.toml", {"results": {"shared_frames": True}})
    assert said(run / "out-run.toml", run / "later.csv")


def test_what_is_gone_is_left_out(run):
    (run / "out.tif").unlink()
    record = (run / "out-run.toml").read_text(encoding="utf-8")
    record = re.sub(r"(?m)^stack = .*$", 'stack = "gone.tif"', record)
    record = re.sub(r"(?ms)^\[inputs\.psf\].*?(?=^\[outputs)", "", record)
    (run / "bare-run.toml").write_text(record, encoding="utf-8")
    (run / "out.csv").rename(run / "bare.csv")
    done = report(run / "bare-run.toml")
    assert done.written == (run / "bare-report.html",)
    assert "Does the model fit the frames?" not in headings(done.written[0])
    assert "not there when this report was written" in done.written[0].read_text(encoding="utf-8")


def test_the_reconstructed_image_is_not_taken_for_a_movie_of_the_same_name(run, monkeypatch):
    record = (run / "out-run.toml").read_text(encoding="utf-8")
    record = re.sub(r"(?m)^stack = .*$", 'stack = "out.tif"', record)
    record = re.sub(r'(?m)^frames = (60|"1:60")$', "frames = 1", record)
    (run / "out-run.toml").write_text(record, encoding="utf-8")
    monkeypatch.chdir(run)
    html = report("out-run.toml").written[0].read_text(encoding="utf-8")
    assert "1 frame of" not in html


@pytest.mark.parametrize("where", ["model", "gone"])
def test_a_run_in_depth_has_a_report_of_its_psf(run, where):
    """Its record names the PSF's file as the model has it."""
    widths = (130.0 * np.hypot(1.0, (Z_NM - focus) / 300.0) for focus in (200.0, -200.0))
    model = run / "model"
    model.mkdir()
    if where == "model":
        write_psf(model / "psf.toml", elliptical_table(Widths(Z_NM, *widths), 100.0))
    record = load_toml(run / "out-run.toml")
    record["inputs"]["model"] = str(model)
    record["inputs"]["psf"] |= {"psf_file": "psf.toml", "depth_reach_nm": 400.0}
    write_config(run / "out-run.toml", record, overwrite=True)
    done = report(run / "out-run.toml", overwrite=True)
    html = done.written[0].read_text(encoding="utf-8")
    assert ("Frames of the simulation" in html) == (where == "model")
    assert ("The PSF that was expected" in html) == (where == "model")


def test_later_tables_and_drift_are_told(run):
    table = ds.read_table(run / "out.csv")
    ds.write_table(run / "out_f.csv", table[table["confidence"] > 0.8])
    line = np.array([[0.0, 0.5 / 59]])
    drift = Drift(np.array([0.0, 59.0]), line, line, np.array([0.0]), np.zeros((1, 2)))
    write_drift(run / "drift.json", drift)
    text = (run / "drift.json").read_text()
    (run / "drift.json").write_text(text.replace("NANOMETER", "PIXEL"))
    later = {"tables": [run / "out_f.csv"], "drift": run / "drift.json"}
    done = report(run / "out-run.toml", output=run / "b.html", **later)
    html = done.written[0].read_text(encoding="utf-8")
    kept = int((table["confidence"] > 0.8).sum())
    assert f"{kept:,} rows, {len(table) - kept:,} fewer than before" in html
    assert "Drift that was corrected" in html
    assert f"{kept:,} localizations in 60 frames" in html


def test_steps_say_what_they_did(run):
    table = ds.read_table(run / "out.csv")
    ds.write_table(run / "out_dc.csv", table)
    line = np.array([[0.0, 0.5 / 59]])
    drift = Drift(np.array([0.0, 59.0]), line, line, np.array([0.0]), np.zeros((1, 2)))
    write_drift(run / "out_dc-drift.json", drift)
    ds.filter(run / "out_dc.csv", "confidence > 0.8 & x < 4000", output=run / "out_f.csv")
    ds.merge(run / "out_f.csv", distance_nm=4000, gap_frames=50, output=run / "out_m.csv")
    tables = [run / f"out_{name}.csv" for name in ("dc", "f", "m")]
    done = report(run / "out-run.toml", tables=tables)
    html = done.written[0].read_text(encoding="utf-8")
    assert "confidence &gt; 0.8 &amp; x &lt; 4000: " in html
    assert "do not meet it" in html
    assert "<th>out_dc.csv</th><td>168 rows, as many as before" in html.replace(
        f"{len(table):,}", "168"
    )
    assert "merge: " in html
    assert "Wide field and the last table, drawn" in html
    assert "Drift that was corrected" in html  # found beside the table
    assert any("would find another molecule" in sentence for sentence in done.suspicions)


def test_what_does_not_fit_is_suspicious(run):
    record = load_toml(run / "out-run.toml")
    record["results"]["fits"] = {"verdict": ["the PSF is about 7 % narrower"], "causes": ["PSF"]}
    write_config(run / "out-run.toml", record, overwrite=True)
    done = report(run / "out-run.toml", overwrite=True)
    assert done.suspicions == ("The PSF is about 7 % narrower.",)


def test_through_the_command_line(run, capsys):
    assert main(["report", str(run / "out-run.toml"), "-o", str(run / "r.html"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["suspicions"] == []
    assert found["written"] == [str(run / "r.html")]


def test_an_empty_table_has_a_report_too(run):
    table = ds.read_table(run / "out.csv")
    ds.write_table(run / "out.csv", table.iloc[:0], overwrite=True)
    done = report(run / "out-run.toml")
    assert "Only 0 localizations" in done.suspicions[0]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda r: (r / "out-report.html").write_text("mine"), OutputError, "exists already"),
        (lambda r: (r / "out.csv").unlink(), TableError, "there is no file"),
        (lambda r: (r / "out-run.toml").write_text("[psf]\n"), SettingsError, "not the run record"),
        (lambda r: (r / "out-run.toml").unlink(), SettingsError, "there is no file"),
        (lambda r: (r / "d.json").write_text("{}"), TableError, "has the unit None"),
    ],
)
def test_wrong_input(run, change, error, words):
    change(run)
    drift = run / "d.json"
    before = sorted(run.iterdir())
    with pytest.raises(error, match=words):
        report(run / "out-run.toml", drift=drift if drift.exists() else None)
    assert sorted(run.iterdir()) == before


def test_a_model_folder_gets_its_report_again(tmp_path):
    from deep_storm.model import Model
    from deep_storm.model_card import ModelCard
    from deep_storm.networks import make_network
    from deep_storm.networks.base import Scales
    from deep_storm.settings import Network

    card = ModelCard(
        network=Network(upsampling=2),
        camera=CAMERA,
        scales=Scales.matching(CAMERA, *PARTS.values()),
        scores={"jaccard": 0.3, "calibration_error": 0.2},
        **PARTS,
    )
    Model(card, make_network(card.network).build()).save(tmp_path / "model")
    history = {"step": [1, 2, 3, 4], "loss": 1.0, "validation_loss": [3.0, 2.0, 1.0, 2.0]}
    pd.DataFrame(history).to_csv(tmp_path / "model" / "history.csv", index=False)
    done = report(tmp_path / "model")
    assert done.written == (tmp_path / "model" / "report.html",)
    words = (r"only 0\.30", r"off by 0\.20", "rose again")
    for sentence, expected in zip(done.suspicions, words, strict=True):
        assert re.search(expected, sentence)
    html = done.written[0].read_text(encoding="utf-8")
    assert html.count("data:image/png") == 3
    assert "Model model" in html
    Model.load(tmp_path / "model")


def test_a_table_in_place_of_its_record_is_named(tmp_path):
    (tmp_path / "movie.csv").write_text('"frame","x [nm]","y [nm]"\n')
    (tmp_path / "movie-run.toml").write_text("[run]\n")
    with pytest.raises(SettingsError, match=r"not a run record; .* give .*movie-run\.toml"):
        ds.report(tmp_path / "movie.csv")


def test_a_table_without_a_record_is_no_record_with_mistakes(tmp_path):
    (tmp_path / "lone.csv").write_text('"frame","x [nm]","y [nm]"\n')
    with pytest.raises(
        SettingsError,
        match=r"lone\.csv is not the run record of a reconstruction; expected NAME-run",
    ):
        ds.report(tmp_path / "lone.csv")
