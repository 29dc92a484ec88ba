"""The demo, with a training of seconds, and what it may learn from."""

from importlib.resources import files

import pandas as pd
import pytest
import tifffile

import deep_storm as ds
from deep_storm.errors import OutputError
from deep_storm.inputs.models import load_model
from deep_storm.training import brightness, calibration, refining
from deep_storm.verbs import demo

DATA = files("deep_storm") / "demo_data"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "out"


@pytest.fixture(scope="module")
def result(folder):
    with pytest.MonkeyPatch.context() as quick:
        quick.setitem(calibration.EMITTERS, "native", 1200)
        quick.setattr(refining, "EMITTERS", 400)
        quick.setattr(brightness, "EMITTERS", 200)
        return ds.demo(output=folder, minutes=0.05)


def test_it_beats_thunderstorm_on_the_bundled_frames(result):
    assert result.thunderstorm.jaccard == pytest.approx(0.680, abs=0.001)
    assert result.thunderstorm.rmse_nm == pytest.approx(19.1, abs=0.1)
    assert result.ours.jaccard > 0.85
    assert result.ours.rmse_nm < result.thunderstorm.rmse_nm


def test_it_leaves_image_picture_table_protocol_and_model(result, folder):
    with tifffile.TiffFile(folder / "demo.tif") as image:
        assert image.pages[0].shape == (512, 512)
        assert image.imagej_metadata["unit"] == "um"
    assert ds.evaluate(folder / "demo.csv", DATA / "cmos_d2_first30_gt.csv").comparison.scores
    for name in ("demo.png", "demo-protocol.txt", "demo-run.toml", "demo-report.html"):
        assert (folder / name).stat().st_size > 100
    assert load_model(folder / "model").card.scores["jaccard"] > 0.8


def test_it_says_both_scores_the_speed_and_what_to_try_next(result, folder, monkeypatch):
    monkeypatch.setattr(demo, "command_here", lambda: "deep-storm")
    text = result.summary()
    for word in ("Jaccard", "Recall", "Precision", "RMSE", "Frames per second", "ThunderSTORM"):
        assert word in text
    _, _, advice = text.partition("Try next:\n")
    assert [line.split()[:2] for line in advice.splitlines()] == [
        ["deep-storm", "render"], ["deep-storm", "reconstruct"], ["deep-storm", "train"]
    ]  # fmt: skip
    assert str(folder / "model") in advice


def test_what_to_type_is_what_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(demo.sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(demo.shutil, "which", lambda name: None)
    assert demo.command_here() == "deep-storm"
    (tmp_path / "run.py").touch()
    assert demo.command_here().endswith(' "{}"'.format(tmp_path / "run.py"))
    monkeypatch.chdir(tmp_path)
    assert demo.command_here().split()[-1] == "run.py"
    monkeypatch.setattr(demo.shutil, "which", lambda name: "/bin/deep-storm")
    assert demo.command_here() == "deep-storm"


def test_an_earlier_demo_is_not_replaced_unasked(result, folder):
    with pytest.raises(OutputError, match="already"):
        ds.demo(output=folder)


def test_nothing_is_learnt_from_a_test_frame():
    with (DATA / "training_truth.csv").open() as learnt:
        frames = pd.read_csv(learnt)["frame"]
    with (DATA / "cmos_d2_first30_gt.csv").open() as tested:
        assert pd.read_csv(tested)["frame"].max() == 30
    assert frames.min() == 31
