"""What training and inference need to know of a network.

A network sees frames in its own scale (:class:`Scales`), is built untrained, states its loss
against the true emitters of a batch, and gives a fast function for inference. How its answer is
read is the business of :mod:`deep_storm.extraction`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.settings import Settings, setting

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from deep_storm.camera import Camera
    from deep_storm.settings import Background, Emitters, Psf

Float32 = npt.NDArray[np.float32]
LARGEST_INPUT = 20.0
"""Input is cut here: no pixel, however hot, is further from the training data than this."""


class Scales(Settings):
    """Constants that bring photons to the network's scale; part of the model, never per frame."""

    background_photon: float = setting(..., "background that becomes zero", unit="photon", ge=0)
    input_photon: float = setting(..., "photons above it that become one", unit="photon", gt=0)
    intensity_photon: float = setting(..., "brightness that becomes one", unit="photon", gt=0)
    sigma_px: float = setting(..., "PSF sigma that becomes one", unit="px", gt=0)

    @classmethod
    def matching(
        cls, camera: Camera, psf: Psf, emitters: Emitters, background: Background
    ) -> Scales:
        """Choose the scales for a simulation: half an emitter's peak becomes one."""
        sigma_px = camera.px(psf.sigma_nm)
        peak_photon = emitters.intensity_photon / (2.0 * np.pi * sigma_px**2)
        return cls(
            background_photon=background.background_photon,
            input_photon=float(peak_photon / 2.0),
            intensity_photon=emitters.intensity_photon,
            sigma_px=sigma_px,
        )

    def network_input(self, photons: Float32) -> Float32:
        """Bring photons ``(batch, y, x)`` to the network's scale ``(batch, y, x, 1)``."""
        scaled = (photons - np.float32(self.background_photon)) / np.float32(self.input_photon)
        return np.minimum(scaled, np.float32(LARGEST_INPUT))[..., None]

    @property
    def background_scale_photon(self) -> float:
        """Background that becomes one in the network's answer."""
        return max(self.background_photon, 1.0)


class Truth(NamedTuple):
    """True emitters of a batch of patches, padded to the same number.

    ``x``, ``y`` in px, ``photons`` and ``sigma`` in the network's scales, ``present`` 1 or 0:
    ``(batch, n)`` float32; ``background`` ``(batch,)`` in the network's scale.
    """

    x: tf.Tensor
    y: tf.Tensor
    photons: tf.Tensor
    sigma: tf.Tensor
    present: tf.Tensor
    background: tf.Tensor


Inference = Callable[[Float32], Float32]
"""From network input ``(batch, y, x, 1)`` to the network's answer, both numpy arrays."""


class LocalizationNetwork(ABC):
    """A network that turns frames into an answer about emitters.

    Parameters
    ----------
    upsampling
        Super-resolution pixels along one camera pixel.
    """

    name: ClassVar[str]
    learning_rate: ClassVar[float]
    batch: ClassVar[int]
    patch_size_px: ClassVar[int]

    def __init__(self, upsampling: int) -> None:
        self.upsampling = upsampling

    @property
    @abstractmethod
    def alignment_px(self) -> int:
        """Height, width and position of a tile are multiples of this."""

    @property
    @abstractmethod
    def halo_px(self) -> int:
        """How far around a pixel the network looks, rounded up to the alignment."""

    @abstractmethod
    def build(self) -> keras.Model:
        """Build the trainable network from ``(batch, y, x, 1)`` frames."""

    @abstractmethod
    def loss(self, answer: tf.Tensor, truth: Truth) -> tf.Tensor:
        """Return the loss of an answer, a scalar."""

    @abstractmethod
    def inference(self, model: keras.Model, dtype: str = "float32") -> Inference:
        """Return the network's fastest form with the weights of ``model``.

        Parameters
        ----------
        dtype
            ``float32`` or ``bfloat16``.
        """
