"""The interface of a network for training and inference.

A network sees frames in its own scale (:class:`Scales`), is built untrained, states its loss
against the true emitters of a batch, and gives a fast function for inference. How its answer is
read is the business of :mod:`deep_storm.extraction`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field, field_validator

from deep_storm.networks.company import Inference, PickingInference
from deep_storm.psf.code import CODE_LENGTH, MAX_CODE
from deep_storm.settings import Settings, setting

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from deep_storm.camera import Camera
    from deep_storm.settings import Background, Emitters, Psf

Float32 = npt.NDArray[np.float32]
MAX_PHOTON = 1e10
"""Beyond what can be meant, and far from where float32 overflows."""
CodeNumber = Annotated[float, Field(ge=-MAX_CODE, le=MAX_CODE)]
MAX_INPUT = 20.0
"""Input is cut here: no pixel, however hot, is further from the training data than this."""


BASIC_EXPECTATIONS = 5
EXPECTATIONS = BASIC_EXPECTATIONS + CODE_LENGTH
"""Numbers that a network is conditioned on."""
HIDDEN_CONDITIONS, TUNING_CONDITIONS = 48, 64
"""That the ``native`` network works out of them: by one layer, and by two."""
FRAMES_AT_ONCE = 3
"""By a network that sees the frames before and after the one that it answers for."""
WITH_CODE, WITH_NEIGHBOURS, WITH_CONDITIONED_KERNELS = 2, 3, 4
"""The versions of the networks from which on they are told the PSF's code, see the frames before
and after, and have kernels that depend on what is expected."""


class Scales(Settings):
    """The quantities a network is conditioned on; part of the model, never taken from a frame.

    Frames are brought to the network's scale with it, and :meth:`expectations` are given to the
    ``native`` network beside them: two dim emitters and a bright one look alike, and only what
    is known of the brightness tells them apart.
    """

    background_photon: float = setting(
        ..., "background that becomes zero", unit="photon", ge=0, le=MAX_PHOTON
    )
    input_photon: float = setting(
        ..., "photons above it that become one", unit="photon", ge=1 / MAX_PHOTON, le=MAX_PHOTON
    )
    intensity_photon: float = setting(
        ..., "brightness that becomes one", unit="photon", ge=1 / MAX_PHOTON, le=MAX_PHOTON
    )
    sigma_px: float = setting(..., "PSF sigma that becomes one", unit="px", ge=1e-3, le=1e6)
    intensity_spread: float = setting(0.2, "relative spread of the brightness", ge=0, le=MAX_PHOTON)
    excess_noise_factor: float = setting(1.0, "2 with EM gain, 1 without", ge=1, le=10)
    read_noise_photon: float = setting(0.0, "read-out noise", unit="photon", ge=0, le=MAX_PHOTON**2)
    psf_code: tuple[CodeNumber, ...] = setting(
        (), "how the PSF differs from a Gaussian; empty where that is not known"
    )

    depth_reach_nm: float | None = setting(
        None,
        "depth is stated in place of sigma, of emitters up to so far from the focus",
        unit="nm",
        gt=0,
        le=100_000,
    )

    @field_validator("psf_code")
    @classmethod
    def _whole_code(cls, code: tuple[float, ...]) -> tuple[float, ...]:
        if len(code) not in (0, CODE_LENGTH):
            raise ValueError(f"expected {CODE_LENGTH} numbers or none")
        return code

    @classmethod
    def matching(
        cls,
        camera: Camera,
        psf: Psf,
        emitters: Emitters,
        background: Background,
        psf_code: tuple[float, ...] = (),
    ) -> Scales:
        """Choose the scales for a simulation: half an emitter's peak becomes one."""
        sigma_px = camera.px(psf.sigma_nm)
        peak_photon = emitters.intensity_photon / (2.0 * np.pi * sigma_px**2)
        return cls.parse(
            {
                "background_photon": background.background_photon,
                "input_photon": float(peak_photon / 2.0),
                "intensity_photon": emitters.intensity_photon,
                "sigma_px": sigma_px,
                "intensity_spread": emitters.intensity_std_photon / emitters.intensity_photon,
                "excess_noise_factor": camera.excess_noise_factor,
                "read_noise_photon": camera.read_noise_photon,
                "psf_code": psf_code,
            },
            "the scales of the network's input",
        )

    def network_input(self, photons: Float32, beside: Float32 | None = None) -> Float32:
        """Bring frames to the network's scale.

        Parameters
        ----------
        photons
            ``(batch, y, x)``.
        beside
            The frames before and after each, ``(batch, y, x, 2)``, NaN where there is none.

        Returns
        -------
        ``(batch, y, x, 1)``; with the frames beside them ``(batch, y, x, 3)``, 0 where there is
        none.
        """
        seen = photons[..., None]
        if beside is not None:
            seen = np.concatenate([seen, beside], axis=-1)
        scaled: Float32 = seen - np.float32(self.background_photon)
        scaled /= np.float32(self.input_photon)
        np.minimum(scaled, np.float32(MAX_INPUT), out=scaled)
        if beside is not None:
            np.nan_to_num(scaled[..., 1:], copy=False, nan=0.0)
        return scaled

    def expectations(self) -> Float32:
        """Return the vector the network is conditioned on, float32 ``(17,)``, each about ±1."""
        noise_photon = self.background_photon + self.read_noise_photon**2
        return np.array(
            [
                np.log(self.sigma_px / 1.3),
                np.log(self.intensity_photon / 1500.0),
                np.log((noise_photon + 1.0) / 20.0),
                4.0 * min(self.intensity_spread, 1.0) - 1.0,
                self.excess_noise_factor - 1.0,
                *(self.psf_code or (0.0,) * CODE_LENGTH),
            ],
            dtype=np.float32,
        )

    @property
    def background_scale_photon(self) -> float:
        """Background that corresponds to one in the network's output."""
        return max(self.background_photon, 1.0)


class Truth(NamedTuple):
    """True emitters of a batch of patches, padded to the same number.

    ``x``, ``y`` in px, ``photons`` and ``shape`` (sigma, or the code of depth) in the network's
    scales, ``present`` 1 or 0: ``(batch, n)`` float32; ``background`` ``(batch, y, x)`` in the
    network's scale (y, x may be 1).
    """

    x: tf.Tensor
    y: tf.Tensor
    photons: tf.Tensor
    shape: tf.Tensor
    present: tf.Tensor
    background: tf.Tensor


class LocalizationNetwork(ABC):
    """A network that turns frames into an output about emitters.

    Parameters
    ----------
    upsampling
        Super-resolution pixels along one camera pixel.
    """

    name: ClassVar[str]
    learning_rate: ClassVar[float]
    batch: ClassVar[int]
    patch_size_px: ClassVar[int]
    frames_at_once: ClassVar[int] = 1
    """1, or 3: the one that it answers for, the one before and the one after."""

    def __init__(self, upsampling: int) -> None:
        self.upsampling = upsampling

    @property
    @abstractmethod
    def alignment_px(self) -> int:
        """Height, width and position of a tile are multiples of this."""

    @property
    @abstractmethod
    def halo_px(self) -> int:
        """The receptive field around a pixel, rounded up to the alignment."""

    @abstractmethod
    def build(self, dtype: str = "float32", drawn: bool = True) -> keras.Model:
        """Build the trainable network from ``(batch, y, x, frames_at_once)`` frames.

        Parameters
        ----------
        dtype
            ``float32`` or ``bfloat16``: what it computes in; its weights are float32 all the same.
        drawn
            Whether its weights are drawn at random; where they will be set, that takes longer than
            all else.
        """

    def training_dtype(self, fastest: str) -> str:
        """Return what it computes in while it is trained: ``fastest`` where it learns as well."""
        return "float32"

    def answer(
        self, model: keras.Model, frames: tf.Tensor, expectations: tf.Tensor, training: bool
    ) -> tf.Tensor:
        """Run the trainable network.

        Parameters
        ----------
        frames
            ``(batch, y, x, frames_at_once)`` in the network's scale.
        expectations
            ``(batch, 17)``, see :meth:`Scales.expectations`; a network may leave them.
        """
        del expectations
        return model(frames, training=training)

    def older_shapes(self, model: keras.Model, version: int) -> list[tuple[int, ...]]:
        """Return the shapes of the weights that an older version of the network had."""
        del version
        return [tuple(w.shape) for w in model.weights]

    def completed(self, model: keras.Model, weights: list[Float32], version: int) -> list[Float32]:
        """Convert weights of an older version of the network to the present form.

        Parameters
        ----------
        model
            The network of today.
        weights
            With the shapes of :meth:`older_shapes`.
        version
            That the weights are of.
        """
        del model, version
        return weights

    def laid_out(self, model: keras.Model, weights: list[Float32], version: int) -> list[Float32]:
        """Return weights of the network of today as version 2, or a later one, keeps them."""
        del model, version
        return weights

    def restate_shape(self, model: keras.Model, scales: Scales) -> None:  # noqa: B027 - not all state it
        """Prepare weights that stated sigma for stating depth, or the other way round.

        Parameters
        ----------
        scales
            Say which of the two is stated from now on.
        """

    @abstractmethod
    def loss(self, answer: tf.Tensor, truth: Truth) -> tf.Tensor:
        """Return the loss of an output, a scalar."""

    @abstractmethod
    def inference(
        self, model: keras.Model, scales: Scales, dtype: str = "float32", xla: bool = False
    ) -> Inference:
        """Return the network's fastest form with the weights of ``model``.

        It takes ``(batch, y, x, frames_at_once)``, or frames that stand alone,
        ``(batch, y, x, 1)``.

        Parameters
        ----------
        scales
            Of the frames that it will see.
        dtype
            ``float32`` or ``bfloat16``.
        xla
            Compile it with XLA, for each size of input: faster on a GPU, slower elsewhere.
        """

    def picking_inference(
        self, model: keras.Model, scales: Scales, dtype: str = "float32", xla: bool = False
    ) -> PickingInference:
        """Return the same for a device of its own, which picks what is read of the answer there.

        Parameters
        ----------
        model, scales, dtype, xla
            As for :meth:`inference`.
        """
        return self.inference(model, scales, dtype, xla)
