"""``train``: a model folder from a matched simulation or an imported one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.camera_maps import fingerprint
from deep_storm.errors import SettingsError
from deep_storm.inputs.camera_maps import CAMERA_MAPS, MapsSource, corrected, maps_of
from deep_storm.inputs.movie import TRUST_CAMERA
from deep_storm.inputs.training_data import (
    frames_of_movie,
    imported_simulation,
    matched_molecules,
    training_set_outputs,
    write_training_set,
)
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.io.files import atomic_folder, remove_leftovers
from deep_storm.io.outputs import Outputs
from deep_storm.io.stacks.identity import file_identity
from deep_storm.progress import Progress, silent
from deep_storm.report.gathering import EXAMPLES, write_training_report
from deep_storm.settings import Background, Device, Emitters, Network, Psf, Training
from deep_storm.training.checkpoint import Keeper

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deep_storm.model import Model
    from deep_storm.training.loop import Trained
    from deep_storm.training.session import Molecules


@dataclass(frozen=True)
class TrainResult:
    """A trained model and how it came about."""

    model: Model
    trained: Trained
    written: tuple[Path, ...]

    def summary(self) -> str:
        """Return what the model is and how good it was on simulation."""
        card, trained = self.model.card, self.trained
        scores = card.scores
        return "\n".join(
            [
                f"Model       {self.model.describe()}",
                f"Training    {trained.steps} steps in {trained.seconds / 60:.1f} minutes "
                f"({trained.ended})",
                f"Simulation  Jaccard {scores.get('jaccard', float('nan')):.3f}, RMSE "
                f"{scores.get('rmse_nm', float('nan')):.1f} nm at 100 nm "
                f"on {scores.get('emitters', 0):.0f} fresh emitters",
                f"Threshold   {card.threshold:g} (chosen on simulation)",
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Return scores, threshold and training."""
        return {
            "scores": dict(self.model.card.scores),
            "threshold": self.model.card.threshold,
            "training": dict(self.model.card.training),
        }


@verb(
    "train a network on simulated frames that look like yours",
    Argument("output", "model folder to write", writes=True),
    Argument(
        "simulation",
        "imported simulation to train on: stack (TIFF) and ground truth (CSV)",
        tuple[Path, Path],
    ),
    Argument(
        "from_model",
        "model folder to start from (NAME/last.npz: its last weights instead of its best), or "
        "none to start from random weights; default: general, the model included with "
        "Deep-STORM (native only)",
        option="from",
    ),
    Argument("resume", "continue an interrupted training with the same settings and output", bool),
    CAMERA_MAPS,
    Argument(
        "movie",
        "the movie that the simulation is matched to (TIFF); the report shows its frames "
        "beside simulated ones",
    ),
    TRUST_CAMERA,
    Argument(
        "save_training_set",
        "name without extension: write some training patches (.tif), their emitters (.csv) and "
        "a picture (.png) before training",
        writes=True,
    ),
    camera=Camera,
    psf=Psf,
    emitters=Emitters,
    background=Background,
    network=Network,
    training=Training,
    device=Device,
)
def train(
    *,
    output: Path | str | None = None,
    simulation: tuple[Path | str, Path | str] | None = None,
    from_model: Path | str | Model | None = None,
    camera: Camera | None = None,
    psf: Psf | None = None,
    emitters: Emitters | None = None,
    background: Background | None = None,
    network: Network | None = None,
    training: Training = Training(),
    device: Device = Device(),
    resume: bool = False,
    camera_maps: MapsSource | None = None,
    movie: Path | str | npt.NDArray[np.generic] | None = None,
    trust_camera: bool = False,
    save_training_set: Path | str | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> TrainResult:
    """Train a model, calibrate it on fresh simulation and write its folder.

    Parameters
    ----------
    output
        Model folder; without it nothing is written.
    simulation
        Stack and ground truth to train on. Without it the simulation is made on the fly from
        ``psf``, ``emitters`` and ``background``, which are needed then.
    from_model
        A model to start from; what is not given is taken from it. ``NAME/last.npz`` starts from
        its last weights instead of its best. By default the bundled general model, which tells
        nothing about your experiment; ``"none"`` starts from nothing.
    camera
        Needed, unless a model to start from or a protocol beside the simulation tells it.
    psf, emitters, background
        Only with a simulation made on the fly; an imported one tells them itself.
    network, training, device
        Settings.
    resume
        Go on from the checkpoint of an interrupted training: Ctrl-C leaves one beside ``output``,
        and so does every ``checkpoint_seconds``.
    camera_maps
        Of an sCMOS camera: simulated patches take random windows of them, and the frames of an
        imported simulation are corrected with them. They are not kept in the model.
    movie
        The movie that the simulation is matched to: some of its frames stand beside simulated ones
        in the report. Nothing is learnt from it, but a camera that contradicts its noise is an
        error.
    trust_camera
        Whether such a camera is believed.
    save_training_set
        Name without ending of three files that show what training learns from.
    overwrite
        Whether an existing model folder may be replaced.
    progress
        Called after every step.

    Raises
    ------
    SettingsError
        Something is missing or contradicts itself.
    StackError, TableError, CameraError
        The imported simulation or the movie cannot be used.
    ModelError
        The model to start from does not suit.
    OutputError
        The model folder exists already or cannot be written.
    """
    from deep_storm.training.session import train_model

    outputs = _outputs(output, overwrite)
    shown = training_set_outputs(save_training_set, overwrite)
    outputs.check()
    shown.check()
    start = _start(from_model, network)
    given = {"camera": camera, "psf": psf, "emitters": emitters, "background": background}
    imported, molecules = None, None
    if simulation is not None:
        imported, molecules = imported_simulation(simulation, given, start)
    else:
        molecules = matched_molecules(given, start)
    network = network or (start.card.network if start is not None else Network())
    try:
        real = None if movie is None else frames_of_movie(movie, molecules.camera, trust_camera)
        molecules = replace(molecules, maps=maps_of(camera_maps, molecules.camera))
        if imported is not None:
            stream = corrected(imported.stream, molecules.camera, molecules.maps)
            imported = replace(imported, stream=stream)
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
        with outputs.writing("model") as folder:
            _write_folder(folder, model, trained, real, overwrite)
        model.path = folder
        if keeper is not None:
            keeper.remove()
        remove_leftovers(folder)
    return TrainResult(model, trained, (*shown.written, *outputs.written))


FREE = {"steps", "minutes", "checkpoint_seconds"}
"""Settings that may be changed on the way: how long it lasts, how often it is kept."""


def _outputs(output: Path | str | None, overwrite: bool) -> Outputs:
    """Name the model folder; an older one is replaced only when it is a model's."""
    from deep_storm.model import CARD_FILE

    if output is None:
        return Outputs({})
    folders = {"model": CARD_FILE}
    return Outputs({"model": Path(output)}, overwrite, tail="retrained", folders=folders)


def _write_folder(
    folder: Path,
    model: Model,
    trained: Trained,
    real: npt.NDArray[Any] | None,
    overwrite: bool,
) -> None:
    """Write the model folder: weights, history, and what there is to look at."""
    from deep_storm.model import CARD_FILE
    from deep_storm.report.plots import loss_curve, save_figure

    with atomic_folder(folder, overwrite, marker=CARD_FILE) as partial:
        trained.history.to_csv(partial / "history.csv", index=False)
        save_figure(loss_curve(trained.history), partial / "loss.png")
        model.save_into(partial)
        report = partial / "report.html"
        write_training_report(report, model.card, trained.history, folder.name, real)


def _start(from_model: Path | str | Model | None, network: Network | None) -> Model | None:
    """Return the model to start from: the one that is named, or the bundled general one."""
    from deep_storm.model import LAST_FILE, Model

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
    """Return where checkpoints go, with all that makes two trainings the same."""
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
    settings["version"] = {name: version(name) for name in ("deep-storm", "tensorflow", "numpy")}
    model = outputs["model"]
    folder = model.with_name(f"{model.name}.training")
    return Keeper(folder, settings, resume, training.checkpoint_seconds)
