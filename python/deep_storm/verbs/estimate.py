"""``estimate``: properties of the molecules, as settings of a matched simulation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from deep_storm.camera import Camera, PartialCamera, whole_camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import SettingsError
from deep_storm.inputs.camera_maps import CAMERA_MAPS, MapsSource, corrected, maps_of
from deep_storm.inputs.movie import TRUST_CAMERA, examined_movie
from deep_storm.inputs.tables import (
    TableSource,
    camera_of_table,
    check_pixel_sizes,
    check_source,
    table_of,
)
from deep_storm.interface.declaration import Argument, Shown
from deep_storm.interface.verb import verb
from deep_storm.io.outputs import Outputs, name_of
from deep_storm.io.stacks.frames import open_frames
from deep_storm.progress import Progress, silent
from deep_storm.settings import Background, Emitters, Optics, Psf
from deep_storm.words import WARNING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deep_storm.estimation.result import Estimate
    from deep_storm.io.stacks.stream import FrameStream

    Frames = npt.NDArray[np.generic]


@dataclass(frozen=True, repr=False)
class EstimateResult(Shown):
    """Settings of a simulation that matches the data.

    Attributes
    ----------
    estimate
        Settings, and the numbers behind them with error, spread, samples and warnings.
    written
        The settings file, the picture of its histograms, and the PSF where it is no Gaussian.
    """

    estimate: Estimate
    written: tuple[Path, ...] = field(default=())

    @property
    def psf(self) -> Psf:
        """PSF of the matched simulation."""
        return self.estimate.psf

    @property
    def emitters(self) -> Emitters:
        """Emitters of the matched simulation."""
        return self.estimate.emitters

    @property
    def background(self) -> Background:
        """Background of the matched simulation."""
        return self.estimate.background

    def summary(self) -> str:
        """Return the numbers, a line each, and what looks suspicious."""
        from deep_storm.estimation.result import CONVENTION, LOCAL, TITLES  # numba, pandas, scipy

        found = self.estimate
        width = max(map(len, [*TITLES.values(), *LOCAL])) + 2
        lines = [
            f"{TITLES[name]:<{width}}{quantity.text()}"
            for name, quantity in found.quantities.items()
        ]
        lines += [
            f"{title:<{width}}{quantity.text()}"
            for title, quantity in zip(LOCAL, found.local_density, strict=False)
        ]
        lines.append(f"{'Structure':<{width}}{found.emitters.structure}")
        if found.table is not None and found.isolated is not None:
            lines += [
                f"{'Table: ' + TITLES[name]:<{width}}{quantity.text()}"
                for name, quantity in found.table.quantities.items()
            ]
        lines += [f"{WARNING}{text}" for text in found.all_warnings()]
        return "\n".join([*lines, *found.notes, CONVENTION])

    def to_json(self) -> dict[str, Any]:
        """Return settings and numbers."""
        return self.estimate.sections()


@verb(
    "estimate PSF, photons, density and background, for a matched simulation",
    Argument("stack", "stack of frames (TIFF); without it, the table alone is used", label="Movie"),
    Argument(
        "localizations",
        "localization table (CSV) of the stack, from ThunderSTORM or Deep-STORM",
        label="Table of localizations",
    ),
    Argument(
        "output",
        "settings file (TOML) to write, with a picture of the histograms (.png) and the measured "
        "PSF (-psf.toml) beside it",
        writes=True,
        label="Save as",
    ),
    CAMERA_MAPS,
    TRUST_CAMERA,
    partly="camera",
    camera=Camera,
    optics=Optics,
)
def estimate(
    stack: Path | str | Frames | None = None,
    *,
    localizations: TableSource | None = None,
    output: Path | str | None = None,
    camera_maps: MapsSource | None = None,
    trust_camera: bool = False,
    camera: Camera | PartialCamera,
    optics: Optics = Optics(),
    overwrite: bool = False,
    progress: Progress = silent,
) -> EstimateResult:
    """Find the settings of a simulation that matches the data.

    From a stack the numbers are those of all emitters, overlapping ones as well, because none has
    to be found. A table shows what its program found; beside a stack it is a cross-check.

    Parameters
    ----------
    stack
        TIFF file or array (t, y, x) in ADU.
    localizations
        ThunderSTORM table (CSV), or a table in memory; px and ADU are converted by the camera.
    output
        Settings file for ``train --config`` and ``simulate --config``, with the numbers, their
        errors and warnings under ``[results]``; ``NAME.png`` beside it shows the histograms. Where
        the movie shows the shape of the PSF, and that is no Gaussian, it is written beside it
        (``NAME-psf.toml``, ``-psf.npz``, ``-psf.png``) and named in the settings.
    camera_maps
        What differs from pixel to pixel (sCMOS).
    trust_camera
        Whether to continue with a camera that contradicts the noise of the frames; otherwise that
        is an error.
    camera
        The camera of the frames. What is left out of it is read off the file and the noise of the
        frames; of a table alone, in its protocol.
    optics
        Wavelength and aperture, to cross-check the PSF.
    overwrite
        Whether existing files may be replaced.
    progress
        Called while frames are read.

    Raises
    ------
    SettingsError
        Neither a stack nor a table is given, or a number is out of the simulation's range.
    StackError
        The stack cannot be read, has too few frames, or nothing blinks in it.
    TableError
        The table cannot be read, lacks a column, or has too few rows.
    CameraError
        The camera contradicts the stack or the table.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.estimation.result import with_optics  # numba, pandas, scipy
    from deep_storm.runs.estimation import (  # matplotlib, numba, pandas, scipy
        ESTIMATE_ENDINGS,
        write_estimate,
    )

    source = localizations if stack is None else stack
    outputs = Outputs.of(
        output,
        ESTIMATE_ENDINGS,
        name=f"{name_of(source, 'molecules')}_matched",
        tail="matched",
        overwrite=overwrite,
        any_ending=True,
    )
    outputs.check()
    if stack is None:
        frames, found = None, _of_table(localizations, camera)
    else:
        with open_frames(stack) as stream:
            given = _Given(camera, camera_maps, trust_camera)
            frames, found = _of_stack(stream, localizations, given, progress)
    found = with_optics(found, optics)
    if outputs:
        found = write_estimate(found, frames, outputs)
    return EstimateResult(found, outputs.written)


class _Given(NamedTuple):
    """What is known about the camera of a stack."""

    camera: Camera | PartialCamera
    maps: MapsSource | None
    trusted: bool


def _of_table(localizations: TableSource | None, camera: Camera | PartialCamera) -> Estimate:
    from deep_storm.estimation.combined import estimate_table  # numba, pandas, scipy

    if localizations is None:
        raise SettingsError(
            "neither a stack nor a table was given",
            "a stack of frames, a localization table, or both",
            "name a movie (TIFF) or give --localizations TABLE.csv",
        )
    check_source(localizations)
    beside = camera_of_table(localizations) if isinstance(camera, PartialCamera) else None
    if isinstance(camera, PartialCamera) and beside is not None:
        camera = camera.completed(**beside.model_dump(exclude_none=True))
    whole = whole_camera(camera)
    check_pixel_sizes([localizations], whole)
    found = estimate_table(table_of(localizations, camera=whole), whole)
    return found.with_notes("The camera is that of the table's protocol") if beside else found


def _of_stack(
    stream: FrameStream, localizations: TableSource | None, given: _Given, progress: Progress
) -> tuple[Frames, Estimate]:
    """Return a few frames for the figure, and the estimate."""
    from deep_storm.estimation.combined import with_table  # numba, pandas, scipy
    from deep_storm.estimation.movie_psf import with_psf  # numba, pandas, scipy
    from deep_storm.estimation.stack import estimate_stack  # numba, pandas, scipy
    from deep_storm.inputs import brightness, measured  # numba, pandas, scipy, tensorflow

    maps = None
    if given.maps is not None:
        maps = maps_of(given.maps, whole_camera(given.camera))
        stream = corrected(stream, whole_camera(given.camera), maps)
    movie = examined_movie(stream, given.camera, given.trusted, progress)
    table = None
    if localizations is not None:
        check_pixel_sizes([localizations], movie.camera)
        table = table_of(localizations, camera=movie.camera)
    noise = None if maps is None else CameraMaps(read_noise_adu=maps.read_noise_adu)
    found = estimate_stack(
        movie.frames, movie.camera, noise, examination=movie.examination, progress=progress
    )
    if table is not None:
        found = with_table(found, table, stream.shape)
    attempt = measured.measured_psf(movie.frames, movie.camera, progress, movie.used)
    found = with_psf(found, attempt)
    if table is None:
        found = brightness.with_brightness(found, movie.frames)
    return _some_frames(movie.frames), found.with_notes(*movie.notes)


def _some_frames(stream: FrameStream) -> Frames:
    """Read the frames for the figure: few, from the middle, of a limited field."""
    count, height, width = stream.shape
    start = max(0, count // 2 - 10)
    frames = stream.read(start, min(start + 20, count))
    rows, columns = (slice(max(0, n // 2 - 128), n // 2 + 128) for n in (height, width))
    return frames[:, rows, columns]
