"""The tutorial, command by command as it is printed: from a raw movie and its camera to the report.

Training is short here, and the movie small: filaments that drift. ``benchmarks/tutorial.py``
runs the same on ThunderSTORM's movie.
"""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.io.config import load_toml
from deep_storm.io.images import write_stack
from deep_storm.simulation.noise import expose
from deep_storm.simulation.psf import add_emitters

FRAMES, EDGE_PX = 240, 40
DRIFT_NM = np.array([120.0, -80.0])
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=1)
SHORT = {"3": ["--steps", "3", "--batch", "2", "--patch-size-px", "24"]}


def drifting_filaments(folder):
    """Write a raw movie of three filaments and its truth, as ThunderSTORM writes them."""
    rng = np.random.default_rng(5)
    middle, angle = rng.uniform(1200, 2800, (3, 2)), np.array([0.3, 1.4, 2.5])
    frame = np.sort(rng.integers(0, FRAMES, 6 * FRAMES))
    which, along = rng.integers(0, 3, frame.size), rng.uniform(-1500, 1500, frame.size)
    xy = middle[which] + along[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)[which]
    xy += np.outer(frame / (FRAMES - 1), DRIFT_NM)
    sigma, photons = rng.normal(110, 4, frame.size), rng.uniform(1200, 2400, frame.size)
    expected = np.full((FRAMES, EDGE_PX, EDGE_PX), 12, np.float32)
    add_emitters(expected, frame, xy[:, 0] / 100, xy[:, 1] / 100, sigma / 100, photons)
    write_stack(folder / "movie.tif", expose(expected, CAMERA, rng), 100.0)
    truth = pd.DataFrame({"frame": frame, "x_nm": xy[:, 0], "y_nm": xy[:, 1], "sigma_nm": sigma})
    inside = ((xy >= 0) & (xy < 100 * EDGE_PX)).all(axis=1)
    ds.write_table(folder / "truth.csv", truth.assign(intensity_photon=photons)[inside])


@pytest.fixture(scope="module")
def tutorial():
    path = Path(__file__).parents[2] / "benchmarks" / "tutorial.py"
    spec = importlib.util.spec_from_file_location("tutorial", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def done(tutorial, eager_training, quick_calibration, quick_psf, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tutorial")
    drifting_filaments(folder)
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.chdir(folder)
    try:
        for words in tutorial.commands():
            if "--minutes" in words:
                at = words.index("--minutes")
                words[at : at + 2] = SHORT[words[at + 1]]
            assert main([*words, "--json"]) == 0, words
    finally:
        monkeypatch.undo()
    return folder


def test_all_steps_are_in_the_tutorial(tutorial):
    verbs = [words[0] for words in tutorial.commands()]
    assert verbs == [
        "measure-background", "estimate", "simulate", "train", "preview", "reconstruct",
        "correct-drift", "merge", "filter", "cluster", "render", "render", "render", "report",
        "evaluate",
    ]  # fmt: skip


def test_each_picture_of_the_tutorial_is_there(tutorial):
    named = re.findall(r"\]\((images/tutorial-[\w-]+\.png)\)", tutorial.TUTORIAL.read_text("utf-8"))
    assert named
    assert all((tutorial.TUTORIAL.parent / name).is_file() for name in named)
    assert {f"images/{name}" for name in tutorial.PICTURES.values()} <= set(named)


def test_what_was_measured_before_is_right(done):
    camera = load_toml(done / "camera.toml")["camera"]
    assert camera["baseline_adu"] == pytest.approx(100, abs=2)
    matched = load_toml(done / "matched.toml")
    truth = ds.read_table(done / "truth.csv")
    assert matched["psf"]["sigma_nm"] == pytest.approx(110, rel=0.03)
    assert matched["emitters"]["intensity_photon"] == pytest.approx(
        truth["intensity_photon"].mean(), rel=0.07
    )
    assert matched["background"]["background_photon"] == pytest.approx(12, rel=0.1)
    density = len(truth) / FRAMES / (EDGE_PX / 10) ** 2
    assert matched["emitters"]["density_per_um2"] == pytest.approx(density, rel=0.15)


def test_what_came_out_is_right(done, capsys):
    command = ["evaluate", done / "results/movie.csv", done / "truth.csv", "--json"]
    assert main([*map(str, command), "--tolerance-nm", "100"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"][0]["jaccard"] > 0.75
    drift = load_toml(done / "results/movie_drift_corrected-run.toml")["results"]
    assert drift["drift_x_nm"] == pytest.approx(DRIFT_NM[0], abs=12)
    assert drift["drift_y_nm"] == pytest.approx(DRIFT_NM[1], abs=12)


def test_tables_follow_from_each_other_and_the_report_tells_it(done):
    steps = ("movie", "movie_drift_corrected", "movie_merged", "movie_filtered")
    rows = [len(ds.read_table(done / f"results/{name}.csv")) for name in steps]
    assert rows[0] == rows[1] > rows[2] > rows[3] > 0.5 * rows[0]
    html = (done / "results/final.html").read_text(encoding="utf-8")
    assert "confidence &gt; 0.8 &amp; uncertainty_xy &lt; 25: " in html
    assert "Drift that was corrected" in html
    assert f"{rows[3]:,} localizations in {FRAMES} frames" in html
    assert not re.search(r"(src|href)=\"(?!data:)", html)
    assert len(pd.read_csv(done / "results/clusters-summary.csv")) >= 1
    assert (done / "results/after.png").stat().st_size > 5_000
