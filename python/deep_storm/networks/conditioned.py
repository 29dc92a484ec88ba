"""Convolutions whose kernels depend on what is to be expected.

A network that serves many experiments has to be many networks. Here the features of each
convolution are scaled and shifted by functions of what to expect [1]_, and its kernel is changed
by a sum of a few others (``down`` and ``up``: of low rank, as [2]_ adapts networks), each as much
as another function says::

    kernel(e) = (kernel + Σ_r amount_r(e) · down_r ⊗ up_r) · (1 + scale(e))
    bias(e) = bias · (1 + scale(e)) + shift(e)

For a batch of one experiment the kernel is worked out before it is used, which costs nothing
beside the convolution; a batch of many is scaled and shifted image by image.

References
----------
.. [1] E. Perez et al., "FiLM: visual reasoning with a general conditioning layer", AAAI 2018.
   https://doi.org/10.1609/aaai.v32i1.11671
.. [2] E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.
   https://doi.org/10.48550/arXiv.2106.09685
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from deep_storm.networks.base import BASIC_EXPECTATIONS, HIDDEN_CONDITIONS, TUNING_CONDITIONS

CONDITIONS = 1 + BASIC_EXPECTATIONS + HIDDEN_CONDITIONS + TUNING_CONDITIONS
"""Of which the functions of what to expect are linear ones; the first is 1."""
CHANNELS_PER_KERNEL = 4
"""Channels that a convolution takes in, for each kernel that is added to its own."""


class Conditions(keras.layers.Layer):
    """What the functions are made of: from ``(b, 17)`` expectations to ``(b, 118)`` conditions.

    Parameters
    ----------
    drawn
        Whether weights are drawn at random, not 0.
    """

    def __init__(self, drawn: bool) -> None:
        super().__init__(autocast=False, name="conditions", dtype="float32")
        self.kernels = "glorot_uniform" if drawn else "zeros"

    def build(self, shape: Any) -> None:
        """Make the weights."""
        self.dense = [
            (
                self.add_weight((seen, out), self.kernels, name=f"{name}_kernel"),
                self.add_weight((out,), "zeros", name=f"{name}_bias"),
            )
            for name, seen, out in (
                ("hidden", shape[-1], HIDDEN_CONDITIONS),
                ("first", shape[-1], TUNING_CONDITIONS),
                ("second", TUNING_CONDITIONS, TUNING_CONDITIONS),
            )
        ]

    def compute_output_shape(self, shape: Any) -> Any:
        """Return the shape of the conditions; Keras would trace the layer for it."""
        return shape[0], CONDITIONS

    def call(self, expected: Any) -> Any:
        """Return the conditions."""
        hidden, first, second = self.dense
        return tf.concat(
            [
                tf.ones_like(expected[:, :1]),
                expected[:, :BASIC_EXPECTATIONS],
                _dense(expected, *hidden),
                _dense(_dense(expected, *first), *second),
            ],
            axis=1,
        )


class ConditionedConvolution(keras.layers.Layer):
    """A convolution of (features, conditions) with a kernel for these conditions.

    Untrained it is an ordinary convolution, whatever is expected.

    Parameters
    ----------
    channels
        Features that it gives.
    size
        Of its kernel, in pixels.
    activated
        Whether negative features become zero.
    drawn
        Whether weights are drawn at random, not 0.
    name
        Of the layer.
    """

    def __init__(self, channels: int, size: int, activated: bool, drawn: bool, name: str) -> None:
        super().__init__(autocast=False, name=name)  # conditions stay float32
        self.channels = channels
        self.size = size
        self.activated = activated
        self.drawn = drawn

    def build(self, shapes: Any) -> None:
        """Make the weights for features of this shape."""
        seen, out = shapes[0][-1], self.channels
        rank, spatial = max(1, seen // CHANNELS_PER_KERNEL), (self.size, self.size)
        self.parts = rank, out, out
        kernels = "he_normal" if self.drawn else "zeros"
        self.kernel = self.add_weight((*spatial, seen, out), kernels, name="kernel")
        self.bias = self.add_weight((out,), "zeros", name="bias")
        self.down = self.add_weight((*spatial, seen, rank), kernels, name="down")
        self.up = self.add_weight((rank, out), "zeros", name="up")
        self.functions = self.add_weight(
            (CONDITIONS, sum(self.parts)),
            _amounts_only(rank) if self.drawn else "zeros",
            name="functions",
        )

    def compute_output_shape(self, shapes: Any) -> Any:
        """Return the shape of the features that it gives; Keras would trace the layer for it."""
        return (*shapes[0][:-1], self.channels)

    def call(self, given: Any) -> Any:
        """Return the features ``(b, y, x, channels)``."""
        features, conditions = given
        features = tf.cast(features, self.compute_dtype)
        if conditions.shape[0] == 1:
            kernel, bias = (tf.cast(w, self.compute_dtype) for w in self.worked_out(conditions))
            answer = tf.nn.bias_add(_convolved(features, kernel), bias)
        else:
            answer = self._many(features, conditions)
        return tf.nn.relu(answer) if self.activated else answer

    def worked_out(self, conditions: Any) -> tuple[Any, Any]:
        """Return kernel and bias for images that the same is expected of, ``(1, 118)``."""
        amount, scale, shift = self._said(conditions)
        added = tf.matmul(tf.reshape(self.down, (-1, self.parts[0])) * amount, self.up)
        kernel = (self.kernel + tf.reshape(added, self.kernel.shape)) * (1.0 + scale)
        return kernel, tf.reshape(self.bias * (1.0 + scale) + shift, (-1,))

    def _said(self, conditions: Any) -> list[Any]:
        said: list[Any] = tf.split(tf.matmul(conditions, self.functions), self.parts, axis=1)
        return said

    def _many(self, features: Any, conditions: Any) -> Any:
        """Return the features for images each of which has conditions of its own."""
        amount, scale, shift = (
            tf.cast(v[:, None, None], self.compute_dtype) for v in self._said(conditions)
        )
        kernel, bias, down, up = (
            tf.cast(w, self.compute_dtype) for w in (self.kernel, self.bias, self.down, self.up)
        )
        answer = tf.nn.bias_add(_convolved(features, kernel), bias)
        answer += _convolved(_convolved(features, down) * amount, up[None, None])
        return answer * (1.0 + scale) + shift


def _dense(x: Any, kernel: Any, bias: Any) -> Any:
    return tf.tanh(tf.matmul(x, kernel) + bias)


def _convolved(features: Any, kernel: Any) -> Any:
    return tf.nn.conv2d(features, kernel, 1, "SAME")


def _amounts_only(rank: int) -> Any:
    """Return an initializer: amounts of the added kernels at random, scales and shifts 0."""
    drawn = keras.initializers.GlorotUniform()

    def initial(shape: Any, dtype: Any = None) -> Any:
        amounts = drawn((shape[0], rank), dtype)
        return tf.concat([amounts, tf.zeros((shape[0], shape[1] - rank), amounts.dtype)], axis=1)

    return initial
