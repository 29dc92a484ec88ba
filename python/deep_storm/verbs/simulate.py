"""``simulate``: a stack and its ground truth, in the format of ThunderSTORM's generator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.inputs.camera_maps import CAMERA_MAPS, MapsSource, maps_of
from deep_storm.inputs.psf import psf_with_table
from deep_storm.interface.declaration import Argument, Shown
from deep_storm.interface.verb import verb
from deep_storm.io.images import write_movie, written_as
from deep_storm.io.outputs import Outputs
from deep_storm.io.tables.protocol import PROTOCOL, write_protocol
from deep_storm.progress import Progress, silent
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.words import counted

if TYPE_CHECKING:
    import numpy.typing as npt

    from deep_storm.simulation.frames import SimulatedFrames


ENDINGS = {"stack": ".tif", "truth": ".csv", "protocol": PROTOCOL}


@dataclass(frozen=True, repr=False)
class SimulateResult(Shown):
    """A simulated stack."""

    written: tuple[Path, ...]
    frames: int
    height_px: int
    width_px: int
    emitters: int

    def summary(self) -> str:
        """Return one line about the stack."""
        return (
            f"{counted(self.frames, 'frame')} of {self.width_px} × {self.height_px} px with "
            f"{self.emitters / self.frames:.1f} emitters per frame"
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
    "simulate a stack of frames and its ground truth",
    Argument(
        "output",
        "name of the files without extension: NAME.tif, NAME.csv, NAME-protocol.txt",
        writes=True,
        label="Save as",
    ),
    CAMERA_MAPS,
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
    camera_maps: MapsSource | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> SimulateResult:
    """Simulate a stack and write it with the ground truth that ThunderSTORM imports.

    Frames are written as they are made, so memory does not grow with their number.

    Parameters
    ----------
    output
        The files' name without ending: ``NAME.tif`` (16 bit; float32 where the baseline is
        negative), ``NAME.csv`` (ground truth) and ``NAME-protocol.txt`` (the camera, for
        ThunderSTORM and ``import-simulation``).
    camera, psf, emitters, background, simulation
        What is simulated. The same settings and seed give the same frames.
    camera_maps
        Of an sCMOS camera; of the frames' size.
    overwrite
        Whether existing files may be replaced.
    progress
        Called with the frames done.

    Raises
    ------
    SettingsError
        A setting is missing or out of range, or the mask image cannot be read.
    CameraError
        The camera maps are none, or not of this camera or size.
    PsfError
        The PSF file is damaged, or for another pixel size.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.simulation.frames import SimulatedFrames  # numba, pandas, scipy

    outputs = Outputs.of(output, ENDINGS, name="simulation", tail="simulated", overwrite=overwrite)
    outputs.check()
    maps = maps_of(camera_maps, camera)
    psf, table = psf_with_table(psf, camera)
    movie = SimulatedFrames(camera, psf, emitters, background, simulation, maps, table=table)
    count = _write_movie(movie, outputs, progress)
    with outputs.writing("protocol") as path:
        write_protocol(path, camera, overwrite)
    return SimulateResult(outputs.written, *movie.shape, count)


def _write_movie(movie: SimulatedFrames, outputs: Outputs, progress: Progress) -> int:
    """Write frames and ground truth while they are simulated; return the number of emitters."""
    from deep_storm.io.tables.writer import ground_truth_writer  # pandas
    from deep_storm.simulation.frames import simulate_chunks  # numba, pandas, scipy

    count = 0

    def frames() -> Iterator[npt.NDArray[Any]]:
        nonlocal count
        for chunk in simulate_chunks(movie, progress=progress):
            count += len(chunk.truth)
            append(chunk.truth)
            yield from chunk.stack.astype(kind, copy=False)

    kind = written_as(movie.dtype)
    first = movie.read(0, 1)
    shown = float(first.min()), float(first.max())
    overwrite = outputs.overwrite
    with (
        outputs.writing("truth") as truth,
        ground_truth_writer(truth, movie.camera, overwrite, movie.light.has_depth) as append,
        outputs.writing("stack") as stack,
    ):
        write_movie(stack, frames(), movie.shape, shown, movie.pixel_size_nm, overwrite, kind)
    return count
