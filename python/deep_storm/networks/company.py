"""Inference that never calls a network with a single frame, and never with more than fit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, overload

import numpy as np
import numpy.typing as npt

from deep_storm.cells import Answers, first_answers, joined_answers
from deep_storm.networks.device import is_out_of_memory

if TYPE_CHECKING:
    import tensorflow as tf

Float32 = npt.NDArray[np.float32]
MIN_FRAMES = 2
"""In the network at a time."""
UNLIMITED_FRAMES = 2**31
Inference = Callable[[Float32], Float32]
"""From network input ``(batch, y, x, frames_at_once)`` to the answer, both numpy arrays."""
PickingInference = Callable[[Float32], Answers]
"""The same, where the device may pick out of the answer what is read of it."""


def on_host(answer: tf.Tensor) -> Float32:
    """Return a network's answer as an array: on a processor the same memory, read-only."""
    return np.asarray(answer)


@overload
def in_company(run: Callable[[Float32], tf.Tensor]) -> Inference: ...


@overload
def in_company(
    run: Callable[[Float32], tf.Tensor], fetch: Callable[[tf.Tensor], Answers]
) -> PickingInference: ...


def in_company(
    run: Callable[[Float32], tf.Tensor], fetch: Callable[[tf.Tensor], Answers] = on_host
) -> PickingInference:
    """Return an inference function that never calls the network with a single frame.

    TensorFlow rounds a convolution of one frame otherwise than that of several, and a frame's
    answer must not depend on how many others a chunk happens to hold.

    Parameters
    ----------
    run
        The network on the device.
    fetch
        Brings what is needed of its answer to the host.

    Raises
    ------
    MemoryError
        By the inference: the device has not the memory for two frames at a time. Where more do
        not fit, batches are halved from then on, which is said once.
    """
    most = UNLIMITED_FRAMES

    def infer(frames: Float32) -> Answers:
        nonlocal most
        from tensorflow.errors import OpError

        pieces: list[Answers] = []
        begin = 0
        while begin < len(frames):
            piece = frames[begin : begin + most]
            company = np.concatenate([piece, piece]) if len(piece) == 1 else piece
            try:
                answer = fetch(run(company))
            except OpError as error:
                if not is_out_of_memory(error):
                    raise
                height, width = piece.shape[1:3]
                if len(company) <= MIN_FRAMES:
                    raise MemoryError(f"{MIN_FRAMES} frames of {height} × {width} px") from error
                most = max(len(company) // 2, MIN_FRAMES)
                warnings.warn(
                    f"the device's memory is too small for {len(company)} frames of {height} × "
                    f"{width} px at a time; it gets {most} from here on",
                    stacklevel=2,
                )
                continue
            pieces.append(first_answers(answer, len(piece)))
            begin += len(piece)
        return joined_answers(pieces)

    return infer
