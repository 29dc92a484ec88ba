"""``train``: a model folder from a matched simulation or an imported one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.progress import Progress, silent
from deep_storm.settings import Background, Device, Emitters, Network, Psf, Settings, Training
from deep_storm.verbs.registry import Argument, verb

if TYPE_CHECKING:
    from deep_storm.model import Model
    from deep_storm.training.checkpoint import Keeper
    from deep_storm.training.loop import Trained
    from deep_storm.training.session import Imported, Molecules


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
    "train a network on a simulation that looks like your frames",
    Argument("output", "model folder to write"),
    Argument(
        "simulation",
        "imported simulation to train on: stack (TIFF) and ground truth (CSV)",
        tuple[Path, Path],
    ),
    Argument(
        "from_model",
        "model folder to start from, or none; default: general, the bundled model (native only)",
        option="from",
    ),
    Argument(
        "resume", "go on where an interrupted training with the same settings and output was", bool
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
        A model to start from; what is not given is taken from it. By default the bundled general
        model, which tells nothing about your experiment; ``"none"`` starts from nothing.
    camera
        Needed, unless a model to start from or a protocol beside the simulation tells it.
    psf, emitters, background
        Only with a simulation made on the fly; an imported one tells them itself.
    network, training, device
        Settings.
    resume
        Go on from the checkpoint of an interrupted training: Ctrl-C and every minute leave one
        beside ``output``.
    overwrite
        Whether an existing model folder may be replaced.
    progress
        Called after every step.

    Raises
    ------
    SettingsError
        Something is missing or contradicts itself.
    StackError, TableError, CameraError
        The imported simulation cannot be used.
    ModelError
        The model to start from does not suit.
    OutputError
        The model folder exists already or cannot be written.
    """
    from deep_storm.model import CARD_FILE
    from deep_storm.report.plots import loss_curve, save_figure
    from deep_storm.training.session import train_model

    if output is not None:
        _check_folder(Path(output), overwrite, CARD_FILE)
    start = _start(from_model, network)
    given = {"camera": camera, "psf": psf, "emitters": emitters, "background": background}
    imported, molecules = None, None
    if simulation is not None:
        imported, molecules = _imported(simulation, given, start)
    else:
        molecules = _matched(given, start)
    network = network or (start.card.network if start is not None else Network())
    try:
        keeper = _keeper(output, resume, molecules, network, training, simulation, start)
        model, trained = train_model(
            molecules, network, training, device, imported, start, progress, keeper
        )
    finally:
        if imported is not None:
            imported.stream.close()
    if output is None:
        return TrainResult(model, trained, ())
    from deep_storm.io.files import atomic_folder

    with atomic_folder(output, overwrite, marker=CARD_FILE) as partial:
        trained.history.to_csv(partial / "history.csv", index=False)
        save_figure(loss_curve(trained.history), partial / "loss.png")
        model.save_into(partial)
    model.path = Path(output)
    if keeper is not None:
        keeper.remove()
    return TrainResult(model, trained, (Path(output),))


def _start(from_model: Path | str | Model | None, network: Network | None) -> Model | None:
    """Return the model to start from: the one that is named, or the bundled general one."""
    from deep_storm.model import Model

    if isinstance(from_model, Model):
        return from_model
    if from_model is None:
        fits = network is None or network.network == "native"
        return Model.load("general") if fits else None
    return None if str(from_model) == "none" else Model.load(from_model)


def _keeper(
    output: Path | str | None,
    resume: bool,
    molecules: Molecules,
    network: Network,
    training: Training,
    simulation: tuple[Path | str, Path | str] | None,
    start: Model | None,
) -> Keeper | None:
    """Return where checkpoints go, with all that makes two trainings the same."""
    from deep_storm.errors import SettingsError
    from deep_storm.training.checkpoint import Keeper

    if output is None:
        if resume:
            raise SettingsError(
                "resume without an output",
                "the model folder that the interrupted training was to write",
                "give --output",
            )
        return None
    settings = {name: part.model_dump(mode="json") for name, part in vars(molecules).items()}
    # How long it lasts may be changed on the way.
    settings["training"] = training.model_dump(mode="json", exclude={"steps", "minutes"})
    settings["network"] = network.model_dump(mode="json")
    settings["simulation"] = [str(Path(part).resolve()) for part in simulation or ()]
    settings["from"] = [w.sha256 for w in start.card.weights] if start is not None else []
    output = Path(output)
    return Keeper(output.with_name(f"{output.name}.training"), settings, resume)


def _check_folder(folder: Path, overwrite: bool, marker: str) -> None:
    """Refuse an unsuitable output before minutes of training, not after."""
    from deep_storm.io.files import atomic_folder

    class Unwritten(Exception):
        """Leaves the context without writing anything."""

    try:
        with atomic_folder(folder, overwrite, marker=marker):
            raise Unwritten
    except Unwritten:
        return


def _matched(given: dict[str, Any], start: Model | None) -> Molecules:
    """Collect what is simulated: as given, or as the model to start from was trained for."""
    from deep_storm.training.session import Molecules

    classes: dict[str, type[Settings]] = {
        "camera": Camera,
        "psf": Psf,
        "emitters": Emitters,
        "background": Background,
    }
    values: dict[str, Any] = {}
    for name, cls in classes.items():
        value = given[name]
        if value is None and start is not None and not start.card.general:
            value = getattr(start.card, name)
        # Parsing nothing complains about the first thing that is missing.
        values[name] = cls.parse({}) if value is None else value
    return Molecules(**values)


def _imported(
    simulation: tuple[Path | str, Path | str], given: dict[str, Any], start: Model | None
) -> tuple[Imported, Molecules]:
    """Open an imported simulation and take its statistics."""
    from deep_storm.errors import CameraError, SettingsError
    from deep_storm.io.frames import open_frames
    from deep_storm.io.thunderstorm import read_table
    from deep_storm.training.session import Imported, Molecules
    from deep_storm.verbs.import_simulation import import_simulation

    extra = [name for name in ("psf", "emitters", "background") if given[name] is not None]
    if extra:
        raise SettingsError(
            f"settings of {', '.join(extra)} together with --simulation",
            "only the camera: the ground truth tells the rest",
            "leave them out, or leave --simulation out to train on a matched simulation",
        )
    camera = given["camera"] or (
        start.card.camera if start is not None and not start.card.general else None
    )
    stack, truth = simulation
    described = import_simulation(stack, truth, camera=camera)
    if described.camera is None:
        raise CameraError(
            f"nothing says which camera took {stack}",
            "a camera",
            "give --camera camera.toml, or keep ThunderSTORM's protocol beside the table",
        )
    table = read_table(truth, described.camera, kind="ground truth")
    molecules = Molecules(
        described.camera, described.psf, described.emitter_settings, described.background
    )
    return Imported(open_frames(stack), table), molecules
