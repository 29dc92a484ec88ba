"""The card of a model, ``model.toml``: settings, calibration, and what it was trained for.

Models that come with the software have a name instead of a path (:data:`BUNDLED`).
"""

from __future__ import annotations

import hashlib
import json
import os
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import model_validator

from deep_storm.camera import Camera
from deep_storm.errors import DeepStormError, ModelError
from deep_storm.io.config import load_toml
from deep_storm.io.model_folder import CARD_FILE
from deep_storm.networks.base import WITH_CONDITIONED_KERNELS, Scales
from deep_storm.settings import Background, Domain, Emitters, Network, Psf, Settings, setting

FORMAT_VERSION = 1
NETWORK_VERSION = WITH_CONDITIONED_KERNELS
"""1: before networks were conditioned on the shape of the PSF; 2: before they saw the frames before
and after; 3: before all of their kernels depended on what is expected."""
BUNDLED = ("general",)
"""Names of the models that come with the software."""
MAX_KNOTS = 10_000


class Calibration(Settings):
    """From a candidate's score to its confidence, and from the network's to the true spread.

    Piecewise linear: ``confidence`` and ``spread_factor`` at each ``score``.
    """

    score: tuple[float, ...] = setting((0.0, 1.0), "scores, rising")
    confidence: tuple[float, ...] = setting((0.0, 1.0), "probability that an emitter is there")
    spread_score: tuple[float, ...] = setting((0.0, 1.0), "scores, rising")
    spread_factor: tuple[float, ...] = setting(
        (1.0, 1.0), "true standard deviation over the network's"
    )
    depth_score: tuple[float, ...] | None = setting(None, "scores, rising; none without depth")
    depth_factor: tuple[float, ...] | None = setting(
        None, "true standard deviation of the depth over the network's"
    )
    background_factor: float | None = setting(
        None, "true background over the network's", gt=0, le=1e6
    )
    photon_factor: float | None = setting(
        None, "true photons of an emitter over the network's, in the median", gt=0, le=1e6
    )
    shift_x_px: float | None = setting(
        None, "the network's x less the true one, in the mean", unit="px", ge=-1e3, le=1e3
    )
    shift_y_px: float | None = setting(
        None, "the network's y less the true one, in the mean", unit="px", ge=-1e3, le=1e3
    )

    @property
    def shift_px(self) -> tuple[float, float]:
        """The network's places less the true ones, in the mean: x and y."""
        return self.shift_x_px or 0.0, self.shift_y_px or 0.0

    @model_validator(mode="after")
    def _check_curves(self) -> Calibration:
        curves = [("score", "confidence"), ("spread_score", "spread_factor")]
        if self.depth_score is not None or self.depth_factor is not None:
            curves.append(("depth_score", "depth_factor"))
        for x, y in curves:
            at, values = (np.array(getattr(self, name) or ()) for name in (x, y))
            if not 0 < at.size == values.size <= MAX_KNOTS:
                raise ValueError(f"{at.size} values of {x}, {values.size} of {y}")
            if (np.diff(at) < 0).any():
                raise ValueError(f"{x} does not rise")
            if (values < 0).any() or values.max() > (1.0 if y == "confidence" else 1e6):
                raise ValueError(f"{y} from {values.min():g} to {values.max():g}")
        return self

    def confidence_of(self, score: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Return the confidence of candidates."""
        return np.interp(score, self.score, self.confidence)

    def spread_factor_of(self, score: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Return the factor by which the network's spread is multiplied."""
        return np.interp(score, self.spread_score, self.spread_factor)

    def depth_factor_of(self, score: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """Return the factor by which the network's spread of the depth is multiplied."""
        if self.depth_score is None or self.depth_factor is None:
            return np.ones(score.shape)
        return np.interp(score, self.depth_score, self.depth_factor)


class WeightsFile(Settings):
    """A file of weights with its size and checksum."""

    name: Literal["weights.npz", "last.npz"] = setting(..., "file name")
    bytes: int = setting(..., "size", unit="bytes", ge=1)
    sha256: str = setting(..., "checksum", pattern=r"^[0-9a-f]{64}$", form="64 hexadecimal digits")


class ModelCard(Settings):
    """Contents of ``model.toml``."""

    format_version: int = setting(FORMAT_VERSION, "version of the model folder's format")
    network_version: int = setting(1, "version of the network's layers", ge=1, le=NETWORK_VERSION)
    network: Network = setting(..., "network and upsampling")
    camera: Camera = setting(..., "camera it was trained for")
    psf: Psf = setting(..., "PSF it was trained for")
    emitters: Emitters = setting(..., "emitters it was trained for")
    background: Background = setting(..., "background it was trained for")
    scales: Scales = setting(..., "normalisation of input and answer")
    general: bool = setting(
        False, "a general model: camera, PSF, emitters and background are not fixed"
    )
    domain: Domain | None = setting(
        None, "experiments that a general model, or the one it started from, was trained for"
    )
    threshold: float = setting(0.5, "confidence that localizations need by default", ge=0, le=1)
    calibration: Calibration = setting(Calibration(), "score to confidence, spread to uncertainty")
    scores: dict[str, float] = setting({}, "on validation simulation")
    training: dict[str, Any] = setting({}, "how it was trained")
    versions: dict[str, str] = setting({}, "software it was trained with")
    weights: tuple[WeightsFile, ...] = setting((), "files of weights")
    checksum: str = setting("", "of all the above; none in a card that was edited on purpose")

    @property
    def unit_photon(self) -> float:
        """Photons of an emitter that a one in the network's answer stands for."""
        return self.scales.intensity_photon * (self.calibration.photon_factor or 1.0)

    @property
    def unit_background_photon(self) -> float:
        """Photons of background that a one in the network's answer stands for."""
        return self.scales.background_scale_photon * (self.calibration.background_factor or 1.0)

    def own_checksum(self) -> str:
        """Return the checksum of everything but the checksum."""
        # Only what the file says: a setting that came later must not make an older card wrong.
        values = self.model_dump(
            mode="json", exclude={"checksum"}, exclude_none=True, exclude_unset=True
        )
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def model_folder(path: str | os.PathLike[str]) -> Path:
    """Return the folder of a model: a bundled one by its name, unless a folder has that name.

    Raises
    ------
    ModelError
        It is no path at all.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ModelError(
            f"model is {path!r}", "a model folder, its name, or a Model", "give one of them"
        )
    folder = Path(path)
    if str(path) in BUNDLED and not (folder / CARD_FILE).is_file():
        return Path(str(resources.files("deep_storm") / "models" / str(path)))
    return folder


def read_card(folder: Path) -> ModelCard:
    """Read and check ``model.toml`` without loading TensorFlow.

    Raises
    ------
    ModelError
        The folder is no model folder, or its card is damaged or of another format version.
    """
    expected = "a model folder with model.toml and weights.npz"
    if not folder.is_dir():
        close = get_close_matches(str(folder), BUNDLED, n=1)
        raise ModelError(
            f"{folder} is {'a file' if folder.exists() else 'missing'}",
            expected,
            f"did you mean {close[0]!r}?"
            if close
            else "give the folder that `deep-storm train -o` wrote, or general, the model that "
            "comes with Deep-STORM",
        )
    if not (folder / CARD_FILE).is_file():
        raise ModelError(
            f"{folder} has no {CARD_FILE}",
            expected,
            "training did not finish, or this is another folder; train again",
        )
    try:
        values = load_toml(folder / CARD_FILE)
        version = values.get("format_version")
        if version != FORMAT_VERSION:
            raise ModelError(
                f"{folder} has the format version {version}",
                f"version {FORMAT_VERSION}",
                "use the Deep-STORM version that made it, or train again",
            )
        card = ModelCard.parse(values, str(folder / CARD_FILE))
    except ModelError:
        raise
    except DeepStormError as error:
        raise ModelError(
            f"{folder / CARD_FILE} is damaged ({error.received})", expected, "train again"
        ) from error
    if card.checksum and card.checksum != card.own_checksum():
        raise ModelError(
            f"{folder / CARD_FILE} is not what was written (its checksum differs)",
            "an undamaged model folder",
            "copy it again; after a change on purpose, remove the line with the checksum",
        )
    return card
