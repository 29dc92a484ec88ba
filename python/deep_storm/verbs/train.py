"""``train``: a model folder from a matched simulation or an imported one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.inputs.camera_maps import CAMERA_MAPS, MapsSource
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.movie import TRUST_CAMERA
from deep_storm.interface.declaration import Argument, Shown
from deep_storm.interface.verb import verb
from deep_storm.progress import Progress, silent
from deep_storm.settings import Background, Device, Emitters, Network, Psf, Training

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deep_storm.model import Model
    from deep_storm.training.loop import Trained


@dataclass(frozen=True, repr=False)
class TrainResult(Shown):
    """A trained model and the course of its training."""

    model: Model
    trained: Trained
    written: tuple[Path, ...]

    def summary(self) -> str:
        """Return a description of the model and its scores on simulation."""
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
    Argument("output", "model folder to write", writes=True, label="Save as", left_out="refused"),
    Argument(
        "simulation",
        "imported simulation to train on: stack (TIFF) and ground truth (CSV)",
        tuple[Path, Path],
        label="Simulation",
    ),
    Argument(
        "from_model",
        "model folder to start from (NAME/last.npz: its last weights instead of its best), or "
        "none to start from random weights; default: general, the model included with "
        "Deep-STORM (native only)",
        option="--from",
        label="Start from the model",
    ),
    Argument(
        "resume",
        "continue an interrupted training with the same settings and output",
        bool,
        label="Resume an interrupted run",
    ),
    CAMERA_MAPS,
    Argument(
        "movie",
        "the movie that the simulation is matched to (TIFF); the report shows its frames "
        "beside simulated ones",
        label="Movie to match",
    ),
    TRUST_CAMERA,
    Argument(
        "save_training_set",
        "name without extension: write some training patches (.tif), their emitters (.csv) and "
        "a picture (.png) before training",
        writes=True,
        label="Save the training frames as",
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
        its last weights instead of its best. By default the bundled general model, which knows
        nothing about your experiment; ``"none"`` starts from nothing.
    camera
        Needed, unless it comes from a model to start from or a protocol beside the simulation.
    psf, emitters, background
        Of a simulation made on the fly; of an imported one they follow from its ground truth. Only
        the file of its PSF may be given (``psf_file``): with depths in the ground truth and a PSF
        over depth, from there or as the columns ``sigma1`` and ``sigma2`` say, the model gives z.
    network, training, device
        Settings.
    resume
        Continue from the checkpoint of an interrupted training: one is written beside ``output``
        every ``checkpoint_seconds``, and on Ctrl-C.
    camera_maps
        Of an sCMOS camera: simulated patches take random windows of them, and the frames of an
        imported simulation are corrected with them. They are not kept in the model.
    movie
        The movie that the simulation is matched to: some of its frames stand beside simulated ones
        in the report. Nothing is learnt from it, but a camera that contradicts its noise is an
        error.
    trust_camera
        Whether to continue with such a camera.
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
    from deep_storm.runs.training import train_folder  # matplotlib, numba, pandas, scipy

    expected = Expected(camera, psf, emitters, background)
    model, trained, written = train_folder(
        output,
        expected,
        simulation=simulation,
        from_model=from_model,
        network=network,
        training=training,
        device=device,
        resume=resume,
        camera_maps=camera_maps,
        movie=movie,
        trust_camera=trust_camera,
        save_training_set=save_training_set,
        overwrite=overwrite,
        progress=progress,
    )
    return TrainResult(model, trained, written)
