"""One copy of the network for each device; they share the batches of a chunk.

On a GPU the network is compiled with XLA and computes in bfloat16 where the probe found that
faster and right (:mod:`deep_storm.networks.device`). Batches come back in the order in which they
were given, whoever was faster, so the result does not depend on the number of devices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from deep_storm.networks.base import Float32, Inference, LocalizationNetwork, Scales
from deep_storm.networks.device import devices_of, is_gpu
from deep_storm.settings import Device

if TYPE_CHECKING:
    import keras

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Replicas:
    """Copies of a network with the same weights, one on each device.

    Parameters
    ----------
    infer
        The network of each device.

    Attributes
    ----------
    seconds
        Time in the networks until now, on average over the devices.
    """

    def __init__(self, infer: Sequence[Inference]) -> None:
        self._free: SimpleQueue[Inference] = SimpleQueue()
        self._count = len(infer)
        self._seconds = 0.0
        self._lock = Lock()
        for one in infer:
            self._free.put(self._timed(one))

    @property
    def seconds(self) -> float:
        """Time spent in the networks so far."""
        return self._seconds / self._count

    def over(
        self, work: Callable[[Inference, Item], Answer], items: Sequence[Item]
    ) -> Iterator[Answer]:
        """Yield the result of ``work`` for every item, in order."""

        def on_a_free_one(item: Item) -> Answer:
            infer = self._free.get()
            try:
                return work(infer, item)
            finally:
                self._free.put(infer)

        if self._count == 1:
            yield from map(on_a_free_one, items)
            return
        with ThreadPoolExecutor(self._count) as pool:
            try:
                yield from pool.map(on_a_free_one, items)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _timed(self, infer: Inference) -> Inference:
        def timed(frames: Float32) -> Float32:
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
    return Replicas([_on(name, network, model, scales, dtype) for name in names])


def _on(
    name: str, network: LocalizationNetwork, model: keras.Model, scales: Scales, dtype: str
) -> Inference:
    """Return a network on a device."""
    import tensorflow as tf

    with tf.device(name):
        copy = network.build()
        copy.set_weights(model.get_weights())
        xla = is_gpu(name)
        infer = network.inference(copy, scales, dtype, xla)
        infer = same_batches(infer) if xla else infer

    def there(frames: Float32) -> Float32:
        with tf.device(name):
            return infer(frames)

    return there


def same_batches(infer: Inference) -> Inference:
    """Pad the last, smaller batch of a chunk: XLA compiles for every size that occurs."""
    largest: dict[tuple[int, ...], int] = {}

    def filled(frames: Float32) -> Float32:
        count = len(frames)
        size = largest[frames.shape[1:]] = max(largest.get(frames.shape[1:], 0), count)
        if count < size:
            frames = np.concatenate([frames, np.repeat(frames[-1:], size - count, axis=0)])
        return infer(frames)[:count]

    return filled
