"""Where TensorFlow computes, and that it starts in silence."""

from __future__ import annotations

import os

import pytest

from deep_storm.errors import SettingsError
from deep_storm.networks.device import inference_dtype, place, quiet_tensorflow, stderr_held_back
from deep_storm.settings import Device


def test_what_is_written_past_python_is_held_back(capfd):
    os.write(2, b"before\n")
    with stderr_held_back():
        os.write(2, b"WARNING: All log messages before ...\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before\nafter\n"


def test_what_was_held_back_is_given_back_when_it_fails(capfd):
    def fail():
        os.write(2, b"a library is missing\n")
        raise ImportError

    with pytest.raises(ImportError), stderr_held_back():
        fail()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "a library is missing\nafter\n"


def test_a_program_without_standard_error_is_served_too(monkeypatch):
    def closed(descriptor):
        raise OSError

    monkeypatch.setattr(os, "dup", closed)
    with stderr_held_back():
        pass


def test_who_asks_for_tensorflows_talk_gets_it(monkeypatch, capfd):
    import tensorflow as tf

    capfd.readouterr()
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda: os.write(2, b"talk\n"))
    for level, said in (("2", ""), ("0", "talk\n")):
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
        quiet_tensorflow.cache_clear()
        quiet_tensorflow()
        assert capfd.readouterr().err == said


def test_a_gpu_that_is_not_seen_is_refused():
    with pytest.raises(SettingsError, match=r"TensorFlow sees .* GPU"):
        place(Device(device="gpu:63"))


def test_float32_needs_no_probe():
    assert inference_dtype(Device(precision="float32")) == "float32"
