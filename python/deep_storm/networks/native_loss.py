"""The loss of the ``native`` network.

Training maximizes the likelihood of the true emitters under the mixture of all cells'
Gaussians, and that of their number under the cells' probabilities.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import tensorflow as tf

from deep_storm.cells import BACKGROUND_CHANNEL, CELLS, FIELDS, MIN_SPREAD, REACH_CELLS
from deep_storm.networks.base import Truth

WINDOW = 3
"""Cells on each side of an emitter that may answer for it."""
TYPICAL_COUNT = 16.0
"""Emitters of a patch from which on its weight falls."""


def loss(raw: tf.Tensor, truth: Truth) -> tf.Tensor:
    """Negative log likelihood of the truth, averaged over patches.

    Parameters
    ----------
    raw
        Network output ``(batch, height, width, 37)``.
    truth
        The emitters that are really there.
    """
    raw = tf.cast(raw, tf.float32)
    cells = tf.nn.depth_to_space(raw[..., :BACKGROUND_CHANNEL], CELLS)
    logit = cells[..., 0]
    probability = tf.clip_by_value(tf.sigmoid(logit), 1e-6, 1.0 - 1e-6)
    expected = tf.reduce_sum(probability, axis=(1, 2))
    located = _location_term(cells, expected, truth)
    counted = _count_term(probability, expected, truth)
    background = tf.nn.softplus(raw[..., BACKGROUND_CHANNEL])
    # Relative where it is bright: a patch full of haze would decide the training otherwise.
    off = (background - truth.background) / tf.maximum(truth.background, 1.0)
    off = tf.reduce_mean(tf.square(off), axis=(1, 2))
    # Crowded patches have many terms; without this the hopeless ones would decide the training.
    weight = tf.math.rsqrt(1.0 + tf.reduce_sum(truth.present, axis=1) / TYPICAL_COUNT)
    return tf.reduce_mean(weight * (located + counted) + 10.0 * off)


def _count_term(probability: tf.Tensor, expected: tf.Tensor, truth: Truth) -> tf.Tensor:
    """Negative log likelihood of the number of emitters: a sum of Bernoulli variables."""
    count = tf.reduce_sum(truth.present, axis=1)
    variance = tf.reduce_sum(probability * (1.0 - probability), axis=(1, 2)) + 0.05
    return 0.5 * (tf.square(count - expected) / variance + tf.math.log(variance))


def _location_term(cells: tf.Tensor, expected: tf.Tensor, truth: Truth) -> tf.Tensor:
    """Negative log likelihood of each emitter under the mixture of the cells around it."""
    patches, rows, columns = tf.shape(cells)[0], tf.shape(cells)[1], tf.shape(cells)[2]
    # Patches differ much in their number of emitters: look at the real ones, not at the padding.
    real = tf.where(truth.present > 0)
    patch = tf.cast(real[:, 0], tf.int32)
    emitters = _Emitters(
        *(tf.gather_nd(v, real) for v in (truth.x, truth.y, truth.photons, truth.shape))
    )
    steps = tf.range(-WINDOW, WINDOW + 1)
    column = tf.cast(tf.floor(emitters.x * CELLS), tf.int32)[:, None] + tf.tile(
        steps, [2 * WINDOW + 1]
    )
    row = tf.cast(tf.floor(emitters.y * CELLS), tf.int32)[:, None] + tf.repeat(
        steps, 2 * WINDOW + 1
    )
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    index = tf.clip_by_value(row, 0, rows - 1) * columns + tf.clip_by_value(column, 0, columns - 1)
    near = tf.gather(tf.reshape(cells, [-1, FIELDS]), patch[:, None] * rows * columns + index)
    deviation = _deviations(near, row, column, emitters)
    spread = tf.nn.softplus(near[..., 5:9]) + MIN_SPREAD
    log_density = -tf.reduce_sum(
        0.5 * tf.square(deviation / spread) + tf.math.log(spread), axis=-1
    ) - 2.0 * math.log(2.0 * math.pi)
    log_weight = (
        tf.math.log_sigmoid(near[..., 0]) - tf.gather(tf.math.log(expected), patch)[:, None]
    )
    joint = tf.where(inside, log_weight + log_density, -1e9)
    return -tf.math.unsorted_segment_sum(tf.reduce_logsumexp(joint, axis=-1), patch, patches)


class _Emitters(NamedTuple):
    """Emitters of all patches in one row, in the layout of :class:`Truth`."""

    x: tf.Tensor
    y: tf.Tensor
    photons: tf.Tensor
    shape: tf.Tensor


def _deviations(near: tf.Tensor, row: tf.Tensor, column: tf.Tensor, truth: _Emitters) -> tf.Tensor:
    """Return true minus predicted x, y (cells), photons and shape, ``(..., 4)``."""
    x = tf.cast(column, tf.float32) + 0.5 + REACH_CELLS * tf.tanh(near[..., 1])
    y = tf.cast(row, tf.float32) + 0.5 + REACH_CELLS * tf.tanh(near[..., 2])
    return tf.stack(
        [
            truth.x[..., None] * CELLS - x,
            truth.y[..., None] * CELLS - y,
            truth.photons[..., None] - tf.nn.softplus(near[..., 3]),
            truth.shape[..., None] - tf.exp(tf.clip_by_value(near[..., 4], -2.0, 2.0)),
        ],
        axis=-1,
    )
