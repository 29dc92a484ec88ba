"""``benchmark``: how fast this machine is, as ratios to the published recipe."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError
from deep_storm.inputs.expected import Expected
from deep_storm.interface.declaration import Argument, Shown
from deep_storm.interface.verb import verb
from deep_storm.machine.stage_table import StageTable
from deep_storm.progress import Progress, silent
from deep_storm.settings import Background, Emitters, Psf

CAMERA = Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)
PSF = Psf(sigma_nm=110.0)
EMITTERS = Emitters(density_per_um2=2.0, intensity_photon=1500.0)
BACKGROUND = Background(background_photon=20.0)


@dataclass(frozen=True)
class Row:
    """One recipe on one frame size."""

    recipe: str
    size_px: int
    frames_per_second: float
    ratio: float
    network_share: float


@dataclass(frozen=True, repr=False)
class BenchmarkResult(Shown):
    """Speed of inference and training on this machine.

    With stored answers only the stages are measured: there are no rows and no training.
    """

    rows: tuple[Row, ...]
    training_steps_per_second: float
    simulation_share: float
    peak_memory_gib: float
    frames: int
    stages: tuple[StageTable, ...] = ()
    written: tuple[Path, ...] = ()

    def summary(self) -> str:
        """Return the table and what a stack would take."""
        stages = [line for table in self.stages for line in table.summary()]
        if not self.rows:
            return "\n".join([*stages, f"peak memory {self.peak_memory_gib:.2f} GiB"])
        lines = [f"{'recipe':42}{'frame':>10}{'frames/s':>10}{'ratio':>8}{'in network':>12}"]
        for row in self.rows:
            size = f"{row.size_px}×{row.size_px}"
            lines.append(
                f"{row.recipe:42}{size:>10}{row.frames_per_second:10.2f}{row.ratio:8.1f}"
                f"{row.network_share:11.0%}"
            )
        fastest = max((r for r in self.rows if r.size_px == 64), key=lambda r: r.frames_per_second)
        minutes = self.frames / fastest.frames_per_second / 60.0
        lines += stages
        lines += [
            f"training: {self.training_steps_per_second:.2f} steps per second, "
            f"{self.simulation_share:.0%} of a step's time is spent simulating",
            f"peak memory {self.peak_memory_gib:.2f} GiB",
            f"Your stack of {self.frames} frames of 64 × 64 px takes about {minutes:.1f} minutes.",
        ]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return all numbers."""
        return asdict(self) | {"written": []}


@verb(
    "measure the speed of this computer: inference, training, memory",
    Argument("frames", "length of the stack for which the time is estimated", int),
    Argument("replay", "only what is done beside the network, from its stored answers", bool),
)
def benchmark(
    *, frames: int = 10_000, replay: bool = False, progress: Progress = silent
) -> BenchmarkResult:
    """Measure, in one run, the published recipe and ours, end to end from TIFF to table and image.

    Parameters
    ----------
    frames
        Length of the stack whose time is estimated.
    replay
        Measure only the stages of a reconstruction, and let none of the time be the network's: its
        answers to a few frames are stored and given again.
    progress
        Called after every recipe.

    Raises
    ------
    SettingsError
        The stack has no frames.
    """
    if frames < 1:
        raise SettingsError(f"frames is {frames}", "at least 1", "change --frames")
    from deep_storm.networks import device, precision  # numba, scipy

    device.quiet_tensorflow()
    from deep_storm.inputs.models import ready_model  # numba, pandas, scipy
    from deep_storm.machine import recipes, stages  # numba, pandas, scipy
    from deep_storm.machine.training import training_speed  # numba, pandas, scipy

    # Trained, so that it finds what a user's model finds; classic answers the same amount always.
    native = ready_model("general", Expected(CAMERA, PSF, EMITTERS, BACKGROUND)).model
    if replay:
        return BenchmarkResult((), 0.0, 0.0, peak_memory_gib(), frames, stages.replayed(native))
    classic = recipes.untrained("classic", CAMERA, PSF, EMITTERS, BACKGROUND)
    precisions = ["float32"] + (["bfloat16"] if precision.bfloat16_gain() else [])
    sizes = (64, 256)
    total = len(sizes) * (2 + len(precisions)) + 1
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for size_px in sizes:
            stack = recipes.write_stack_of(Path(folder), size_px, CAMERA, PSF, EMITTERS, BACKGROUND)
            base = recipes.notebook(stack, 4 if size_px == 64 else 1)
            rows.append(Row("published recipe (batch 1, float32)", size_px, base, 1.0, 1.0))
            progress(len(rows), total, "recipes")
            for model, dtype in [(classic, "float32")] + [(native, p) for p in precisions]:
                speed, share = recipes.ours(stack, model, dtype, Path(folder))
                name = f"{model.card.network.network} {dtype}"
                rows.append(Row(name, size_px, speed, speed / base, share))
                progress(len(rows), total, "recipes")
    tables = stages.with_network(native)
    steps_per_second, share = training_speed(CAMERA, PSF, EMITTERS, BACKGROUND)
    progress(total, total, "recipes")
    return BenchmarkResult(tuple(rows), steps_per_second, share, peak_memory_gib(), frames, tables)


def peak_memory_gib() -> float:
    """Return the peak memory of this process."""
    try:
        import resource
    except ImportError:  # Windows
        return psutil.Process().memory_info().peak_wset / 2**30
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30
