"""``benchmark``: how fast this machine is, as ratios to the published recipe."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from deep_storm.camera import Camera
from deep_storm.progress import Progress, silent
from deep_storm.settings import Background, Device, Emitters, Psf
from deep_storm.verbs.registry import Argument, verb

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


@dataclass(frozen=True)
class BenchmarkResult:
    """Speed of inference and training on this machine."""

    rows: tuple[Row, ...]
    training_steps_per_second: float
    simulation_share: float
    peak_memory_gib: float
    frames: int
    written: tuple[Path, ...] = ()

    def summary(self) -> str:
        """Return the table and what a stack would take."""
        lines = [f"{'recipe':42}{'frame':>10}{'frames/s':>10}{'ratio':>8}{'in network':>12}"]
        for row in self.rows:
            size = f"{row.size_px}×{row.size_px}"
            lines.append(
                f"{row.recipe:42}{size:>10}{row.frames_per_second:10.2f}{row.ratio:8.1f}"
                f"{row.network_share:11.0%}"
            )
        fastest = max((r for r in self.rows if r.size_px == 64), key=lambda r: r.frames_per_second)
        minutes = self.frames / fastest.frames_per_second / 60.0
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
    "measure this machine: recipes side by side, training, memory",
    Argument("frames", "length of the stack that the last line is about", int),
    camera=Camera,
    psf=Psf,
    emitters=Emitters,
    background=Background,
    device=Device,
)
def benchmark(
    *,
    frames: int = 10_000,
    camera: Camera = CAMERA,
    psf: Psf = PSF,
    emitters: Emitters = EMITTERS,
    background: Background = BACKGROUND,
    device: Device = Device(),
    progress: Progress = silent,
) -> BenchmarkResult:
    """Measure, in one run, the published recipe and ours, end to end from TIFF to table and image.

    Parameters
    ----------
    frames
        Length of the stack whose time is estimated.
    camera, psf, emitters, background
        What the simulated stacks look like: your own, to know about your own movie.
    device
        Where TensorFlow computes.
    progress
        Called after every recipe.

    Raises
    ------
    SettingsError
        The device is not there, or cannot compute in that precision.
    """
    from deep_storm.networks.device import gain_on, inference_dtype, place

    with place(device):
        wanted = ["float32"] if device.precision == "auto" else [inference_dtype(device)]
        if device.precision == "auto" and gain_on(device):
            wanted.append("bfloat16")
        devices = tuple(device.model_copy(update={"precision": p}) for p in wanted)
        parts = camera, psf, emitters, background
        rows, speed, share = _measured(parts, devices, progress)
    return BenchmarkResult(rows, speed, share, peak_memory_bytes() / 2**30, frames)


def _measured(
    parts: tuple[Camera, Psf, Emitters, Background],
    devices: tuple[Device, ...],
    progress: Progress,
) -> tuple[tuple[Row, ...], float, float]:
    """Measure all recipes, then training: steps per second, and what simulating takes of them."""
    from deep_storm.inference import recipes
    from deep_storm.training.speed import training_speed
    from deep_storm.verbs.models import Expected, ready_model

    # Trained, so that it finds what a user's model finds; classic answers the same amount always.
    native = ready_model("general", Expected(*parts)).model
    classic = recipes.untrained("classic", *parts)
    sizes = (64, 256)
    total = len(sizes) * (2 + len(devices)) + 1
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for size_px in sizes:
            stack = recipes.write_stack_of(Path(folder), size_px, *parts)
            base = recipes.notebook(stack, 4 if size_px == 64 else 1)
            rows.append(Row("published recipe (batch 1, float32)", size_px, base, 1.0, 1.0))
            progress(len(rows), total, "recipes")
            for model, device in [(classic, devices[0]), *((native, d) for d in devices)]:
                speed, share = recipes.ours(stack, model, device, Path(folder))
                name = f"{model.card.network.network} {device.precision}"
                rows.append(Row(name, size_px, speed, speed / base, share))
                progress(len(rows), total, "recipes")
    steps_per_second, share = training_speed(*parts)
    progress(total, total, "recipes")
    return tuple(rows), steps_per_second, share


def peak_memory_bytes() -> int:
    """Return the most memory that this process has held until now."""
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
