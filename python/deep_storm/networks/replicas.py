"""One copy of the network for each device; they share the batches of the chunks.

On a GPU the network is compiled with XLA and computes in bfloat16 where the probe found that
faster and right (:mod:`deep_storm.networks.precision`); the active cells are picked there, too, so
that little comes back, and it has two batches at a time. Answers are asked for in the order in
which batches were given, whoever was faster, so the result does not depend on the devices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from deep_storm.cells import Answers, first_answers
from deep_storm.networks.base import Float32, LocalizationNetwork, Scales
from deep_storm.networks.company import PickingInference
from deep_storm.networks.device import devices_of, is_gpu
from deep_storm.settings import Device

if TYPE_CHECKING:
    import keras

Answer = TypeVar("Answer")
AT_A_TIME = 2
"""Batches that a GPU has at a time: one comes and goes while it computes the other."""


class Replicas:
    """Copies of a network with the same weights, on one or several devices.

    Parameters
    ----------
    infer
        The networks; each works on one batch at a time. A single one works in the calling thread.

    Attributes
    ----------
    seconds
        Time in the networks until now, on average over them.
    """

    def __init__(self, infer: Sequence[PickingInference]) -> None:
        self._free: SimpleQueue[PickingInference] = SimpleQueue()
        self._count = len(infer)
        self._seconds = 0.0
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(self._count) if self._count > 1 else None
        for one in infer:
            self._free.put(self._timed(one))

    @property
    def seconds(self) -> float:
        """Time spent in the networks so far."""
        return self._seconds / self._count

    def submit(self, work: Callable[[PickingInference], Answer]) -> Callable[[], Answer]:
        """Have work done with the next network that is free; return what waits for the result.

        It is waited until one is free, so that no more work is under way than there are networks.
        """
        infer = self._free.get()

        def done() -> Answer:
            try:
                return work(infer)
            finally:
                self._free.put(infer)

        if self._pool is not None:
            return self._pool.submit(done).result
        answer = done()
        return lambda: answer

    def _timed(self, infer: PickingInference) -> PickingInference:
        def timed(frames: Float32) -> Answers:
            began = time.perf_counter()
            answer = infer(frames)
            spent = time.perf_counter() - began
            with self._lock:
                self._seconds += spent
            return answer

        return timed


def replicated(
    network: LocalizationNetwork,
    model: keras.Model,
    scales: Scales,
    dtype: str,
    device: Device,
) -> Replicas:
    """Make a copy of a network for each selected device.

    Parameters
    ----------
    network, model, scales, dtype
        As :meth:`~deep_storm.networks.base.LocalizationNetwork.inference` takes them.
    device
        Where to compute; ``auto`` takes all GPUs.
    """
    names = devices_of(device)
    if len(names) == 1 and not is_gpu(names[0]):
        return Replicas([network.inference(model, scales, dtype)])
    made = [_on(name, network, model, scales, dtype) for name in names]
    return Replicas(made * (AT_A_TIME if is_gpu(names[0]) else 1))


def _on(
    name: str, network: LocalizationNetwork, model: keras.Model, scales: Scales, dtype: str
) -> PickingInference:
    """Return a network on a device."""
    import tensorflow as tf

    with tf.device(name):
        copy = network.build(drawn=False)
        copy.set_weights(model.get_weights())
        xla = is_gpu(name)
        infer = network.picking_inference(copy, scales, dtype, xla)
        infer = same_batches(infer) if xla else infer

    def there(frames: Float32) -> Answers:
        with tf.device(name):
            return infer(frames)

    return there


def same_batches(infer: PickingInference) -> PickingInference:
    """Pad the last, smaller batch of a chunk: XLA compiles for every size that occurs."""
    largest: dict[tuple[int, ...], int] = {}

    def filled(frames: Float32) -> Answers:
        count = len(frames)
        size = largest[frames.shape[1:]] = max(largest.get(frames.shape[1:], 0), count)
        if count < size:
            frames = np.concatenate([frames, np.repeat(frames[-1:], size - count, axis=0)])
        return first_answers(infer(frames), count)

    return filled
