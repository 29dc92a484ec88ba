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

    def linear(x: Any, width: int, **more: Any) -> Any:
        return layers.Conv2D(
            width, 3, padding="same", **{"kernel_initializer": "he_normal", **more}
        )(x)

    def conv(x: Any, width: int, **more: Any) -> Any:
        return linear(x, width, activation="relu", **more)

    def conditioned(x: Any, width: int) -> Any:
        features = linear(x, width)
        shift = layers.Dense(width, use_bias=False, kernel_initializer="zeros")(basic)
        scale, more = (
            layers.Dense(width, kernel_initializer="zeros", name=f"{MODULATION}_{what}_{width}")(
                hidden
            )
            for what in ("scale", "shift")
        )
        shift, scale = (
            layers.Reshape((1, 1, width))(v) for v in (layers.Add()([shift, more]), scale)
        )
        scaled = layers.Add()([features, layers.Multiply()([features, scale])])
        return layers.ReLU()(layers.Add()([scaled, shift]))

    fine, half, quarter = channels
    frames = keras.Input((None, None, FRAMES_AT_ONCE), name="frames")
    expected = keras.Input((EXPECTATIONS,), name="expectations")
    basic = expected[:, :BASIC_EXPECTATIONS]
    hidden = layers.Dense(HIDDEN_CONDITIONS, activation="tanh", name=f"{MODULATION}_hidden")(
        expected
    )
    own = linear(conditioned(frames[..., :1], fine), fine)
    beside = frames
    for seed, name in enumerate(("seen", "compared")):
        beside = conv(
            beside,
            NEIGHBOUR_FEATURES,
            kernel_initializer=keras.initializers.HeNormal(seed),
            name=f"{NEIGHBOURS}_{name}",
        )
    beside = linear(
        beside, fine, use_bias=False, kernel_initializer="zeros", name=f"{NEIGHBOURS}_added"
    )
    skip_fine = layers.ReLU()(layers.Add()([own, beside]))
    skip_half = conv(conditioned(layers.MaxPooling2D()(skip_fine), half), half)
    x = conv(conditioned(layers.MaxPooling2D()(skip_half), quarter), quarter)
    for width, skip in ((half, skip_half), (fine, skip_fine)):
        x = layers.Conv2D(width, 1, kernel_initializer="he_normal")(x)
        x = layers.Add()([layers.UpSampling2D()(x), skip])
        x = conv(conv(layers.ReLU()(x), width), width)
    bias = np.zeros(OUTPUTS, np.float32)
    bias[0:BACKGROUND_CHANNEL:FIELDS] = -4.0
    head = layers.Conv2D(
        OUTPUTS,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(bias.tolist()),
        dtype="float32",
        name="cells",
    )(x)
    return keras.Model([frames, expected], head, name="native")
