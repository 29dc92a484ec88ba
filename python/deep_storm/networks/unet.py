"""The U-Net of the ``native`` network, conditioned on what to expect.

It is that of [1]_. The features of each resolution are scaled and shifted by functions of what to
expect (PSF, brightness, background, kind of camera) [2]_, so one network serves many experiments
and a trained one is specialized to yours in a minute.

It sees three frames: the one that it answers for, the one before and the one after, 0 where there
is none. A molecule that stays on is then seen up to three times. Features of the three are added
at full resolution, before the first pooling.

References
----------
.. [1] O. Ronneberger, P. Fischer and T. Brox, "U-Net: convolutional networks for biomedical image
   segmentation", MICCAI 2015, 234. https://doi.org/10.1007/978-3-319-24574-4_28
.. [2] E. Perez et al., "FiLM: visual reasoning with a general conditioning layer", AAAI 2018.
   https://doi.org/10.1609/aaai.v32i1.11671
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deep_storm.cells import BACKGROUND_CHANNEL, FIELDS, OUTPUTS
from deep_storm.networks.base import BASIC_EXPECTATIONS, EXPECTATIONS, FRAMES_AT_ONCE

if TYPE_CHECKING:
    import keras

CHANNELS = (32, 64, 128)
"""Features at full, half and quarter resolution."""
HIDDEN_CONDITIONS = 48
NEIGHBOUR_FEATURES = 16
MODULATION = "modulation"
"""Begins the names of the layers that networks of before the PSF code (version 1) do not have."""
NEIGHBOURS = "neighbours"
"""Begins the names of the layers that networks which saw one frame (versions 1, 2) do not have."""


def build(channels: tuple[int, int, int] = CHANNELS) -> keras.Model:
    """Build the U-Net, untrained, with the given features at full, half, quarter resolution."""
    import keras
    from keras import layers

    fine, half, quarter = channels
    frames = keras.Input((None, None, FRAMES_AT_ONCE), name="frames")
    expected = keras.Input((EXPECTATIONS,), name="expectations")
    conditions = _Conditions(expected)
    own = _linear(conditions.applied(frames[..., :1], fine), fine)
    skip_fine = layers.ReLU()(layers.Add()([own, _compared(frames, fine)]))
    skip_half = _conv(conditions.applied(layers.MaxPooling2D()(skip_fine), half), half)
    x = _conv(conditions.applied(layers.MaxPooling2D()(skip_half), quarter), quarter)
    for width, skip in ((half, skip_half), (fine, skip_fine)):
        x = layers.Conv2D(width, 1, kernel_initializer="he_normal")(x)
        x = layers.Add()([layers.UpSampling2D()(x), skip])
        x = _conv(_conv(layers.ReLU()(x), width), width)
    return keras.Model([frames, expected], _cells(x), name="native")


def _linear(x: Any, width: int, **more: Any) -> Any:
    from keras import layers

    return layers.Conv2D(width, 3, padding="same", **{"kernel_initializer": "he_normal", **more})(x)


def _conv(x: Any, width: int, **more: Any) -> Any:
    return _linear(x, width, activation="relu", **more)


class _Conditions:
    """What to expect, as it scales and shifts features."""

    def __init__(self, expected: Any) -> None:
        from keras import layers

        self.basic = expected[:, :BASIC_EXPECTATIONS]
        self.hidden = layers.Dense(
            HIDDEN_CONDITIONS, activation="tanh", name=f"{MODULATION}_hidden"
        )(expected)

    def applied(self, x: Any, width: int) -> Any:
        """Return features of an image, conditioned on what to expect."""
        from keras import layers

        features = _linear(x, width)
        shift = layers.Dense(width, use_bias=False, kernel_initializer="zeros")(self.basic)
        scale, more = (
            layers.Dense(width, kernel_initializer="zeros", name=f"{MODULATION}_{what}_{width}")(
                self.hidden
            )
            for what in ("scale", "shift")
        )
        shift, scale = (
            layers.Reshape((1, 1, width))(v) for v in (layers.Add()([shift, more]), scale)
        )
        scaled = layers.Add()([features, layers.Multiply()([features, scale])])
        return layers.ReLU()(layers.Add()([scaled, shift]))


def _compared(frames: Any, width: int) -> Any:
    """Return what the frames beside add to a frame's features: nothing before training."""
    import keras

    beside = frames
    for seed, name in enumerate(("seen", "compared")):
        beside = _conv(
            beside,
            NEIGHBOUR_FEATURES,
            kernel_initializer=keras.initializers.HeNormal(seed),
            name=f"{NEIGHBOURS}_{name}",
        )
    return _linear(
        beside, width, use_bias=False, kernel_initializer="zeros", name=f"{NEIGHBOURS}_added"
    )


def _cells(x: Any) -> Any:
    """Return the answer for each pixel, which begins with hardly any emitter."""
    import keras
    from keras import layers

    bias = np.zeros(OUTPUTS, np.float32)
    bias[0:BACKGROUND_CHANNEL:FIELDS] = -4.0
    return layers.Conv2D(
        OUTPUTS,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(bias.tolist()),
        dtype="float32",
        name="cells",
    )(x)
