"""How fast this machine is: TensorFlow's devices, and the recipes side by side."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.networks.device import gpu_names, quiet_tensorflow
from deep_storm.networks.precision import bfloat16_gain, inference_dtype
from deep_storm.settings import Device, Network

TYPICAL = Scales(background_photon=20, input_photon=100, intensity_photon=1500, sigma_px=1.3)
REPEATS = 3


def tensorflow_devices() -> dict[str, str]:
    """Return TensorFlow's devices and their speed on the untrained native network."""
    quiet_tensorflow()
    gpus = gpu_names()
    gain = bfloat16_gain()
    network = make_network(Network())
    infer = network.inference(network.build(), TYPICAL)
    frames = np.zeros((16, 64, 64, 1), np.float32)
    seconds = best_seconds(lambda: infer(frames))
    return {
        "GPUs": ", ".join(f"gpu:{k} {name}" for k, name in enumerate(gpus)) or "none seen",
        "bfloat16": f"{gain:.1f}× float32" if gain else "not on this processor",
        "Precision": f"{inference_dtype(Device())} (auto)",
        "Speed": f"{len(frames) / seconds:.0f} frames of 64 × 64 px per second in the network",
    }


def best_seconds(run: Callable[[], Any]) -> float:
    """Return the shortest of several times, after a warm-up run."""
    run()
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)
