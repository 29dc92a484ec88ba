"""The ``classic`` network: Deep-STORM as published [1]_.

The frame is enlarged with nearest-neighbour interpolation and goes through an encoder (3 × 3
convolutions with 32, 64, 128, 512 features, batch normalization, ReLU, pooling) and a decoder
(upsampling, 128, 64, 32 features) to a heat map on the super-resolution grid.

Loss: squared difference between true and said emitters, both blurred with the same Gaussian of one
super-resolution pixel, plus the mean of the absolute heat map. The true blurred emitters are drawn
at their exact positions, so labels are not quantized to the super-resolution grid.

Each "enlarge twice, convolve 3 × 3" is done as four 2 × 2 convolutions before enlarging, in
training and in inference: a 3 × 3 window on an enlarged image covers only 2 × 2 different pixels,
and which taps fall together depends only on the phase. The result is the same up to float32
rounding, with 9/4 less work. For inference the batch normalization is folded in as well.

References
----------
.. [1] E. Nehme et al., "Deep-STORM: super-resolution single-molecule microscopy by deep learning",
   Optica 5, 458 (2018). https://doi.org/10.1364/OPTICA.5.000458
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deep_storm.networks.base import (
    Float32,
    LocalizationNetwork,
    Scales,
    Truth,
)
from deep_storm.networks.company import Inference, in_company
from deep_storm.networks.keras_settings import computing_in, own_settings

if TYPE_CHECKING:
    import keras

ENCODER = (32, 64, 128)
BOTTOM = 512
DECODER = (128, 64, 32)
POOLINGS = len(ENCODER)
REACH_SR_PX = 32
"""Radius of the receptive field in super-resolution pixels, poolings included."""
AMPLITUDE = 100.0
"""Height of a single emitter's heat map sum; keeps the loss away from the blank solution."""
KERNEL_RADIUS = 3
MOMENTUM = 0.9
"""Of the means and variances for inference: minutes of training are a few hundred steps."""


class ClassicNetwork(LocalizationNetwork):
    """The published Deep-STORM network and loss."""

    name = "classic"
    learning_rate = 1e-3
    batch = 4
    patch_size_px = 24

    @property
    def alignment_px(self) -> int:
        """Enlarged frames must be divisible by the three poolings."""
        factor = 2**POOLINGS
        return factor // math.gcd(factor, self.upsampling)

    @property
    def halo_px(self) -> int:
        """The receptive field in camera pixels, rounded up to the alignment."""
        reach = -(-REACH_SR_PX // self.upsampling)
        return -(-reach // self.alignment_px) * self.alignment_px

    def build(self, dtype: str = "float32", drawn: bool = True) -> keras.Model:
        """Build the trainable network: ``(b, y, x, 1)`` → ``(b, y·u, x·u, 1)``."""
        with own_settings(computing_in(dtype)):
            return self._built(drawn)

    def _built(self, drawn: bool) -> keras.Model:
        import keras
        from keras import layers

        begin = "orthogonal" if drawn else "zeros"

        def conv(x: Any, width: int) -> Any:
            x = layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer=begin)(x)
            return layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(x))

        frame = keras.Input((None, None, 1), name="frame")
        x = layers.UpSampling2D(self.upsampling)(frame) if self.upsampling > 1 else frame
        for width in ENCODER:
            x = layers.MaxPooling2D()(conv(x, width))
        x = conv(x, BOTTOM)
        for width in DECODER:
            x = conv(layers.UpSampling2D()(x), width)
        heat = layers.Conv2D(
            1, 1, use_bias=False, kernel_initializer=begin, dtype="float32", name="heat"
        )(x)
        return keras.Model(frame, heat, name="classic")

    def answer(
        self, model: keras.Model, frames: tf.Tensor, expectations: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """Run the trainable network, its decoder by phases; it is not conditioned on anything."""
        import keras

        del expectations
        kernels = [x.kernel.value for x in model.layers if isinstance(x, keras.layers.Conv2D)]
        normalized = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
        x = _repeated(frames, self.upsampling)
        for depth, (kernel, normalize) in enumerate(zip(kernels[:-1], normalized, strict=True)):
            if depth <= POOLINGS:
                x = tf.nn.conv2d(x, kernel, 1, "SAME")
            else:
                x = _enlarged(_phases(x, _phase_kernels(kernel)))
            x = tf.nn.relu(normalize(x, training=training))
            if depth < POOLINGS:
                x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        return tf.nn.conv2d(x, kernels[-1], 1, "SAME")

    def loss(self, answer: tf.Tensor, truth: Truth) -> tf.Tensor:
        """Blurred squared difference plus mean absolute heat map (the publication's loss)."""
        heat = tf.cast(answer, tf.float32)
        blurred = tf.nn.conv2d(heat, _blur_kernel(), 1, "SAME")
        target = AMPLITUDE * self._blurred_truth(truth, tf.shape(heat)[1], tf.shape(heat)[2])
        squared = tf.reduce_mean(tf.square(blurred[..., 0] - target))
        return squared + tf.reduce_mean(tf.abs(heat))

    def _blurred_truth(self, truth: Truth, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
        """Draw a Gaussian (sigma 1, peak 1) at each emitter's position, ``(b, height, width)``.

        A Gaussian is separable, so the image is a product of two matrices per patch.
        """
        columns = tf.range(width, dtype=tf.float32) + 0.5
        rows = tf.range(height, dtype=tf.float32) + 0.5
        x = truth.x[..., None] * self.upsampling - columns
        y = truth.y[..., None] * self.upsampling - rows
        along_x = tf.exp(-0.5 * tf.square(x)) * truth.present[..., None]
        along_y = tf.exp(-0.5 * tf.square(y))
        return tf.linalg.matmul(along_y, along_x, transpose_a=True)

    def inference(
        self, model: keras.Model, scales: Scales, dtype: str = "float32", xla: bool = False
    ) -> Inference:
        """Fold batch normalization and convolve by phases; see the module's text."""
        layers = _folded(model)
        encoder = [(tf.constant(k, dtype), tf.constant(b, dtype)) for k, b in layers[:4]]
        decoder = [
            (tf.cast(_phase_kernels(tf.constant(k)), dtype), tf.constant(np.tile(b, 4), dtype))
            for k, b in layers[4:7]
        ]
        head = tf.constant(np.kron(np.eye(4), layers[7][0]), dtype)  # for each phase by itself
        upsampling = self.upsampling

        @tf.function(
            input_signature=[tf.TensorSpec((None, None, None, 1), tf.float32)],
            autograph=False,
            jit_compile=xla or None,
        )
        def run(frames: tf.Tensor) -> tf.Tensor:
            x = _repeated(tf.cast(frames, dtype), upsampling)
            for depth, (kernel, bias) in enumerate(encoder):
                x = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), bias))
                if depth < POOLINGS:
                    x = tf.nn.max_pool2d(x, 2, 2, "VALID")
            for number, (kernels, bias) in enumerate(decoder, 1):
                x = tf.nn.relu(tf.nn.bias_add(_phases(x, kernels), bias))
                if number == len(decoder):  # the head looks at single pixels
                    x = tf.nn.conv2d(x, head, 1, "SAME")
                x = _enlarged(x)
            return tf.cast(x, tf.float32)

        return in_company(run)


def _blur_kernel() -> tf.Tensor:
    """Return a 7 × 7 Gaussian of sigma 1 and peak 1."""
    grid = np.arange(-KERNEL_RADIUS, KERNEL_RADIUS + 1)
    line = np.exp(-0.5 * grid**2)
    return tf.constant(np.outer(line, line)[:, :, None, None], tf.float32)


def _folded(model: keras.Model) -> list[tuple[Float32, Float32]]:
    """Return kernel and bias of each convolution with folded batch normalization."""
    import keras

    folded: list[tuple[Float32, Float32]] = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            kernel = np.asarray(layer.kernel, np.float32)
            folded.append((kernel, np.zeros(kernel.shape[-1], np.float32)))
        elif isinstance(layer, keras.layers.BatchNormalization):
            kernel, _ = folded[-1]
            variance = np.asarray(layer.moving_variance, np.float64)
            factor = np.asarray(layer.gamma, np.float64) / np.sqrt(variance + layer.epsilon)
            shift = np.asarray(layer.beta, np.float64)
            shift = shift - np.asarray(layer.moving_mean, np.float64) * factor
            folded[-1] = ((kernel * factor).astype(np.float32), shift.astype(np.float32))
    return folded


def _phase_kernels(kernel: tf.Tensor) -> tf.Tensor:
    """Return the 2 × 2 kernels ``(2, 2, in, 4·out)`` of the phases of a kernel ``(3, 3, in, out)``.

    After a doubling, the upper phase sees tap 0 in the row above and taps 1 and 2 in its own row,
    the lower one taps 0 and 1 in its own and tap 2 in the row below; columns alike.
    """
    taps = tf.constant([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], kernel.dtype)
    phases = tf.einsum("aru,bcv,uvio->rciabo", taps, taps, kernel)
    return tf.reshape(phases, (2, 2, kernel.shape[2], 4 * kernel.shape[3]))


def _phases(x: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """Convolve an image ``(b, y, x, in)`` as if it were enlarged twofold, for :func:`_enlarged`.

    Returns
    -------
    ``(b, y + 1, x + 1, 4·out)``: of each phase a row and a column are left over.
    """
    padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    return tf.nn.conv2d(padded, kernels, 1, "VALID")


def _enlarged(phases: tf.Tensor) -> tf.Tensor:
    """Interleave the four phases into one image ``(b, 2·y, 2·x, out)``."""
    above, below = slice(None, -1), slice(1, None)
    parts = [
        phase[:, rows, columns]
        for phase, (rows, columns) in zip(
            tf.split(phases, 4, axis=-1), itertools.product((above, below), repeat=2), strict=True
        )
    ]
    return tf.nn.depth_to_space(tf.concat(parts, axis=-1), 2)


def _repeated(x: tf.Tensor, times: int) -> tf.Tensor:
    """Enlarge frames ``(b, y, x, 1)`` with nearest-neighbour interpolation."""
    return tf.repeat(tf.repeat(x, times, axis=1), times, axis=2) if times > 1 else x
