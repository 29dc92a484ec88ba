"""``measure-psf``: the shape of the PSF, from a movie of blinking molecules or images of beads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera, PartialCamera, whole_camera
from deep_storm.errors import SettingsError
from deep_storm.inputs.camera_maps import CAMERA_MAPS, MapsSource, corrected, maps_of
from deep_storm.inputs.movie import TRUST_CAMERA, examined_movie
from deep_storm.inputs.tables import TableSource, check_pixel_sizes, table_of
from deep_storm.interface.declaration import Argument, Shown
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
    from deep_storm.estimation.pupil.result import FittedPupil
    from deep_storm.inputs.movie import Movie
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.psf.table import PsfTable

    Frames = npt.NDArray[np.generic]


@dataclass(frozen=True, repr=False)
class PsfResult(Shown):
    """A measured PSF.

    Attributes
    ----------
    measured
        The PSF, how well it is known, and what it was measured on.
    written
        The PSF file, its values and the picture.
    """

    measured: MeasuredPsf | FittedPupil
    written: tuple[Path, ...] = field(default=())

    @property
    def table(self) -> PsfTable:
        """The PSF."""
        return self.measured.table

    def summary(self) -> str:
        """Return the error of the PSF, and how it differs from a Gaussian."""
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
        "localization table (CSV) of the stack to start from; its rows show where the centre of "
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
    TRUST_CAMERA,
    partly="camera",
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
    trust_camera: bool = False,
    camera: Camera | PartialCamera,
    settings: PsfMeasurement = PsfMeasurement(),
    overwrite: bool = False,
    progress: Progress = silent,
) -> PsfResult:
    """Measure a PSF of any shape.

    In a movie, molecules may be crowded: PSF, molecules and background are fitted together. Beads
    must stand alone. Molecules at different depths give their mean PSF; where theory says roughly
    how the PSF changes with depth (``psf_file`` of the settings), its aberrations are fitted to
    isolated molecules, and the result is the PSF over depth.

    Parameters
    ----------
    stack
        TIFF file or array (t, y, x) in ADU.
    output
        The PSF file, which ``simulate``, ``train`` and ``reconstruct`` take as ``--psf-file``; its
        values and a picture go beside it.
    localizations
        ThunderSTORM table (CSV), or a table in memory, to start from: a third of its rows may be
        false. It says where the centre of the PSF is; without it, the centre is that of the
        Gaussian that fits best.
    beads
        The frames show beads, all in focus; at least three stand alone.
    camera_maps
        What differs from pixel to pixel (sCMOS).
    trust_camera
        Whether to continue with a camera that contradicts the noise of the frames; otherwise that
        is an error.
    camera
        The camera of the frames. What is left out of it is read off the file and the noise of the
        movie; images of beads need all of it.
    settings
        Which frames, and how many molecules.
    overwrite
        Whether existing files may be replaced.
    progress
        Called with the share that is done.

    Raises
    ------
    PsfError
        The frames do not determine the PSF: too few molecules, all pixels blink, beads that are
        saturated or too close, or a focus that changes; or not its aberrations.
    SettingsError
        The frames to use do not exist, or things were given that do not go together.
    StackError, TableError, CameraError
        Stack, table, camera or maps cannot be read, or do not suit each other.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.runs.estimation import (  # matplotlib, numba, pandas, scipy
        PSF_ENDINGS,
        fitted_pupil,
        roughly_known,
        write_found_psf,
    )

    outputs = Outputs.of(
        output,
        PSF_ENDINGS,
        name=f"{name_of(stack, 'measured')}_psf",
        tail="psf",
        overwrite=overwrite,
    )
    outputs.check()
    if beads and localizations is not None:
        raise SettingsError(
            "a localization table for images of beads",
            "only images of beads",
            "leave out --beads or --localizations",
        )
    theory = roughly_known(settings.psf_file, beads or localizations is not None)
    found: MeasuredPsf | FittedPupil
    with open_frames(stack) as stream:
        if camera_maps is not None:
            known = whole_camera(camera)
            stream = corrected(stream, known, maps_of(camera_maps, known))
        if beads:
            found = _on_beads(stream, whole_camera(camera), settings, progress)
        else:
            movie = examined_movie(stream, camera, trust_camera, progress)
            if theory is None:
                found = _on_movie(movie, localizations, settings, progress)
            else:
                found = fitted_pupil(movie, theory, settings, progress)
    if outputs:
        write_found_psf(found, outputs)
    return PsfResult(found, outputs.written)


def _on_beads(
    stream: FrameStream, camera: Camera, settings: PsfMeasurement, progress: Progress
) -> MeasuredPsf:
    from deep_storm.estimation.psf.beads import measure_beads  # numba, pandas, scipy

    check_camera(camera, stream)
    span = select_frames(stream, settings.frames)
    return measure_beads(stream, camera, stream.noise, span, progress)


def _on_movie(
    movie: Movie, localizations: TableSource | None, settings: PsfMeasurement, progress: Progress
) -> MeasuredPsf:
    from deep_storm.estimation.psf.movie import measure_movie  # numba, pandas, scipy

    table = None
    if localizations is not None:
        check_pixel_sizes([localizations], movie.camera)
        table = table_of(localizations, camera=movie.camera)
    frames = movie.frames
    found = measure_movie(frames, movie.camera, frames.noise, table, settings, progress, movie.used)
    return replace(found, notes=(*movie.notes, *found.notes))
