"""``calibrate-psf``: the PSF over depth, from z-stacks of beads."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from deep_storm.camera import Camera, PartialCamera, whole_camera
from deep_storm.inputs.camera_maps import CAMERA_MAPS, MapsSource, corrected, maps_of
from deep_storm.interface.declaration import Argument, Shown
from deep_storm.interface.verb import verb
from deep_storm.io.camera_files import check_camera
from deep_storm.io.outputs import Outputs, name_of
from deep_storm.io.stacks.frames import open_frames
from deep_storm.progress import Progress, silent
from deep_storm.settings import PsfCalibration

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deep_storm.estimation.zstack.result import CalibratedPsf
    from deep_storm.psf.table import PsfTable

    Frames = npt.NDArray[np.generic]


@dataclass(frozen=True, repr=False)
class PsfCalibrationResult(Shown):
    """A PSF over depth.

    Attributes
    ----------
    calibrated
        The PSF, how well it is known, and what it was measured on.
    written
        The PSF file, its values and the picture.
    """

    calibrated: CalibratedPsf
    written: tuple[Path, ...] = field(default=())

    @property
    def table(self) -> PsfTable:
        """The PSF."""
        return self.calibrated.table

    def summary(self) -> str:
        """Return how well the PSF is known, over which depths, and what was left out."""
        return self.calibrated.summary()

    def to_json(self) -> dict[str, Any]:
        """Return the numbers."""
        return self.calibrated.to_json()


@verb(
    "measure the PSF over depth on z-stacks of beads",
    Argument(
        "stack",
        "z-stack of beads (TIFF), a frame per plane; several stacks are used together",
        list[Path],
        label="Z-stack of beads",
    ),
    Argument(
        "output",
        "PSF file to write (NAME.toml), with its values (NAME.npz) and a picture (NAME.png) "
        "beside it",
        writes=True,
        label="Save as",
    ),
    CAMERA_MAPS,
    partly="camera",
    camera=Camera,
    settings=PsfCalibration,
)
def calibrate_psf(
    stack: Path | str | Frames | Sequence[Path | str | Frames],
    *,
    output: Path | str | None = None,
    camera_maps: MapsSource | None = None,
    camera: Camera | PartialCamera,
    settings: PsfCalibration,
    overwrite: bool = False,
    progress: Progress = silent,
) -> PsfCalibrationResult:
    """Measure the PSF over depth, whatever its shape.

    Beads that stand alone are aligned in x, y and z and fitted together with the PSF, so that
    neither their places nor a tilted stage need to be known.

    Parameters
    ----------
    stack
        TIFF file or array (z, y, x) in ADU, a frame per plane; or several of them, with the same
        planes and camera.
    output
        The PSF file, which ``simulate``, ``train`` and ``reconstruct`` take as ``--psf-file``; its
        values and a picture go beside it.
    camera_maps
        What differs from pixel to pixel (sCMOS).
    camera
        The camera of the frames.
    settings
        Distance of the planes, which is needed, and what else is known.
    overwrite
        Whether existing files may be replaced.
    progress
        Called with the share that is done.

    Raises
    ------
    PsfError
        The frames are no scan of beads through focus in one direction, there are fewer than three
        beads that are alike, or they are saturated or too close.
    SettingsError
        The distance of the planes is missing, or the frames to use do not exist.
    StackError, CameraError
        A stack, the camera or its maps cannot be read, or do not suit each other.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.estimation.zstack.calibration import calibrate  # numba, scipy
    from deep_storm.runs.estimation import (  # matplotlib, numba, pandas, scipy
        PSF_ENDINGS,
        write_found_psf,
    )

    several = list(stack) if isinstance(stack, (list, tuple)) else [cast("Frames", stack)]
    outputs = Outputs.of(
        output,
        PSF_ENDINGS,
        name=f"{name_of(several[0], 'measured')}_psf",
        tail="psf",
        overwrite=overwrite,
    )
    outputs.check()
    known = whole_camera(camera)
    with ExitStack() as opened:
        streams = []
        for source in several:
            stream = opened.enter_context(open_frames(source))
            check_camera(known, stream)
            if camera_maps is not None:
                stream = corrected(stream, known, maps_of(camera_maps, known))
            streams.append(stream)
        found = calibrate(streams, known, settings, progress)
    if outputs:
        write_found_psf(found, outputs)
    return PsfCalibrationResult(found, outputs.written)
