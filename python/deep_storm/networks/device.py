"""Device and precision of TensorFlow.

TensorFlow aborts the whole process when a processor lacks bfloat16 instructions that a convolution
was asked for, and is slower than float32 where they are only emulated. So bfloat16 is tried once
in a child process, compared with float32 there, and the answer is remembered for this machine.
GPUs go through the same probe, with the compilation by XLA that they get in
:mod:`deep_storm.networks.replicas`.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import platform
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from deep_storm.errors import SettingsError
from deep_storm.folders import cache_folder
from deep_storm.imports import uncollected
from deep_storm.networks.keras_settings import load_keras, own_settings
from deep_storm.settings import Device

PROBE_SECONDS = 120
MIN_GAIN = 1.2
"""bfloat16 is taken when it is at least this much faster than float32."""
_PROBE = """
import sys, time, numpy as np, tensorflow as tf
device, xla, frames = sys.argv[1], sys.argv[2] == "xla", int(sys.argv[3])
for gpu in tf.config.list_physical_devices("GPU"):
    tf.config.experimental.set_memory_growth(gpu, True)
x = np.random.default_rng(0).standard_normal((frames, 64, 64, 32)).astype("float32")
k = np.random.default_rng(1).standard_normal((3, 3, 32, 32)).astype("float32") * 0.1
def seconds(dtype, xla):
    a, b = tf.constant(x, dtype), tf.constant(k, dtype)
    run = tf.function(lambda: tf.nn.relu(tf.nn.conv2d(a, b, 1, "SAME")), jit_compile=xla)
    answer = tf.cast(run(), tf.float32).numpy()
    run()
    start = time.perf_counter()
    for _ in range(20):
        last = run()
    last.numpy()
    return time.perf_counter() - start, answer
with tf.device(device):
    full, reference = seconds(tf.float32, False)
    half, answer = seconds(tf.bfloat16, xla)
error = abs(answer - reference).max() / abs(reference).max()
print("GAIN", full / half if error < 0.05 else 0.0)
"""


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
    with nullcontext() if wanted else stderr_held_back(), uncollected():
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


def inference_dtype(device: Device) -> str:
    """Return ``float32`` or ``bfloat16``: as set, or whichever is faster.

    Raises
    ------
    SettingsError
        bfloat16 was asked for on a processor that cannot do it.
    """
    if device.precision == "float32":
        return "float32"
    first = devices_of(device)[0]
    gain = gpu_gain(first) if is_gpu(first) else bfloat16_gain()
    if device.precision == "bfloat16":
        if gain <= 0.0:
            raise SettingsError(
                "precision 'bfloat16' on a processor that cannot compute in it",
                "float32 or auto here",
                "leave --precision out",
            )
        return "bfloat16"
    return "bfloat16" if gain >= MIN_GAIN else "float32"


def learning_dtype(device: Device) -> str:
    """Return the precision in which a model is trained, and its answers on simulation looked at.

    That of the run, of whose answers something is to be learnt: it is faster, and the network is
    compiled once. On a GPU half precision is for XLA, which is not worth its while here.

    Raises
    ------
    SettingsError
        bfloat16 was asked for on a processor that cannot do it.
    """
    return "float32" if gpu_names() else inference_dtype(device)


@lru_cache(maxsize=1)
def bfloat16_gain() -> float:
    """Return the speed of bfloat16 relative to float32 here; 0 if it does not work."""
    if not _may_have_bfloat16():
        return 0.0
    return _gain(_machine_key(), "/CPU:0", "plain", "8")


@lru_cache(maxsize=8)
def gpu_gain(name: str) -> float:
    """Return the speed of a GPU in bfloat16 with XLA relative to float32; 0 if inaccurate."""
    import tensorflow as tf

    number = name.rpartition(":")[2]
    gpu = tf.config.list_physical_devices("GPU")[int(number)]
    kind = tf.config.experimental.get_device_details(gpu).get("device_name", "GPU")
    return _gain(f"{_machine_key()} {kind}", f"/GPU:{number}", "xla", "64")


def _gain(key: str, *arguments: str) -> float:
    """Return the result of the probe, cached under a key."""
    remembered = _remembered()
    if key not in remembered:
        remembered[key] = probe(*arguments)
        _remember(remembered)
    return remembered[key]


def _may_have_bfloat16() -> bool:
    """Whether a probe is worthwhile: the processor reports bfloat16, or reports nothing."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return False
    text = info.read_text(errors="replace")
    return any(flag in text for flag in ("avx512_bf16", "amx_bf16", " bf16"))


def probe(device: str, compilation: str, frames: str) -> float:
    """Measure the gain of bfloat16 in a child process; 0 where it fails or is inaccurate."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE, device, compilation, frames],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0.0
    lines = [line for line in done.stdout.splitlines() if line.startswith("GAIN ")]
    return float(lines[-1].split()[1]) if done.returncode == 0 and lines else 0.0


def _machine_key() -> str:
    return f"{platform.node()} {platform.machine()} tensorflow {version('tensorflow')}"


def _cache_file() -> Path:
    folder = cache_folder()
    if folder is None:
        raise FileNotFoundError("no folder for caches")
    return folder / "bfloat16.json"


def _remembered() -> dict[str, float]:
    try:
        values = json.loads(_cache_file().read_text())
        return {str(k): float(v) for k, v in values.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _remember(values: dict[str, float]) -> None:
    try:
        _cache_file().write_text(json.dumps(values))
    except OSError:
        # A cache that cannot be written costs seconds next time, nothing else.
        return
