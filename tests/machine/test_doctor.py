import json
import sys
from types import SimpleNamespace

import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.machine import devices
from deep_storm.machine import doctor as module


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The speed of the network is not what is tested here."""
    monkeypatch.setattr(devices, "best_seconds", lambda run: 0.1)


def test_it_tells_what_is_here(capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for word in (sys.executable, "tensorflow 2.", "GiB free", "160 frames of 64 × 64 px"):
        assert word in said


def test_it_lists_the_devices_that_tensorflow_sees():
    import tensorflow as tf

    seen = len(tf.config.list_physical_devices("GPU"))
    assert ds.doctor().findings["GPUs"].count("gpu:") == seen


def test_a_problem_says_what_to_do(monkeypatch):
    monkeypatch.setattr(module, "PACKAGES", ("deep-storm", "no-such-package"))
    monkeypatch.setattr(
        "psutil.virtual_memory", lambda: SimpleNamespace(available=2**30, total=2**33)
    )
    result = ds.doctor()
    assert any("only 1.0 GiB" in p and "close other programs" in p for p in result.problems)
    assert any("no-such-package" in p and "run.py doctor" in p for p in result.problems)
    assert "Problem: " in result.summary()
    assert "Everything needed is installed" not in result.summary()


def test_what_does_not_work_is_seen_by_a_script_and_what_is_scarce_is_no_failure(
    monkeypatch, capsys
):
    monkeypatch.setattr(
        "psutil.virtual_memory", lambda: SimpleNamespace(available=2**30, total=2**33)
    )
    assert main(["doctor"]) == 0
    assert "Problem: only 1.0 GiB" in capsys.readouterr().out
    monkeypatch.setattr(module, "PACKAGES", ("deep-storm", "no-such-package"))
    assert main(["doctor", "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2
