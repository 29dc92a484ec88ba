"""The device that TensorFlow computes on."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache

from deep_storm.errors import SettingsError
from deep_storm.imports import uncollected, without
from deep_storm.networks.keras_settings import load_keras, own_settings
from deep_storm.settings import Device

UNUSED_BY_KERAS = ("matplotlib", "sklearn")
"""Of what Keras imports, for pictures and for scikit-learn's interface: a third of its time."""
_forked = threading.Event()
"""Whether this process is the fork of one in which TensorFlow was loaded."""


def quiet_tensorflow() -> None:
    """Import TensorFlow and initialize its GPUs without messages on the terminal.

    It writes past Python, and before its own log level holds. Who sets ``TF_CPP_MIN_LOG_LEVEL`` to
    0 or 1 wants to read it all and does. What it calls errors there are remarks on the processor;
    errors come as exceptions.

    Raises
    ------
    ImportError
        TensorFlow cannot be loaded; what it said is then on standard error.
    SettingsError
        Keras is loaded already, with another backend; or the process was forked from one that had
        loaded TensorFlow, whose threads a fork does not have: it would wait for them for ever.
    """
    if _forked.is_set():
        raise SettingsError(
            "this process was forked from one that uses TensorFlow",
            "a process that was started anew",
            'use multiprocessing.get_context("spawn"), or load Deep-STORM\'s model after the fork',
        )
    _load_tensorflow()


@lru_cache(maxsize=1)
def _load_tensorflow() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # oneDNN: about twice as fast on processors without AVX-512, where TensorFlow leaves it out, and
    # the same answer with any number of threads.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    wanted = os.environ["TF_CPP_MIN_LOG_LEVEL"] in ("0", "1")
    held_back = nullcontext() if wanted else stderr_held_back()
    with held_back, uncollected(), without(*UNUSED_BY_KERAS):
        import tensorflow as tf

        tf.config.list_physical_devices()
        load_keras()
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(after_in_child=_forked.set)


def gpu_names() -> list[str]:
    """Return the names of the GPUs that TensorFlow finds."""
    import tensorflow as tf

    return [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]


@contextmanager
def stderr_held_back() -> Iterator[None]:
    """Capture file descriptor 2, and print it only when an error occurs."""
    try:
        terminal = os.dup(2)
    except OSError:  # a program without a terminal has none
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    with tempfile.TemporaryFile() as held, os.fdopen(terminal, "wb") as real:
        os.dup2(held.fileno(), 2)
        crashes_were_reported = faulthandler.is_enabled()
        if not crashes_were_reported:  # a crash would take what is held back with it
            faulthandler.enable(real)
        try:
            yield
        except Exception:
            held.seek(0)
            real.write(held.read())
            raise
        finally:
            if not crashes_were_reported:
                faulthandler.disable()
            os.dup2(terminal, 2)


@contextmanager
def place(device: Device) -> Iterator[None]:
    """Use the chosen device, with Keras set up for our networks.

    Raises
    ------
    SettingsError
        A GPU was asked for that TensorFlow does not see.
    """
    quiet_tensorflow()
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except (RuntimeError, ValueError):
            # TensorFlow has started already, or a program divided the GPU: both have their setting.
            break
    if device.device == "cpu" or (device.device == "auto" and not gpus):
        with tf.device("/CPU:0"), own_settings():
            yield
        return
    number = int(device.device.partition(":")[2] or 0)
    if number >= len(gpus):
        raise SettingsError(
            f"device {device.device!r}, but TensorFlow sees {len(gpus)} GPUs",
            "auto, cpu or a GPU that `deep-storm doctor` lists",
            "use --device auto",
        )
    with tf.device(f"/GPU:{number}"), own_settings():
        yield


def is_out_of_memory(error: Exception) -> bool:
    """Whether TensorFlow ran out of memory, by its various exceptions."""
    kind, text = type(error).__name__, str(error)
    return (
        kind == "ResourceExhaustedError"
        or (kind == "InternalError" and ("memory" in text.lower() or "OOM" in text))
        or "No algorithm worked" in text  # cuDNN: none that fits
    )


def devices_of(device: Device) -> tuple[str, ...]:
    """Return TensorFlow's names of all devices that the setting selects.

    With ``auto`` these are all GPUs; without any, what TensorFlow makes of the processor (one
    device, unless a program divided it).

    Raises
    ------
    SettingsError
        A GPU was asked for that TensorFlow does not see.
    """
    with place(device):
        import tensorflow as tf

        gpus = [gpu.name for gpu in tf.config.list_logical_devices("GPU")]
        if device.device.startswith("gpu"):
            return (gpus[int(device.device.partition(":")[2] or 0)],)
        if device.device == "auto" and gpus:
            return tuple(gpus)
        return tuple(cpu.name for cpu in tf.config.list_logical_devices("CPU"))


def is_gpu(name: str) -> bool:
    """Whether a TensorFlow device is a GPU."""
    return "GPU" in name.upper()
