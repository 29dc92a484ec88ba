"""The precision that networks compute in: float32, or bfloat16 where it is faster.

TensorFlow aborts the whole process when a processor lacks bfloat16 instructions that a convolution
was asked for, and is slower than float32 where they are only emulated. So bfloat16 is tried once
in a child process, compared with float32 there, and the answer is remembered for this machine.
GPUs go through the same probe, with the compilation by XLA that they get in
:mod:`deep_storm.networks.replicas`.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from deep_storm.errors import SettingsError
from deep_storm.folders import cache_folder
from deep_storm.networks.device import devices_of, gpu_names, is_gpu
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
