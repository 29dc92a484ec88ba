"""``demo``: the whole workflow on bundled frames that ThunderSTORM simulated."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.errors import Cancelled
from deep_storm.interface.declaration import Argument, Shown
from deep_storm.interface.verb import call, verb, verb_of
from deep_storm.io.outputs import Outputs
from deep_storm.progress import Progress, silent
from deep_storm.runs.files import outputs_of
from deep_storm.runs.result import Common
from deep_storm.settings import Device, Evaluation, Training
from deep_storm.training.checkpoint import Keeper
from deep_storm.verbs.train import train

if TYPE_CHECKING:
    from deep_storm.quality.scores import Scores

FRAMES = 30
TRUTH_FRAMES = 60
"""Frames of the truth table that the simulation is matched to; none of them is a test frame."""
THUNDERSTORM_SECONDS_PER_FRAME = 9.0
"""What the multi-emitter fit took for these frames (see demo_data/README.txt)."""
TOLERANCE_NM = 100.0
MINUTES = 2.5


@dataclass(frozen=True, repr=False)
class DemoResult(Shown):
    """Scores of Deep-STORM and of ThunderSTORM on the same frames."""

    ours: Scores
    thunderstorm: Scores
    frames_per_second: float
    training_minutes: float
    folder: Path
    written: tuple[Path, ...]

    def summary(self) -> str:
        """Return the table of scores and what to try next."""
        rows = [f"{'':34}{'Deep-STORM':>12}{'ThunderSTORM':>14}"]
        for label, name, form in (
            ("Jaccard", "jaccard", ".3f"),
            ("Recall", "recall", ".3f"),
            ("Precision", "precision", ".3f"),
            ("RMSE (nm)", "rmse_nm", ".1f"),
        ):
            ours, theirs = getattr(self.ours, name), getattr(self.thunderstorm, name)
            rows.append(f"{label:34}{ours:12{form}}{theirs:14{form}}")
        rows.append(
            f"{'Frames per second':34}{self.frames_per_second:12.1f}"
            f"{1.0 / THUNDERSTORM_SECONDS_PER_FRAME:14.2f}"
        )
        model, table, command = self.folder / "model", self.folder / "demo.csv", command_here()
        return "\n".join(
            [
                *rows,
                "",
                f"{FRAMES} frames of 64 × 64 px at 2 emitters per µm² that the model has not seen, "
                f"tolerance {TOLERANCE_NM:g} nm;",
                f"trained for {self.training_minutes:.1f} minutes. ThunderSTORM: multi-emitter "
                "maximum likelihood.",
                "",
                "Try next:",
                f"  {command} render {table} --pixel-size-nm 10 -o {self.folder / 'points.tif'}",
                f"  {command} reconstruct YOUR_MOVIE.tif --model {model} -o results/movie",
                f"  {command} train --help",
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """Return both scores and the speed."""
        return {
            "deep_storm": asdict(self.ours),
            "thunderstorm": asdict(self.thunderstorm),
            "frames_per_second": self.frames_per_second,
            "training_minutes": self.training_minutes,
        }


def command_here() -> str:
    """Return the command for Deep-STORM: with run.py there is no ``deep-storm`` on the path."""
    script = Path(sys.prefix).parent / "run.py"
    if shutil.which("deep-storm") is not None or not script.is_file():
        return "deep-storm"
    name = script.name if script.parent == Path.cwd() else f'"{script}"'
    return f"{'python' if os.name == 'nt' else 'python3'} {name}"


@verb(
    "see it work: train, reconstruct and evaluate on a small example (about 3 minutes)",
    Argument("output", "folder to write", writes=True, label="Save as"),
    Argument("minutes", "time for training, in minutes", float),
    device=Device,
)
def demo(
    *,
    output: Path | str = "deep-storm-demo",
    minutes: float = MINUTES,
    device: Device = Device(),
    overwrite: bool = False,
    progress: Progress = silent,
) -> DemoResult:
    """Train on a matched simulation, reconstruct unseen frames and compare with ThunderSTORM.

    Parameters
    ----------
    output
        Folder for model, image, picture, table and protocol.
    minutes
        Training budget.
    device
        Where TensorFlow computes.
    overwrite
        Whether the results of an earlier demo may be replaced.
    progress
        Called while training and reconstructing.

    Raises
    ------
    OutputError
        The folder holds an earlier demo or cannot be written.
    """
    from deep_storm.runs.demonstration import Bundled, picture_of, score_of  # matplotlib, numba
    from deep_storm.runs.stack import reconstruct_stack  # numba, pandas, scipy

    folder = Path(output)
    image, picture = folder / "demo.tif", folder / "demo.png"
    outputs = Outputs({**outputs_of(image, None).files, "picture": picture}, overwrite)
    outputs.check()
    data = Bundled.read(TRUTH_FRAMES)
    try:
        trained = call(
            verb_of(train),
            output=folder / "model",
            camera=data.camera,
            **data.matched._asdict(),
            training=Training.parse({"minutes": minutes}),
            device=device,
            overwrite=overwrite,
            progress=progress,
        )
    except Cancelled:
        Keeper(folder / "model.training", {}).remove()
        raise Cancelled("the demo keeps nothing", advice="start it again any time") from None
    result = reconstruct_stack(
        data.stack,
        image,
        Common(trained.model, device=device),
        overwrite=overwrite,
        progress=progress,
    )
    evaluation = Evaluation(tolerance_nm=(TOLERANCE_NM,), frames=f"1:{FRAMES}")
    ours = score_of(result.table, data, evaluation)
    with outputs.writing("picture"):
        picture_of(data, result, ours, picture, overwrite)
    return DemoResult(
        ours,
        score_of(data.thunderstorm, data, evaluation),
        result.frames_per_second,
        trained.trained.seconds / 60.0,
        folder,
        (*trained.written, *result.written, *outputs.written),
    )
