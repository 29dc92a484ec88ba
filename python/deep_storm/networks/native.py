"""The ``native`` network: a U-Net on the camera grid that answers in cells.

Every camera pixel holds 2 × 2 *cells*. For each cell the network says with which probability an
emitter is there, where inside, how bright and how wide it is, and how sure it is of that
(in the manner of [1]_). One value per pixel is the background.

Output, ``(batch, height, width, 37)``: channel ``9 * (2 * cell_row + cell_column) + k`` with

=====  ==========================================================================
``k``  meaning (raw; :mod:`deep_storm.extraction.native` reads it)
=====  ==========================================================================
0      logit of the probability that an emitter is in this cell
1, 2   x, y from the cell's centre (tanh, at most 1.5 cells)
3      photons (softplus, times the intensity scale)
4      PSF sigma (exp, times the sigma scale), or the code of depth (exp)
5-8    spreads of x, y, photons, sigma or the code of depth (softplus, same scales)
=====  ==========================================================================

and channel 36 the background (softplus, times the background scale).

For a PSF that tells depth the network is trained to state depth in place of sigma, by a code
(:class:`~deep_storm.psf.depth.DepthCode`): it costs the same.

The network itself: :mod:`deep_storm.networks.unet`. How it is trained:
:mod:`deep_storm.networks.native_loss`.

References
----------
.. [1] A. Speiser et al., "Deep learning enables fast and dense single-molecule localization with
   high accuracy", Nature Methods 18, 1082 (2021). https://doi.org/10.1038/s41592-021-01236-x
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from deep_storm.cells import (
    BACKGROUND_CHANNEL,
    CELLS,
    COLUMN_BIT,
    FIELDS,
    FRAME_BIT,
    MIN_LOGIT,
    OUTPUTS,
    ROW_BIT,
    PickedCells,
)
from deep_storm.networks.base import (
    EXPECTATIONS,
    FRAMES_AT_ONCE,
    WITH_CONDITIONED_KERNELS,
    Float32,
    LocalizationNetwork,
    Scales,
    Truth,
)
from deep_storm.networks.company import Inference, PickingInference, in_company
from deep_storm.networks.keras_settings import computing_in, own_settings
from deep_storm.networks.native_loss import loss
from deep_storm.networks.older import as_before, as_today
from deep_storm.networks.unet import build
from deep_storm.psf.depth import FOCUS_CODE

if TYPE_CHECKING:
    import keras

SHAPE = 4
"""Channel of sigma or depth in a cell; that of its spread is four channels on."""
START_SPREAD = 0.5
"""Raw; of sigma or depth, before it is trained."""
POOLINGS = 2
REACH_PX = 23
"""Radius of the receptive field: three convolutions and two at full, twice two at half, two at
quarter resolution, poolings included."""
TRACED = "_deep_storm_traced"
"""Attribute of a Keras model, for its compiled functions."""
COPIES = "_deep_storm_copies"
"""Attribute of a Keras model, for its copies of other precision."""


class NativeNetwork(LocalizationNetwork):
    """U-Net on the camera grid with a mixture of Gaussians as output (the default)."""

    name = "native"
    learning_rate = 1.5e-3
    batch = 32
    patch_size_px = 32
    alignment_px = 2**POOLINGS
    halo_px = -(-REACH_PX // 2**POOLINGS) * 2**POOLINGS
    frames_at_once = FRAMES_AT_ONCE

    def build(self, dtype: str = "float32", drawn: bool = True) -> keras.Model:
        """Build the trainable network: ``(b, y, x, 3)``, ``(b, 17)`` → ``(b, y, x, 37)``."""
        with own_settings(computing_in(dtype)):
            return build(drawn=drawn)

    def training_dtype(self, fastest: str) -> str:
        """Return ``fastest``."""
        return fastest

    def answer(
        self, model: keras.Model, frames: tf.Tensor, expectations: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """Run the network on frames, conditioned on the expected emitters."""
        return model([frames, expectations], training=training)

    def older_shapes(self, model: keras.Model, version: int) -> list[tuple[int, ...]]:
        """Return the shapes of the weights that an older version had."""
        return [w.shape for w in as_before(_named(model, model.get_weights()), version)]

    def completed(self, model: keras.Model, weights: list[Float32], version: int) -> list[Float32]:
        """Add what came later as it is built: it changes nothing, but can learn."""
        made = as_today(weights, version, _named(model, model.get_weights()))
        return [made[v.path] for v in model.weights]

    def laid_out(self, model: keras.Model, weights: list[Float32], version: int) -> list[Float32]:
        """Return weights as the version kept them."""
        if version >= WITH_CONDITIONED_KERNELS:
            return weights
        return as_before(_named(model, weights), version)

    def restate_shape(self, model: keras.Model, scales: Scales) -> None:
        """Let the network begin with a typical sigma, or depth in focus, for every emitter."""
        kernel, bias = model.get_layer("cells").get_weights()
        for cell in range(CELLS * CELLS):
            for k, start in ((SHAPE, _typical_shape(scales)), (SHAPE + 4, START_SPREAD)):
                kernel[..., FIELDS * cell + k] = 0.0
                bias[FIELDS * cell + k] = start
        model.get_layer("cells").set_weights([kernel, bias])

    def loss(self, answer: tf.Tensor, truth: Truth) -> tf.Tensor:
        """Negative log likelihood of the true emitters and their number."""
        return loss(answer, truth)

    def inference(
        self, model: keras.Model, scales: Scales, dtype: str = "float32", xla: bool = False
    ) -> Inference:
        """Return the compiled network; on a copy, if it computes in another type."""
        return in_company(self._compiled(model, scales, dtype, xla))

    def picking_inference(
        self, model: keras.Model, scales: Scales, dtype: str = "float32", xla: bool = False
    ) -> PickingInference:
        """Return the network on a device that keeps all but the active cells to itself."""
        return in_company(self._compiled(model, scales, dtype, xla), picked)

    @staticmethod
    def _compiled(
        model: keras.Model, scales: Scales, dtype: str, xla: bool
    ) -> Callable[[Float32], tf.Tensor]:
        network = model if dtype == model.compute_dtype else _copy(model, dtype)
        run = _traced(network, xla)
        expected = tf.constant(scales.expectations()[None])

        def compiled(frames: Float32) -> tf.Tensor:
            return run(alone(frames), expected=expected)

        return compiled


def alone(frames: Float32) -> Float32:
    """Return frames ``(b, y, x, 1)`` as such that have none before or after, ``(b, y, x, 3)``."""
    missing = FRAMES_AT_ONCE - frames.shape[-1]
    return np.pad(frames, ((0, 0), (0, 0), (0, 0), (0, missing))) if missing else frames


def _copy(model: keras.Model, dtype: str) -> keras.Model:
    """Return a copy of a network that computes in another type; the network keeps it."""
    made: dict[str, keras.Model] = vars(model).setdefault(COPIES, {})
    if dtype not in made:
        with own_settings(computing_in(dtype)):
            made[dtype] = build(drawn=False)
    made[dtype].set_weights(model.get_weights())
    return made[dtype]


def _traced(network: keras.Model, xla: bool) -> Any:
    """Return a network as a compiled function, which it keeps: to make one takes half a second.

    What is expected is given beside the frames, so that one function does for every experiment.
    """
    made: dict[bool, Any] = vars(network).setdefault(TRACED, {})
    if xla in made:
        return made[xla]

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None, None, FRAMES_AT_ONCE), tf.float32),
            tf.TensorSpec((1, EXPECTATIONS), tf.float32),
        ],
        autograph=False,
        jit_compile=xla or None,
    )
    def run(frames: tf.Tensor, expected: tf.Tensor) -> tf.Tensor:
        # One row for all frames: a frame's answer must not depend on those beside it, and the
        # rows of a matrix product are rounded differently by their place.
        return network([frames, expected], training=False)

    made[xla] = run
    return run


def _typical_shape(scales: Scales) -> float:
    """Return the logarithm of the usual fourth number of a cell."""
    return 0.0 if scales.depth_reach_nm is None else math.log(FOCUS_CODE)


def picked(answer: tf.Tensor) -> PickedCells:
    """Pick the active cells of an answer ``(batch, y, x, 37)`` where it lies; fetch only these."""
    at, fields = (np.asarray(tensor) for tensor in _pick(answer))
    place = at[:, 0] << FRAME_BIT | at[:, 1] << ROW_BIT | at[:, 2] << COLUMN_BIT | at[:, 3]
    return PickedCells(int(answer.shape[0]), place, fields)


@tf.function(
    input_signature=[tf.TensorSpec((None, None, None, OUTPUTS), tf.float32)], autograph=False
)
def _pick(answer: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return where the active cells of an answer are (frame, row, column, cell), and fields."""
    batch, height, width = (tf.shape(answer)[k] for k in range(3))
    cells = tf.reshape(
        answer[..., :BACKGROUND_CHANNEL], (batch, height, width, CELLS * CELLS, FIELDS)
    )
    at = tf.where(tf.logical_not(cells[..., 0] <= MIN_LOGIT))  # NaN is active
    background = tf.gather_nd(answer[..., BACKGROUND_CHANNEL:], at[:, :3])
    return at, tf.concat([tf.gather_nd(cells, at), background], axis=1)


def _named(model: keras.Model, weights: Sequence[Any]) -> dict[str, Any]:
    """Return weights of the network by the names of its variables."""
    return dict(zip((v.path for v in model.weights), weights, strict=True))
