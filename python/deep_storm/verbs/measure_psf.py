"""``measure-psf``: the shape of the PSF, from a movie of blinking molecules or images of beads."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError
from deep_storm.inputs.camera_maps import CAMERA_MAPS, MapsSource, maps_of
from deep_storm.inputs.tables import TableSource, check_pixel_sizes, table_of
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.io.camera_files import check_camera
from deep_storm.io.outputs import Outputs, name_of
from deep_storm.io.stacks.frames import open_frames, select_frames
from deep_storm.progress import Progress, silent
from deep_storm.settings import PsfMeasurement

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deep_storm.estimation.psf.result import MeasuredPsf
    from deep_storm.psf.table import PsfTable

    Frames = npt.NDArray[np.generic]

ENDINGS = {"psf": ".toml", "values": ".npz", "picture": ".png"}


@dataclass(frozen=True)
class PsfResult:
    """A measured PSF.

    Attributes
    ----------
    measured
        The PSF, how well it is known, and what it was measured on.
    written
        The PSF file, its values and the picture.
    """

    measured: MeasuredPsf
    written: tuple[Path, ...] = field(default=())

    @property
    def table(self) -> PsfTable:
        """The PSF."""
        return self.measured.table

    def summary(self) -> str:
        """Return how well the PSF is known, and how it differs from a Gaussian."""
        return self.measured.summary()

    def to_json(self) -> dict[str, Any]:
        """Return the numbers."""
        return self.measured.to_json()


@verb(
    "measure the shape of the PSF in a movie of blinking molecules or in images of beads",
    Argument("stack", "stack of frames (TIFF)", label="Movie"),
    Argument(
        "output",
        "PSF file to write (NAME.toml), with its values (NAME.npz) and a picture (NAME.png) "
        "beside it",
        writes=True,
        label="Save as",
    ),
    Argument(
        "localizations",
        "localization table (CSV) of the stack to start from; its rows say where the centre of "
        "the PSF is",
        label="Table of localizations",
    ),
    Argument(
        "beads",
        "the frames show beads in focus, not blinking molecules",
        bool,
        label="Images of beads",
    ),
    CAMERA_MAPS,
    camera=Camera,
    settings=PsfMeasurement,
)
def measure_psf(
    stack: Path | str | Frames,
    *,
    output: Path | str | None = None,
    localizations: TableSource | None = None,
    beads: bool = False,
    camera_maps: MapsSource | None = None,
    camera: Camera,
    settings: PsfMeasurement = PsfMeasurement(),
    overwrite: bool = False,
    progress: Progress = silent,
) -> PsfResult:
    """Measure the PSF, whatever its shape.

    In a movie, molecules may be crowded: PSF, molecules and background are fitted together. Beads
    must stand alone. Molecules at different depths give their mean PSF.

    Parameters
    ----------
    stack
        TIFF file or array (t, y, x) in ADU.
    output
        The PSF file, for ``--psf-file`` of ``simulate``, ``train`` and ``reconstruct``; its values
        and a picture go beside it.
    localizations
        ThunderSTORM table (CSV), or a table in memory, to start from: a third of its rows may be
        false. It says where the centre of the PSF is; without it, the centre is that of the
        Gaussian that fits best.
    beads
        The frames show beads, all in focus; at least three stand alone.
    camera_maps
        What differs from pixel to pixel (sCMOS).
    camera
        The camera of the frames.
    settings
        Which frames, and how many molecules.
    overwrite
        Whether existing files may be replaced.
    progress
        Called with the share that is done.

    Raises
    ------
    PsfError
        The frames cannot tell the PSF: too few molecules, all pixels blink, beads that are
        saturated or too close, or a focus that changes.
    SettingsError
        The frames to use do not exist, or a table was given with beads.
    StackError, TableError, CameraError
        Stack, table, camera or maps cannot be read, or do not suit each other.
    OutputError
        A file exists already or cannot be written.
    """
    outputs = Outputs.of(
        output, ENDINGS, name=f"{name_of(stack, 'measured')}_psf", tail="psf", overwrite=overwrite
    )
    outputs.check()
    if beads and localizations is not None:
        raise SettingsError(
            "a localization table for images of beads",
            "images of beads alone",
            "leave out --localizations, or --beads",
        )
    check_pixel_sizes([localizations], camera)
    table = None if localizations is None else table_of(localizations, camera=camera)
    maps = maps_of(camera_maps, camera)
    from deep_storm.estimation.psf.beads import measure_beads  # numba, pandas, scipy
    from deep_storm.estimation.psf.movie import measure_movie  # numba, pandas, scipy

    with open_frames(stack) as stream:
        check_camera(camera, stream)
        if beads:
            span = select_frames(stream, settings.frames)
            found = measure_beads(stream, camera, maps, span, progress)
        else:
            found = measure_movie(stream, camera, maps, table, settings, progress)
    if outputs:
        _write(found, outputs)
    return PsfResult(found, outputs.written)


def _write(found: MeasuredPsf, outputs: Outputs) -> None:
    from deep_storm.io.psf_files import write_psf  # scipy
    from deep_storm.report.figures import save_figure  # matplotlib
    from deep_storm.report.psf import psf_figure  # matplotlib

    with outputs.writing("picture") as path:
        save_figure(psf_figure(found), path, outputs.overwrite)
    with outputs.writing("values"), outputs.writing("psf") as path:
        write_psf(path, found.table, outputs.overwrite)
