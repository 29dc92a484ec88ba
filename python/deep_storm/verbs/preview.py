"""``preview``: the localizations of one frame, drawn over it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera, PartialCamera
from deep_storm.errors import SettingsError
from deep_storm.inputs.camera_maps import CAMERA_MAPS, MapsSource, corrected_for
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.movie import TRUST_CAMERA
from deep_storm.interface.declaration import Argument, Shown
from deep_storm.interface.verb import verb
from deep_storm.io.outputs import Outputs, name_of
from deep_storm.io.stacks.frames import open_frames
from deep_storm.runs.result import Common, ReconstructResult
from deep_storm.settings import Background, Device, Emitters, Psf, Reconstruction
from deep_storm.words import counted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.model import Model
    from deep_storm.quality.fits import Fits


@dataclass(frozen=True, repr=False)
class PreviewResult(Shown):
    """Localizations on one frame.

    Attributes
    ----------
    frame
        Counted from 1.
    table
        The localizations.
    threshold
        Least confidence.
    camera_pixel_size_nm
        Edge of a pixel of the frame.
    written
        The picture.
    notes
        What should be said about model, maps and stack, as ``reconstruct`` says it.
    fits
        Whether the frame fits the model.
    dead
        Whether the frame holds no measurement.
    """

    frame: int
    table: pd.DataFrame
    threshold: float
    camera_pixel_size_nm: float
    written: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    fits: Fits | None = None
    dead: bool = False

    @classmethod
    def of(cls, frame: int, done: ReconstructResult) -> PreviewResult:
        """Return the preview of a frame that was reconstructed alone."""
        found = done.reconstructed
        pixel_size_nm = found.pixel_size_nm * found.image.shape[0] / found.shape[1]
        return cls(
            frame,
            done.table,
            found.threshold,
            pixel_size_nm,
            (),
            done.notes,
            done.fits,
            bool(found.dead_frames),
        )

    def summary(self) -> str:
        """Return number and certainty of localizations, and whether the frame fits the model."""
        lines = [self._found(), *self.notes]
        return "\n".join(lines if self.fits is None else [*lines, self.fits.summary()])

    def _found(self) -> str:
        count = len(self.table)
        if self.dead:
            return (
                f"no localization on frame {self.frame}: it has no usable pixel values (dark, too "
                "bright, or all pixels equal or invalid); try another one with --frame"
            )
        if not count:
            return f"no localization on frame {self.frame} (threshold {self.threshold:g})"
        return (
            f"{counted(count, 'localization')} on frame {self.frame} "
            f"(threshold {self.threshold:g}), median "
            f"confidence {self.table['confidence'].median():.2f}, median uncertainty "
            f"{self.table['uncertainty_xy_nm'].median():.1f} nm"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the localizations as rows."""
        rows = self.table.assign(frame=self.table["frame"] + 1).to_dict(orient="records")
        values = {
            "frame": self.frame,
            "threshold": self.threshold,
            "localizations": rows,
            "notes": list(self.notes),
        }
        return values if self.fits is None else {**values, "fits": self.fits.to_json()}


@verb(
    "try a model on one frame",
    Argument("stack", "stack of frames (TIFF)", label="Movie"),
    Argument(
        "model",
        "model folder, or general: the model included with Deep-STORM, which needs no training",
        label="Model",
    ),
    Argument("frame", "number of the frame, counted from 1", int, label="Frame"),
    Argument.from_setting(Reconstruction, "threshold", float),
    Argument.from_setting(Reconstruction, "refine", bool),
    Argument("output", "picture to write (.png)", writes=True, label="Save as"),
    CAMERA_MAPS,
    TRUST_CAMERA,
    partly="camera",
    camera=Camera,
    psf=Psf,
    emitters=Emitters,
    background=Background,
    device=Device,
)
def preview(
    stack: Path | str | npt.NDArray[np.generic],
    *,
    model: Path | str | Model,
    frame: int = 1,
    threshold: float | None = None,
    refine: bool = False,
    output: Path | str | None = None,
    camera_maps: MapsSource | None = None,
    trust_camera: bool = False,
    camera: Camera | PartialCamera | None = None,
    psf: Psf | None = None,
    emitters: Emitters | None = None,
    background: Background | None = None,
    device: Device = Device(),
    overwrite: bool = False,
) -> PreviewResult:
    """Localize the emitters of one frame and draw them over it.

    Parameters
    ----------
    stack
        TIFF file or array.
    model
        Model folder, or a model in memory.
    frame
        Counted from 1.
    threshold
        Least confidence; default: the model's.
    refine
        Whether they are fitted together, as ``reconstruct`` does with the setting of that name.
    output
        PNG to write; without it nothing is drawn.
    camera_maps
        Of an sCMOS camera, as in ``reconstruct``.
    trust_camera
        Whether to continue with a camera that contradicts the noise of the frames.
    camera, psf, emitters, background
        What the general model is given, as in ``reconstruct``.
    device
        Where TensorFlow computes.
    overwrite
        Whether an existing picture may be replaced.

    Raises
    ------
    StackError, SettingsError, CameraError, ModelError
        The frame does not exist, or stack and model do not suit each other.
    """
    from deep_storm.inputs.models import camera_for, load_model  # numba, pandas, scipy
    from deep_storm.report.plots import preview_overlay, save_figure  # matplotlib, pandas
    from deep_storm.runs.stack import reconstruct_stack  # numba, pandas, scipy

    outputs = Outputs.of(
        output,
        {"picture": ".png"},
        name=f"{name_of(stack, 'frame')}_preview",
        tail="preview",
        overwrite=overwrite,
        any_ending=True,
    )
    outputs.check()
    with open_frames(stack) as stream:
        check_frame(frame, stream)
        settings = Reconstruction.parse(
            {"frames": str(frame), "threshold": threshold, "refine": refine}
        )
        loaded = load_model(model, device)
        expected = Expected(camera, psf, emitters, background)
        common = Common(loaded, expected, camera_maps, settings, device, trust_camera=trust_camera)
        done = reconstruct_stack(stream, None, common)
        taken_with = camera_for(loaded, expected)
        frames, _ = corrected_for(stream, loaded, taken_with, camera_maps)
        pixels = frames.read(frame - 1, frame)[0]
    found = PreviewResult.of(frame, done)
    if outputs:
        figure = preview_overlay(pixels, found.table, found.camera_pixel_size_nm)
        with outputs.writing("picture") as path:
            save_figure(figure, path, overwrite)
    return replace(found, written=outputs.written)


def check_frame(frame: int, stream: FrameStream) -> None:
    """Raise a SettingsError if the stack does not have the frame."""
    count = stream.shape[0]
    if not 1 <= frame <= count:
        raise SettingsError(
            f"frame is {frame}, and {stream.name} has {counted(count, 'frame')}",
            f"a frame from 1 to {count}" if count > 1 else "frame 1",
            "change --frame",
        )
