"""``reconstruct``: a stack and a model → super-resolution image, table and run record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from deep_storm.camera import Camera, PartialCamera
from deep_storm.imports import uncollected
from deep_storm.inputs.camera_maps import CAMERA_MAPS, MapsSource
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.movie import TRUST_CAMERA
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.progress import Progress, silent
from deep_storm.runs.result import Common, ReconstructResult, StackSource
from deep_storm.runs.sweep import SweepResult
from deep_storm.settings import Background, Device, Emitters, Psf, Reconstruction, Watching

if TYPE_CHECKING:
    from deep_storm.model import Model


@verb(
    "make a super-resolution image and a localization table from a stack",
    Argument(
        "stack",
        "stack of frames (TIFF); several stacks or a pattern are done one after the other",
        list[Path],
        label="Movie",
    ),
    Argument(
        "model",
        "model folder, or general: the model included with Deep-STORM, which needs no training",
        label="Model",
    ),
    Argument(
        "output",
        "name of the files without extension: NAME.tif, NAME.csv, NAME-protocol.txt, "
        "NAME-run.toml, NAME-report.html; or a folder (results/), always a folder for several "
        "stacks",
        writes=True,
        label="Save as",
        left_out="noted",
    ),
    Argument(
        "resume",
        "continue an interrupted run with the same output",
        bool,
        label="Resume an interrupted run",
    ),
    Argument(
        "watch",
        "folder (or TIFF) to which a movie is being written: process it while it grows",
        label="Folder to watch",
    ),
    Argument(
        "dask",
        "Dask workers to use: tcp://HOST:PORT, or local:N for N processes on this computer",
        str,
        formerly="cluster",
        label="Dask workers",
    ),
    Argument(
        "no_report", "do not write the report (NAME-report.html)", bool, label="Without a report"
    ),
    CAMERA_MAPS,
    TRUST_CAMERA,
    partly="camera",
    camera=Camera,
    psf=Psf,
    emitters=Emitters,
    background=Background,
    settings=Reconstruction,
    device=Device,
    watching=Watching,
)
def reconstruct(
    stack: StackSource | Sequence[Path | str] | None = None,
    *,
    model: Path | str | Model,
    output: Path | str | None = None,
    resume: bool = False,
    watch: Path | str | None = None,
    dask: str | None = None,
    no_report: bool = False,
    camera_maps: MapsSource | None = None,
    trust_camera: bool = False,
    camera: Camera | PartialCamera | None = None,
    psf: Psf | None = None,
    emitters: Emitters | None = None,
    background: Background | None = None,
    settings: Reconstruction = Reconstruction(),
    device: Device = Device(),
    watching: Watching = Watching(),
    overwrite: bool = False,
    progress: Progress = silent,
) -> ReconstructResult | SweepResult:
    """Localize the emitters of a stack and draw the super-resolution image.

    Parameters
    ----------
    stack
        TIFF file, array (t, y, x) or (y, x), or a frame stream. Several files or a pattern
        (``night/*.tif``) are a sweep: one after the other, also when one fails.
    model
        Model folder, or a model in memory.
    output
        The files' name without ending, or a folder, where they are named after the stack; without
        it nothing is written. Of a sweep, a folder.
    resume
        Go on from ``NAME.running``, which an interrupted run has left: the results are those of a
        run that was never interrupted. A sweep leaves what is done.
    watch
        Instead of a stack, a folder or a TIFF that is still being written.
    dask
        Dask workers that do the work; the result is the same.
    no_report
        Leave the report out: it takes a few seconds. ``report NAME-run.toml`` makes it later. A run
        that was stopped early has none.
    camera_maps
        Of an sCMOS camera: baseline and gain are corrected pixel by pixel before anything else.
    trust_camera
        Whether to continue with a camera that contradicts the noise of the frames; otherwise that
        is an error.
    camera
        Camera of the frames. A trained model knows its own; one that contradicts it is an error.
        For the general model, what is left out is read off the file and the noise of the frames.
    psf, emitters, background
        What the general model is given to expect; what is left out is estimated from the stack.
    settings, device, watching
        Settings.
    overwrite
        Whether existing files may be replaced.
    progress
        Called with the frames done; when it is stopped, what was done is written.

    Raises
    ------
    StackError, CameraError, ModelError, SettingsError
        Stack, camera, model or settings do not suit each other.
    PartlyReadError
        A frame in the middle cannot be read; its ``result`` is what the frames before gave.
    OutputError
        A file exists already or cannot be written; there is nothing to go on from, or another
        run writes there.
    """
    with uncollected():
        from deep_storm.runs.reconstruction import run_reconstruction  # numba, pandas, scipy

    expected = Expected(camera, psf, emitters, background)
    common = Common(
        model, expected, camera_maps, settings, device, None, not no_report, trust_camera
    )
    return run_reconstruction(
        stack,
        output,
        common,
        dask=dask,
        watch=watch,
        watching=watching,
        resume=resume,
        overwrite=overwrite,
        progress=progress,
    )
