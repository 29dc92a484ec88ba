"""Whether bfloat16 is taken, and that what a probe of it found is remembered."""

from __future__ import annotations

import pytest

from deep_storm.errors import SettingsError
from deep_storm.networks import precision as module
from deep_storm.networks.precision import inference_dtype
from deep_storm.settings import Device


def test_float32_needs_no_probe():
    assert inference_dtype(Device(precision="float32")) == "float32"


@pytest.mark.parametrize(("gain", "expected"), [(2.5, "bfloat16"), (1.0, "float32")])
def test_a_gpu_is_probed_itself_and_not_the_processor(monkeypatch, gain, expected):
    monkeypatch.setattr(module, "devices_of", lambda device: ("/device:GPU:0", "/device:GPU:1"))
    monkeypatch.setattr(module, "gpu_gain", lambda name: gain)
    monkeypatch.setattr(module, "bfloat16_gain", lambda: pytest.fail("the processor was probed"))
    assert inference_dtype(Device()) == expected


def test_bfloat16_that_gives_wrong_answers_is_refused(monkeypatch):
    monkeypatch.setattr(module, "devices_of", lambda device: ("/device:GPU:0",))
    monkeypatch.setattr(module, "gpu_gain", lambda name: 0.0)
    with pytest.raises(SettingsError, match="cannot compute in it"):
        inference_dtype(Device(precision="bfloat16"))


def test_what_a_probe_found_is_remembered_for_each_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = []
    monkeypatch.setattr(module, "probe", lambda *given: asked.append(given) or 1.5)
    assert module._gain("here", "/GPU:0", "xla", "64") == 1.5
    assert module._gain("here", "/GPU:0", "xla", "64") == 1.5
    assert module._gain("there", "/GPU:0", "xla", "64") == 1.5
    assert asked == [("/GPU:0", "xla", "64")] * 2


def test_a_probe_that_dies_says_no(monkeypatch):
    monkeypatch.setattr(module, "_PROBE", "import os; os.abort()")
    assert module.probe("/CPU:0", "plain", "8") == 0.0
