"""Networks that were tried beside the ``native`` one; see ``levers.py``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import deep_storm as ds
from deep_storm.cells import BACKGROUND_CHANNEL, CELLS, FIELDS
from deep_storm.networks import native, unet
from deep_storm.networks.keras_settings import computing_in, own_settings


class Wide(native.NativeNetwork):
    """Other numbers of features."""

    def __init__(self, *channels: int) -> None:
        super().__init__(8)
        self.channels = channels

    def build(self, dtype: str = "float32", drawn: bool = True) -> keras.Model:
        with own_settings(computing_in(dtype)):
            return unet.build(self.channels, drawn)


def mirrored(raw: Any, axis: int) -> Any:
    """Turn an answer to a mirrored frame back."""
    shape = tf.shape(raw)[:3]
    cells = tf.reshape(raw[..., :BACKGROUND_CHANNEL], tf.concat([shape, [CELLS, CELLS, FIELDS]], 0))
    sign = np.ones(FIELDS, np.float32)
    sign[3 - axis] = -1.0  # x is field 1 and axis 2
    cells = tf.reverse(cells, [axis, axis + 2]) * sign
    cells = tf.reshape(cells, tf.concat([shape, [BACKGROUND_CHANNEL]], 0))
    return tf.concat([cells, tf.reverse(raw[..., BACKGROUND_CHANNEL:], [axis])], -1)


class Distilled(native.NativeNetwork):
    """Learns the truth, and the mean of the general model's answers to four flips."""

    teacher = ds.Model.load("general").keras_model

    def answer(self, model: Any, frames: Any, expectations: Any, training: bool) -> Any:
        own = super().answer(model, frames, expectations, training)
        if not training:
            return own
        answers = []
        for axes in ((), (1,), (2,), (1, 2)):
            raw = self.teacher([tf.reverse(frames, list(axes)), expectations], training=False)
            for axis in axes:
                raw = mirrored(raw, axis)
            answers.append(raw)
        return tf.concat([own, tf.stop_gradient(tf.add_n(answers) / len(answers))], -1)

    def loss(self, answer: Any, truth: Any) -> Any:
        own, taught = answer[..., : native.OUTPUTS], answer[..., native.OUTPUTS :]
        value = native.loss(own, truth)
        if taught.shape[-1] == 0:
            return value
        own, taught = (
            tf.nn.depth_to_space(a[..., :BACKGROUND_CHANNEL], CELLS) for a in (own, taught)
        )
        wanted = tf.sigmoid(taught[..., 0])
        off = tf.nn.sigmoid_cross_entropy_with_logits(wanted, own[..., 0])
        apart = tf.reduce_sum(tf.square(own[..., 1:5] - taught[..., 1:5]), -1)
        return value + tf.reduce_mean(tf.reduce_sum(off + wanted * apart, (1, 2)))


NETWORKS: dict[str, Callable[[], native.NativeNetwork]] = {
    "plain": partial(native.NativeNetwork, 8),
    "24, 64, 192": partial(Wide, 24, 64, 192),
    "48, 96, 192": partial(Wide, 48, 96, 192),
    "distilled": partial(Distilled, 8),
}
