"""The U-Net of the ``native`` network, conditioned on what to expect.

It is that of [1]_. The kernels depend on what to expect (PSF, brightness, background, kind of
camera; :mod:`deep_storm.networks.conditioned`), so one network serves many experiments and a
trained one is specialized to yours in a minute.

It sees three frames: the one that it answers for, the one before and the one after, 0 where there
is none. A molecule that stays on is then seen up to three times. Features of the three are added
at full resolution, before the first pooling.

References
----------
.. [1] O. Ronneberger, P. Fischer and T. Brox, "U-Net: convolutional networks for biomedical image
   segmentation", MICCAI 2015, 234. https://doi.org/10.1007/978-3-319-24574-4_28
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from deep_storm.cells import BACKGROUND_CHANNEL, FIELDS, OUTPUTS
from deep_storm.networks.base import EXPECTATIONS, FRAMES_AT_ONCE

if TYPE_CHECKING:
    import keras

CHANNELS = (32, 64, 128)
"""Features at full, half and quarter resolution."""
NEIGHBOUR_FEATURES = 16
NEIGHBOURS = "neighbours"
"""Begins the names of the layers that networks which saw one frame (versions 1, 2) do not have."""


def build(channels: tuple[int, int, int] = CHANNELS, drawn: bool = True) -> keras.Model:
    """Build the U-Net, untrained.

    Parameters
    ----------
    channels
        Features at full, half and quarter resolution.
    drawn
        Whether weights are drawn at random, not 0.
    """
    import keras
    from keras import layers

    from deep_storm.networks.conditioned import (  # keras
        ConditionedConvolution,
        Conditions,
    )

    fine, half, quarter = channels
    frames = keras.Input((None, None, FRAMES_AT_ONCE), name="frames")
    expected = keras.Input((EXPECTATIONS,), name="expectations")
    conditions, numbers = Conditions(drawn)(expected), count(1)

    def convolved(x: Any, width: int, size: int = 3, activated: bool = True) -> Any:
        name = f"convolution_{next(numbers)}"
        return ConditionedConvolution(width, size, activated, drawn, name)([x, conditions])

    own = convolved(convolved(frames[..., :1], fine), fine, activated=False)
    skip_fine = layers.ReLU()(layers.Add()([own, _compared(frames, fine, drawn)]))
    skip_half = convolved(convolved(layers.MaxPooling2D()(skip_fine), half), half)
    x = convolved(convolved(layers.MaxPooling2D()(skip_half), quarter), quarter)
    for width, skip in ((half, skip_half), (fine, skip_fine)):
        x = convolved(x, width, size=1, activated=False)
        x = layers.Add()([layers.UpSampling2D()(x), skip])
        x = convolved(convolved(layers.ReLU()(x), width), width)
    return keras.Model([frames, expected], _cells(x, drawn), name="native")


def _compared(frames: Any, width: int, drawn: bool) -> Any:
    """Return what the frames beside add to a frame's features: nothing before training."""
    import keras

    def conv(x: Any, width: int, name: str, **more: Any) -> Any:
        name = f"{NEIGHBOURS}_{name}"
        return keras.layers.Conv2D(width, 3, padding="same", name=name, **more)(x)

    beside = frames
    for seed, name in enumerate(("seen", "compared")):
        begin = keras.initializers.HeNormal(seed) if drawn else "zeros"
        beside = conv(beside, NEIGHBOUR_FEATURES, name, activation="relu", kernel_initializer=begin)
    return conv(beside, width, "added", use_bias=False, kernel_initializer="zeros")


def _cells(x: Any, drawn: bool) -> Any:
    """Return the answer for each pixel, which begins with hardly any emitter."""
    import keras

    bias = np.zeros(OUTPUTS, np.float32)
    bias[0:BACKGROUND_CHANNEL:FIELDS] = -4.0
    return keras.layers.Conv2D(
        OUTPUTS,
        1,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01) if drawn else "zeros",
        bias_initializer=keras.initializers.Constant(bias.tolist()),
        dtype="float32",
        name="cells",
    )(x)
