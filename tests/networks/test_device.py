"""Where TensorFlow computes, and that it starts in silence."""

from __future__ import annotations

import os

import pytest

from deep_storm.errors import SettingsError
from deep_storm.networks import device as module
from deep_storm.networks.device import (
    devices_of,
    is_out_of_memory,
    place,
    quiet_tensorflow,
    stderr_held_back,
)
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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_is_told_that_it_has_no_tensorflow():
    quiet_tensorflow()
    child = os.fork()
    if not child:
        try:
            with place(Device()):
                os._exit(1)
        except SettingsError as error:
            os._exit(42 if "spawn" in error.advice else 2)
        finally:
            os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    quiet_tensorflow()  # this process is none


def test_who_asks_for_tensorflows_talk_gets_it(monkeypatch, capfd):
    import tensorflow as tf

    capfd.readouterr()
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda: os.write(2, b"talk\n"))
    for level, said in (("2", ""), ("0", "talk\n")):
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
        module._load_tensorflow.cache_clear()
        quiet_tensorflow()
        assert capfd.readouterr().err == said


def test_a_gpu_that_is_not_seen_is_refused():
    wanted = place(Device(device="gpu:63"))
    with pytest.raises(SettingsError, match=r"TensorFlow sees .* GPU"), wanted:
        pass


def test_a_processor_is_one_device_unless_a_program_divided_it():
    assert len(devices_of(Device(device="cpu"))) == 1
    assert "CPU" in devices_of(Device())[0]


@pytest.mark.parametrize(
    ("kind", "text", "memory"),
    [
        ("ResourceExhaustedError", "OOM when allocating tensor", True),
        ("InternalError", "Failed to allocate device memory", True),
        ("NotFoundError", "No algorithm worked!", True),
        ("InternalError", "the driver is gone", False),
        ("NotFoundError", "no such kernel", False),
    ],
)
def test_what_counts_as_out_of_memory(kind, text, memory):
    assert is_out_of_memory(type(kind, (Exception,), {})(text)) is memory
