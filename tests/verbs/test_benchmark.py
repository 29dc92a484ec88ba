import subprocess
import sys
from types import SimpleNamespace

import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import SettingsError
from deep_storm.inference import recipes
from deep_storm.networks import device as devices
from deep_storm.training import speed
from deep_storm.verbs import models
from deep_storm.verbs.benchmark import BACKGROUND, CAMERA, EMITTERS, PSF


@pytest.fixture
def measured(monkeypatch):
    """Stand in for the measuring, which takes minutes; remember what was to be measured."""
    calls = []

    def ours(stack, model, device, folder):
        calls.append((stack.name, model.card.network.network, device.precision, model.card.camera))
        return (3.0, 0.99) if model.card.network.network == "classic" else (100.0, 0.9)

    def ready_model(name, expected):
        assert name == "general"
        return SimpleNamespace(model=recipes.untrained("native", *vars(expected).values()))

    monkeypatch.setattr(models, "ready_model", ready_model)
    monkeypatch.setattr(recipes, "FRAMES", {64: 2, 256: 1})
    monkeypatch.setattr(recipes, "notebook", lambda stack, frames: 2.0)
    monkeypatch.setattr(recipes, "ours", ours)
    monkeypatch.setattr(speed, "training_speed", lambda *parts: (2.5, 0.04))
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 0.0)
    return calls


def test_ratios_are_to_the_published_recipe_in_the_same_run(measured):
    result = ds.benchmark(frames=12_000)
    assert [(r.size_px, r.ratio) for r in result.rows] == [
        (64, 1.0), (64, 1.5), (64, 50.0), (256, 1.0), (256, 1.5), (256, 50.0)
    ]  # fmt: skip
    lines = result.summary().splitlines()
    assert lines[-1] == "Your stack of 12000 frames of 64 × 64 px takes about 2.0 minutes."
    assert "4% of a step's time is spent simulating" in lines[-3]
    assert result.to_json()["rows"][1]["frames_per_second"] == 3.0


def test_bfloat16_has_a_row_where_the_processor_has_it(measured, monkeypatch):
    monkeypatch.setattr(devices, "bfloat16_gain", lambda: 1.8)
    names = [row.recipe for row in ds.benchmark().rows[:4]]
    assert names[1:] == ["classic float32", "native float32", "native bfloat16"]
    measured.clear()
    ds.benchmark(precision="float32")
    assert {precision for _, _, precision, _ in measured} == {"float32"}


def test_a_settings_file_says_what_the_movie_is_like(measured, tmp_path, capsys):
    path = tmp_path / "mine.toml"
    path.write_text("[camera]\npixel_size_nm = 120\nbaseline_adu = 50\nphotons_per_adu = 0.3\n")
    assert main(["benchmark", "--config", str(path), "--frames", "100"]) == 0
    assert {camera.pixel_size_nm for _, _, _, camera in measured} == {120.0}
    assert "stack of 100 frames" in capsys.readouterr().out


def test_a_device_that_is_not_there_is_refused(measured):
    with pytest.raises(SettingsError, match="TensorFlow sees"):
        ds.benchmark(device="gpu:99")
    assert not measured


def test_ours_is_measured_from_the_file_to_table_and_image(tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, "FRAMES", {64: 3})
    parts = CAMERA, PSF, EMITTERS, BACKGROUND
    stack = recipes.write_stack_of(tmp_path, 64, *parts)
    model = recipes.untrained("native", *parts)
    frames_per_second, share = recipes.ours(stack, model, ds.Device(precision="float32"), tmp_path)
    assert frames_per_second > 0
    assert 0 < share < 1
    assert (tmp_path / "out.tif").is_file()
    assert (tmp_path / "out.csv").is_file()


def test_peak_memory_is_the_most_and_not_what_is_left():
    code = (
        "from deep_storm.verbs.benchmark import peak_memory_bytes\n"
        "before = peak_memory_bytes()\n"
        "held = b'x' * (before + 2**26)\n"
        "del held\n"
        "assert peak_memory_bytes() > before + 2**26\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
