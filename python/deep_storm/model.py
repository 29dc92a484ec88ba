"""The model folder: weights, settings and what the network was trained for.

::

    NAME/
      model.toml     everything but the weights (:mod:`deep_storm.model_card`), human-readable
      weights.npz    the best weights: arrays only, nothing that could be run as code
      psf.toml, psf.npz  the PSF, where it is more than a Gaussian
      last.npz       the weights at the end of training (``train --from NAME/last.npz``)
      history.csv    losses and learning rate (written by training)
      loss.png       the same as a picture
      report.html    all of this to look at (written by training)

``model.toml`` holds size and checksum of the weights, so that a damaged or unfinished folder is
noticed. File names in it are names, never paths.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deep_storm.errors import ModelError
from deep_storm.io.arrays import read_arrays
from deep_storm.io.config import write_config
from deep_storm.io.files import atomic_folder, sha256
from deep_storm.io.foreign import check_regular
from deep_storm.io.model_folder import CARD_FILE, LAST_FILE, PSF_FILE, WEIGHTS_FILE
from deep_storm.io.psf_files import read_psf, write_psf
from deep_storm.model_card import (
    NETWORK_VERSION,
    ModelCard,
    WeightsFile,
    model_folder,
    read_card,
)
from deep_storm.networks import make_network
from deep_storm.networks.base import WITH_NEIGHBOURS, LocalizationNetwork
from deep_storm.networks.precision import learning_dtype
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Device

if TYPE_CHECKING:
    import keras


MAX_WEIGHT = 1e6
"""Those of a trained network are smaller than a thousand."""

Weights = list[npt.NDArray[np.float32]]


@dataclass
class Model:
    """A trained network with everything that belongs to it.

    Attributes
    ----------
    card
        Settings, calibration, scores.
    keras_model
        The network with its best weights.
    last_weights
        The weights at the end of training, when they are known.
    path
        The model folder, when there is one.
    table
        The PSF it was trained for or is used with, where that is more than a Gaussian.
    precision
        In which the network computes when something is learnt about its answers.
    compiled
        Its networks as they were compiled, by precision and device: the next stack, or the next
        frame of a preview, need not wait for that again.
    """

    card: ModelCard
    keras_model: keras.Model
    last_weights: Weights | None = None
    path: Path | None = field(default=None, compare=False)
    table: PsfTable | None = None
    precision: str = field(default="float32", compare=False)
    compiled: dict[tuple[str, str], Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def network(self) -> LocalizationNetwork:
        """The network's class, with this model's upsampling."""
        return make_network(self.card.network)

    @property
    def frames_at_once(self) -> int:
        """Frames that the network looks at for one: this one, or the ones before and after too."""
        return self.network.frames_at_once if self.card.network_version >= WITH_NEIGHBOURS else 1

    def describe(self) -> str:
        """Describe the model and its training in one line."""
        card = self.card
        return (
            f"{card.network.network} network, ×{card.network.upsampling}, "
            f"pixels of {card.camera.pixel_size_nm:g} nm, PSF sigma {card.psf.sigma_nm:g} nm, "
            f"{card.emitters.intensity_photon:g} photons, background "
            f"{card.background.background_photon:g}, {card.emitters.density_per_um2:g} per µm²"
        )

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> list[Path]:
        """Write the model folder (all or nothing) and return the files.

        Raises
        ------
        OutputError
            The folder exists already or cannot be written.
        """
        folder = Path(path)
        with atomic_folder(folder, overwrite, marker=CARD_FILE) as partial:
            self.save_into(partial)
        self.path = folder
        return sorted(folder.iterdir())

    def save_into(self, folder: Path) -> None:
        """Write weights and card into an existing folder."""
        # Weights from before the neighbours stay such: they would be said to look at them.
        version = max(self.card.network_version, WITH_NEIGHBOURS - 1)
        kept = {WEIGHTS_FILE: self.keras_model.get_weights()}
        if self.last_weights is not None:
            kept[LAST_FILE] = self.last_weights
        network, keras_model = self.network, self.keras_model
        files = [
            _write_weights(folder / name, network.laid_out(keras_model, weights, version))
            for name, weights in kept.items()
        ]
        if self.table is not None:
            write_psf(folder / PSF_FILE, self.table)
        # The PSF is that of the folder, wherever its file once lay.
        psf_file = "" if self.table is None else PSF_FILE
        whole = {
            "weights": tuple(files),
            "network_version": version,
            "psf": self.card.psf.model_copy(update={"psf_file": psf_file}),
        }
        values = self.card.model_copy(update=whole).model_dump(mode="json", exclude_none=True)
        self.card = ModelCard.parse(values)  # everything counts as said, defaults too
        self.card = self.card.model_copy(update={"checksum": self.card.own_checksum()})
        write_config(folder / CARD_FILE, self.card.model_dump(mode="json"))

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        last: bool = False,
        device: Device | None = None,
    ) -> Model:
        """Read a model folder.

        Parameters
        ----------
        path
            The folder, or the name of a bundled model.
        last
            Whether to take the last weights instead of the best ones.
        device
            What it is loaded for: the network computes as precisely as it will there, so that it
            need not be built a second time. Its weights are float32 all the same. Default: it
            computes in float32.

        Raises
        ------
        ModelError
            The folder is none, is unfinished or damaged, or of an unknown format.
        SettingsError
            The device cannot compute as asked for.
        """
        folder = model_folder(path)
        card = read_card(folder)
        network = make_network(card.network)
        precision = "float32" if device is None else learning_dtype(device)
        name = LAST_FILE if last else WEIGHTS_FILE
        version = card.network_version
        older = version < NETWORK_VERSION
        keras_model = network.build(network.training_dtype(precision), drawn=older)
        shapes = (
            network.older_shapes(keras_model, version)
            if older
            else [tuple(w.shape) for w in keras_model.weights]
        )
        weights = _read_weights(folder, card, name, shapes)
        _check_weights(weights, folder / name)
        if older:
            weights = network.completed(keras_model, weights, version)
        keras_model.set_weights(weights)
        if last:  # the card of these weights, not of the best ones
            own = tuple(file for file in card.weights if file.name == name)
            card = card.model_copy(update={"weights": own})
        table = None
        if card.psf.psf_file:
            table = read_psf(folder / PSF_FILE, card.camera.pixel_size_nm)
        return cls(card, keras_model, path=folder, table=table, precision=precision)


def _write_weights(path: Path, weights: Weights) -> WeightsFile:
    arrays = {f"{number:03d}": np.asarray(w, np.float32) for number, w in enumerate(weights)}
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return WeightsFile.parse(
        {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256(path)}
    )


def _read_weights(
    folder: Path, card: ModelCard, name: str, shapes: list[tuple[int, ...]]
) -> Weights:
    path = folder / name
    entry = next((w for w in card.weights if w.name == name), None)
    if entry is None or not path.exists():
        raise ModelError(
            f"{folder} has no {name}", "the weights that model.toml names", "train again"
        )
    size = check_regular(path, ModelError, "the weights that model.toml names")
    if size != entry.bytes or sha256(path) != entry.sha256:
        raise ModelError(
            f"{path} does not match its checksum ({size} bytes)",
            f"{entry.bytes} bytes with the checksum in {CARD_FILE}",
            "the file is damaged; copy the model folder again or train again",
        )

    def does_not_fit(reason: str) -> ModelError:
        return ModelError(
            f"{path} does not fit this version's network ({reason})",
            f"{len(shapes)} arrays of the network's shapes",
            "train again with this version",
        )

    needed = 4 * sum(math.prod(shape) for shape in shapes)
    return list(read_arrays(path, does_not_fit, 2 * needed, shapes).values())


def _check_weights(weights: Weights, path: Path) -> None:
    """Refuse weights that are not finite or absurdly large."""
    largest = float(np.max([np.abs(w).max(initial=0.0) for w in weights], initial=0.0))
    if not largest <= MAX_WEIGHT:  # NaN too
        raise ModelError(
            f"{path} holds weights of {largest:g}",
            f"finite numbers of at most {MAX_WEIGHT:g}",
            "training has diverged or the file is damaged: train again",
        )
