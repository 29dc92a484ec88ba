"""A training, from its inputs to the model folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.camera_maps import fingerprint
from deep_storm.errors import Cancelled, SettingsError
from deep_storm.inputs.camera_maps import MapsSource, maps_of
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.training_data import (
    corrected_simulation,
    frames_of_movie,
    imported_simulation,
    matched_molecules,
    training_set_outputs,
    write_training_set,
)
from deep_storm.interrupts import held_back, interruptible
from deep_storm.io.files import atomic_folder, remove_leftovers
from deep_storm.io.guard import file_key
from deep_storm.io.model_folder import CARD_FILE, HISTORY_FILE, LAST_FILE
from deep_storm.io.outputs import Outputs
from deep_storm.io.stacks.identity import file_identity
from deep_storm.model import Model
from deep_storm.packages import versions
from deep_storm.progress import Progress
from deep_storm.report.gathering import EXAMPLES, write_training_report
from deep_storm.report.plots import loss_curve, save_figure
from deep_storm.settings import Device, Network, Training
from deep_storm.training.checkpoint import Keeper
from deep_storm.training.loop import Trained
from deep_storm.training.session import Molecules, train_model

FREE = {"steps", "minutes", "checkpoint_seconds"}
"""Settings that may be changed on the way: how long it lasts, how often it is kept."""


def train_folder(
    output: Path | str | None,
    expected: Expected,
    *,
    simulation: tuple[Path | str, Path | str] | None,
    from_model: Path | str | Model | None,
    network: Network | None,
    training: Training,
    device: Device,
    resume: bool,
    camera_maps: MapsSource | None,
    movie: Path | str | npt.NDArray[np.generic] | None,
    trust_camera: bool,
    save_training_set: Path | str | None,
    overwrite: bool,
    progress: Progress,
) -> tuple[Model, Trained, tuple[Path, ...]]:
    """Train a model and write its folder; parameters and errors as for the verb ``train``.

    Returns
    -------
    The model, how the training went, and what was written.
    """
    outputs = _outputs(output, overwrite)
    shown = training_set_outputs(save_training_set, overwrite)
    outputs.check()
    shown.check()
    start = _start(from_model, network)
    given = vars(expected)
    imported, molecules = None, None
    if simulation is not None:
        imported, molecules = imported_simulation(
            simulation, given, start, with_maps=camera_maps is not None
        )
    else:
        molecules = matched_molecules(given, start)
    network = network or (start.card.network if start is not None else Network())
    try:
        real = None if movie is None else frames_of_movie(movie, molecules.camera, trust_camera)
        molecules = replace(molecules, maps=maps_of(camera_maps, molecules.camera))
        if imported is not None:
            imported = corrected_simulation(imported, molecules)
        write_training_set(shown, molecules, imported, network, training)
        keeper = _keeper(outputs, resume, molecules, network, training, simulation, start)
        model, trained = train_model(
            molecules, network, training, device, imported, start, progress, keeper
        )
        if imported is not None and real is None:
            real = imported.stream.read(0, min(EXAMPLES, imported.stream.shape[0]))
    finally:
        if imported is not None:
            imported.stream.close()
    if outputs:
        with outputs.writing("model") as folder, _saying_what_is_kept(keeper, trained, folder):
            _write_folder(folder, model, trained, real, overwrite)
        model.path = folder
        _clear_away(keeper, folder)
    return model, trained, (*shown.written, *outputs.written)


def _outputs(output: Path | str | None, overwrite: bool) -> Outputs:
    """Name the model folder; an existing one is replaced only if it is a model's."""
    if output is None:
        return Outputs({})
    folders = {"model": CARD_FILE}
    return Outputs({"model": Path(output)}, overwrite, tail="retrained", folders=folders)


def _clear_away(keeper: Keeper | None, folder: Path) -> None:
    """Remove what was kept for a model that is written."""
    with held_back():
        if keeper is not None:
            keeper.remove()
        remove_leftovers(folder)


@contextmanager
def _saying_what_is_kept(keeper: Keeper | None, trained: Trained, folder: Path) -> Iterator[None]:
    """Tell who presses Ctrl-C while the model is written what there is.

    Raises
    ------
    Cancelled
        Ctrl-C was pressed.
    """
    before = file_key(folder)
    try:
        with interruptible():
            yield
    except KeyboardInterrupt:
        if (folder / CARD_FILE).is_file() and file_key(folder) != before:
            _clear_away(keeper, folder)
            raise Cancelled(f"the model is written, {folder}") from None
        if keeper is None or not keeper.path.is_file():
            raise
        kept = f"the training of {trained.steps} steps is kept in {keeper.folder}; only the model's"
        raise Cancelled(
            f"{kept} files are missing", advice="the same command with --resume writes them"
        ) from None


def _write_folder(
    folder: Path,
    model: Model,
    trained: Trained,
    real: npt.NDArray[Any] | None,
    overwrite: bool,
) -> None:
    """Write the model folder: weights, history, and figures."""
    with atomic_folder(folder, overwrite, marker=CARD_FILE) as partial:
        trained.history.to_csv(partial / HISTORY_FILE, index=False)
        save_figure(loss_curve(trained.history), partial / "loss.png")
        model.save_into(partial)
        report = partial / "report.html"
        write_training_report(
            report, model.card, trained.history, folder.name, real, table=model.table
        )


def _start(from_model: Path | str | Model | None, network: Network | None) -> Model | None:
    """Return the model to start from: the one named, or the bundled general one."""
    if isinstance(from_model, Model):
        return from_model
    if from_model is None:
        fits = network is None or network.network == "native"
        return Model.load("general") if fits else None
    if str(from_model) == "none":
        return None
    path = Path(from_model)
    if path.name == LAST_FILE:
        return Model.load(path.parent, last=True)
    return Model.load(from_model)


def _keeper(
    outputs: Outputs,
    resume: bool,
    molecules: Molecules,
    network: Network,
    training: Training,
    simulation: tuple[Path | str, Path | str] | None,
    start: Model | None,
) -> Keeper | None:
    """Return the place of checkpoints, with the identity of the training."""
    if not outputs:
        if resume:
            raise SettingsError(
                "resume without an output",
                "the model folder that the interrupted training was to write",
                "give --output",
            )
        return None
    settings = {
        name: getattr(molecules, name).model_dump(mode="json")
        for name in ("camera", "psf", "emitters", "background")
    }
    settings["psf_file"] = "" if molecules.table is None else molecules.table.fingerprint()
    settings["shape_known"] = molecules.shape_known
    settings["camera_maps"] = fingerprint(molecules.maps)
    settings["training"] = training.model_dump(mode="json", exclude=FREE)
    settings["network"] = network.model_dump(mode="json")
    settings["simulation"] = [file_identity(part) for part in simulation or ()]
    settings["from"] = start.card.model_dump(mode="json") if start is not None else {}
    settings["version"] = versions()
    model = outputs["model"]
    folder = model.with_name(f"{model.name}.training")
    return Keeper(folder, settings, resume, training.checkpoint_seconds)
