"""How fast this machine trains the ``native`` network."""

from __future__ import annotations

import time
from itertools import pairwise

from deep_storm.camera import Camera
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.networks.precision import learning_dtype
from deep_storm.settings import Background, Device, Emitters, Network, Psf, Training
from deep_storm.training.data import SimulatedData
from deep_storm.training.loop import train_network
from deep_storm.training.schedule import settings_for

STEPS = 12


def training_speed(
    camera: Camera, psf: Psf, emitters: Emitters, background: Background
) -> tuple[float, float]:
    """Train a few steps.

    Returns
    -------
    Steps per second, and the time that simulating a batch takes as a share of a step's.
    """
    network = make_network(Network())
    settings = settings_for(network, Training(steps=STEPS))
    scales = Scales.matching(camera, psf, emitters, background)
    data = SimulatedData(camera, psf, emitters, background, scales, settings)
    data.batch(0)
    began = time.perf_counter()
    for number in range(STEPS):
        data.batch(number)
    simulating = (time.perf_counter() - began) / STEPS
    times: list[float] = []

    def watch(done: int, total: int, message: str) -> None:
        times.append(time.perf_counter())

    model = network.build(network.training_dtype(learning_dtype(Device())))
    train_network(model, network, data, settings, watch)
    step_seconds = min(b - a for a, b in pairwise(times[2:]))
    return 1.0 / step_seconds, simulating / step_seconds
