"""Input and result of the reconstruction of a stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from deep_storm.camera import Camera
from deep_storm.errors import StackError
from deep_storm.inputs.camera_maps import MapsSource
from deep_storm.inputs.expected import Expected
from deep_storm.interface.declaration import Shown
from deep_storm.io.tables.about import About, note
from deep_storm.settings import Device, Reconstruction
from deep_storm.words import counted

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from deep_storm.inference.results import Reconstructed
    from deep_storm.inference.run import Workers
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.model import Model
    from deep_storm.quality.fits import Fits

StackSource = Union[Path, str, "npt.NDArray[np.generic]", "FrameStream"]


UNJUDGED = "all frames are done; whether the model fits them was not checked"
_SHARED = ("model", "camera_maps", "settings", "device", "trust_camera")


@dataclass(frozen=True)
class Common:
    """Inputs that all stacks of a call have in common."""

    model: Path | str | Model
    expected: Expected = field(default_factory=Expected)
    camera_maps: MapsSource | None = None
    settings: Reconstruction = Reconstruction()
    device: Device = Device()
    workers: Workers | None = None
    with_report: bool = True
    trust_camera: bool = False

    @classmethod
    def given(cls, arguments: Mapping[str, Any]) -> Common:
        """Collect them from arguments of the verb ``reconstruct``, by name."""
        expected = Expected(**{f.name: arguments.get(f.name) for f in fields(Expected)})
        shared = {name: arguments[name] for name in _SHARED if name in arguments}
        with_report = not arguments.get("no_report", False)
        return cls(expected=expected, with_report=with_report, **shared)


@dataclass(frozen=True, repr=False)
class ReconstructResult(Shown):
    """Image and table of a stack.

    ``kept`` is the work folder of a run that was stopped when it had found so much that writing it
    would have taken long; then nothing else is written. ``corner_nm`` is where (y, x) the image
    begins in the camera's field. ``stopped`` is whether a stop came after the last frame, so that
    something else is missing: the verdict, the report. ``shared_frames`` is whether each
    localization used the frames before and after its own, too: of a network that sees them, unless
    it was refined, which is a fit of its own frame. ``camera`` is the one that took the stack.
    """

    reconstructed: Reconstructed
    written: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    fits: Fits | None = None
    kept: Path | None = None
    corner_nm: tuple[float, float] = (0.0, 0.0)
    stopped: bool = False
    shared_frames: bool = False
    camera: Camera | None = None

    @property
    def count(self) -> int:
        """Number of localizations."""
        return self.reconstructed.rows.count

    @property
    def table(self) -> pd.DataFrame:
        """The localizations, with what :mod:`deep_storm.io.tables.about` says of them."""
        table = self.reconstructed.table
        note(table, About(self.camera, self.shared_frames))
        return table

    @property
    def image(self) -> npt.NDArray[np.float32]:
        """The super-resolution image (y, x), emitters per super-resolution pixel."""
        return self.reconstructed.image

    @property
    def complete(self) -> bool:
        """Whether all was done; False if the work was stopped early."""
        return self.reconstructed.complete and not self.stopped

    @property
    def frames_per_second(self) -> float:
        """Speed from reading to table and image, files not included."""
        return self.reconstructed.shape[0] / max(self.reconstructed.seconds, 1e-9)

    def summary(self) -> str:
        """Return the number of localizations, the speed, and what looks suspicious."""
        done = self.reconstructed
        frames, height, width = done.shape
        per_frame = self.count / max(frames, 1)
        lines = [
            f"{counted(self.count, 'localization')} in {counted(frames, 'frame')} of "
            f"{width} × {height} px "
            f"({per_frame:.1f} per frame, threshold {done.threshold:g})",
            f"{done.seconds:.1f} s, {self.frames_per_second:.1f} frames per second "
            f"({done.precision})",
            *self.notes,
        ]
        if self.fits is not None:
            lines.append(self.fits.summary())
        if done.dead_frames:
            lines.append(
                f"{counted(len(done.dead_frames), 'frame')} without usable pixel values (dark, too "
                "bright, or all pixels equal or invalid), the first is frame "
                f"{done.dead_frames[0] + 1}"
            )
        if done.replaced_pixels:
            lines.append(
                f"{done.replaced_pixels} invalid or saturated pixels were filled from their "
                "neighbours"
            )
        if done.bright_things:
            lines.append(
                f"Very bright objects (beads, aggregates, debris): {done.bright_things}, counted "
                "in each frame; each gives at most one localization, and molecules in its light "
                "are not seen"
            )
        if not self.complete:
            lines.append(self._stopped_early(frames))
        return "\n".join(lines)

    def _stopped_early(self, frames: int) -> str:
        """Describe what is there and how to continue."""
        if self.reconstructed.complete:
            return f"Stopped early: {UNJUDGED}"
        said = f"Stopped early, after {counted(frames, 'frame')}."
        if self.kept is not None:
            said = f"Stopped early: {counted(frames, 'frame')} are kept in {self.kept}."
        if self.written or self.kept is not None:
            said += " The same command with --resume continues; with --overwrite it starts again."
        return said

    def to_json(self) -> dict[str, Any]:
        """Return counts, speed and what looks suspicious."""
        done = self.reconstructed
        return {
            "frames": done.shape[0],
            "localizations": self.count,
            "threshold": done.threshold,
            "seconds": done.seconds,
            "network_seconds": done.network_seconds,
            "frames_per_second": self.frames_per_second,
            "precision": done.precision,
            "workers": done.threads._asdict(),
            "dead_frames": [frame + 1 for frame in done.dead_frames],
            "replaced_pixels": done.replaced_pixels,
            "bright_things": done.bright_things,
            "complete": done.complete,
            "shared_frames": self.shared_frames,
            "notes": list(self.notes),
            **({} if self.fits is None else {"fits": self.fits.to_json()}),
        }


class PartlyReadError(StackError):
    """A frame in the middle of a stack cannot be read.

    Attributes
    ----------
    result
        What the frames before gave.
    """

    def __init__(self, problem: StackError, advice: str, result: ReconstructResult) -> None:
        super().__init__(problem.received, problem.expected, advice)
        self.result = result
