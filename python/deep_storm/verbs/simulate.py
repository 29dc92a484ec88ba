"""``simulate``: a stack and its ground truth, as ThunderSTORM's generator writes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep_storm.camera import Camera
from deep_storm.progress import Progress, silent
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.verbs.registry import Argument, verb


@dataclass(frozen=True)
class SimulateResult:
    """What was simulated."""

    written: tuple[Path, ...]
    frames: int
    height_px: int
    width_px: int
    emitters: int

    def summary(self) -> str:
        """Return one line about the stack."""
        return (
            f"{self.frames} frames of {self.width_px} × {self.height_px} px with "
            f"{self.emitters / self.frames:.1f} emitters a frame"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the size of the stack and the number of emitters."""
        return {
            "frames": self.frames,
            "height_px": self.height_px,
            "width_px": self.width_px,
            "emitters": self.emitters,
        }


@verb(
    "simulate a stack of frames with its ground truth",
    Argument("output", "name of the files without ending: NAME.tif, NAME.csv, NAME-protocol.txt"),
    camera=Camera,
    psf=Psf,
    emitters=Emitters,
    background=Background,
    simulation=Simulation,
)
def simulate(
    *,
    output: Path | str,
    camera: Camera,
    psf: Psf,
    emitters: Emitters,
    background: Background,
    simulation: Simulation = Simulation(),
    overwrite: bool = False,
    progress: Progress = silent,
) -> SimulateResult:
    """Simulate a stack and write it with the ground truth that ThunderSTORM imports.

    Parameters
    ----------
    output
        The files' name without ending: ``NAME.tif`` (16 bit), ``NAME.csv`` (ground truth) and
        ``NAME-protocol.txt`` (the camera, for ThunderSTORM and ``import-simulation``).
    camera, psf, emitters, background, simulation
        What is simulated. The same settings and seed give the same frames.
    overwrite
        Whether existing files may be replaced.
    progress
        Called with the frames done.

    Raises
    ------
    SettingsError
        A setting is missing or out of range, or the mask image cannot be read.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.io.files import check_outputs
    from deep_storm.io.images import write_stack
    from deep_storm.io.thunderstorm import protocol_path, write_ground_truth, write_protocol
    from deep_storm.simulation.frames import simulate as simulated

    stem = str(output).removesuffix(".tif")
    stack_path, truth_path = Path(f"{stem}.tif"), Path(f"{stem}.csv")
    written = (stack_path, truth_path, protocol_path(truth_path))
    check_outputs(written, overwrite)
    movie = simulated(camera, psf, emitters, background, simulation, progress=progress)
    write_stack(stack_path, movie.stack, camera.pixel_size_nm, overwrite)
    write_ground_truth(truth_path, movie.truth, camera, overwrite)
    write_protocol(written[2], camera, overwrite)
    frames, height, width = movie.stack.shape
    return SimulateResult(written, frames, height, width, len(movie.truth))
