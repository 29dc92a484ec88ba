"""A movie as a verb takes it: examined before anything is done with it, with its camera."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deep_storm.camera import Camera, PartialCamera
from deep_storm.errors import CameraDoubtError, CameraError
from deep_storm.interface.declaration import Argument
from deep_storm.io.camera_files import check_camera, check_frames
from deep_storm.io.stacks.camera_said import CameraSaid
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.words import WARNING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from deep_storm.estimation.quantity import Quantity
    from deep_storm.estimation.screening.examination import Examination
    from deep_storm.estimation.transfer.check import Doubt
    from deep_storm.estimation.transfer.gain import PhotonTransfer

TRUST_CAMERA = Argument(
    "trust_camera",
    "continue although the noise of the frames contradicts the camera",
    bool,
    label="Trust the camera whatever the noise says",
)

MAX_GAIN_ERROR = 0.2
"""A gain that is known worse is not taken from the movie."""
MAX_EM_GAIN_OFF = 0.1
"""An EM gain that differs by more from what the file says is reported (relative)."""
MAX_READ_NOISE_PHOTON = 3.2
"""Dark pixels whose noise would be more than that hold light."""


class Movie(NamedTuple):
    """A movie that was examined.

    Attributes
    ----------
    frames
        Without what is no measurement.
    camera
        As given, or completed by what the frames say.
    examination
        What was found; None of a movie that is still growing.
    notes
        What should be said about it.
    camera_agrees
        Whether the noise of the frames is known well and agrees with the camera.
    doubt
        How the camera contradicts the noise, if it does.
    """

    frames: FrameStream
    camera: Camera
    examination: Examination | None
    notes: tuple[str, ...] = ()
    camera_agrees: bool = False
    doubt: Doubt | None = None

    @property
    def used(self) -> npt.NDArray[np.bool_] | None:
        """Pixels that are looked at, ``(y, x)``; None of a movie that was not examined."""
        return None if self.examination is None else self.examination.used


def examined_movie(
    stream: FrameStream,
    camera: Camera | PartialCamera,
    trust_camera: bool = False,
    progress: Progress = silent,
    chosen: tuple[int, int] | None = None,
) -> Movie:
    """Examine a movie: values, frames and pixels, noise, and then the camera.

    Parameters
    ----------
    stream
        Frames in ADU.
    camera
        What is known of their camera.
    trust_camera
        Whether a camera that contradicts the noise is believed.
    progress
        Called while frames are read.
    chosen
        The frames that shall be used, from and to, 0-based; default: all.

    Raises
    ------
    CameraError
        The camera contradicts the frames, or they do not tell what is missing of it.
    StackError
        The frames cannot be read.
    """
    if isinstance(camera, Camera):
        check_camera(camera, stream)
    else:
        check_frames(stream)
    if stream.grows:
        return Movie(stream, _given(camera, stream), None)
    from deep_storm.estimation.screening.examination import examine  # numba, pandas, scipy
    from deep_storm.estimation.transfer.check import doubt_camera  # numba, pandas, scipy

    found = examine(stream, progress, chosen)
    notes: tuple[str, ...] = ()
    agrees = _tells(found.transfer)
    doubt: Doubt | None = None
    if isinstance(camera, PartialCamera):
        camera, note = complete_camera(camera, stream, found)
        check_camera(camera, stream)
        notes = (note,) if note else ()
    elif found.transfer is not None:
        doubt = doubt_camera(found.transfer, camera, stream.name)
        if doubt is not None and doubt.severe and not trust_camera:
            raise CameraDoubtError(
                doubt.received,
                doubt.expected,
                f"{doubt.advice}; --trust-camera continues with the camera as it is",
                doubt.setting,
                doubt.value,
            )
        if doubt is not None:
            notes, agrees = (f"{WARNING}{doubt.sentence()}",), False
        elif processed := found.transfer.processed_frames(stream.name):
            notes = (f"{WARNING}{processed}",)
    notes = (*notes, *told_by_file(stream.camera_said, camera, stream.name), *found.sentences())
    camera, unlike = with_response(camera, found)
    notes = (*notes, *unlike)
    return Movie(found.screened(stream), camera, found, notes, agrees, doubt)


def with_response(camera: Camera, found: Examination) -> tuple[Camera, tuple[str, ...]]:
    """Return a camera with the differences between its pixels that a movie shows, and say so."""
    transfer = found.transfer
    if camera.response_std > 0 or found.pattern is None or transfer is None:
        return camera, ()
    response_std = round(found.pattern.response(camera.baseline_adu), 3)
    if not response_std or transfer.is_processed:
        return camera, ()
    return camera.model_copy(update={"response_std": response_std}), (
        f"The camera's pixels differ in their response to light by {response_std:.1%} (standard "
        "deviation), as those of sCMOS cameras do. What is matched to this movie allows for that; "
        "a model trained without it states uncertainties that are too small. Camera maps with "
        "the gains would remove it",
    )


def _tells(transfer: PhotonTransfer | None) -> bool:
    """Return whether the noise of the frames determines their camera."""
    if transfer is None or transfer.slope is None or transfer.is_processed:
        return False
    return transfer.slope.error < MAX_GAIN_ERROR * transfer.slope.value


def _given(camera: Camera | PartialCamera, stream: FrameStream) -> Camera:
    """Return the camera of a growing movie, which has to be known."""
    if isinstance(camera, Camera):
        return camera
    raise CameraError(
        f"a part of the camera is not known, and {stream.name} is still being written",
        "the whole camera",
        "give --camera camera.toml",
    )


def complete_camera(
    known: PartialCamera, stream: FrameStream, found: Examination
) -> tuple[Camera, str]:
    """Complete a camera by the file and the noise of its frames.

    Returns
    -------
    The camera, and what should be said about it: nothing where the noise was not asked.

    Raises
    ------
    CameraError
        Something is missing that the frames do not tell.
    """
    values = dict(known.values)
    if "pixel_size_nm" not in values:
        if stream.pixel_size_nm is None:
            raise CameraError(
                f"the pixel size of {stream.name} is unknown",
                "the edge of a camera pixel in the sample",
                "give --pixel-size-nm, or the whole camera with --camera camera.toml",
            )
        values["pixel_size_nm"] = stream.pixel_size_nm
    wanted = [name for name in ("photons_per_adu", "baseline_adu") if name not in values]
    if not wanted:
        return Camera.parse(values), ""
    em = ""
    if "photons_per_adu" in wanted and "em_gain" not in values and stream.camera_said.em_gain:
        values["em_gain"] = stream.camera_said.em_gain
        em = f", with the EM gain of {values['em_gain']:g} that the file has"
    gain, baseline = _measured(found, values.get("em_gain"), values, stream.name)
    measured = {"photons_per_adu": float(f"{gain.value:.3g}"), "baseline_adu": round(baseline, 1)}
    camera = Camera.parse({**measured, **values})
    parts = {
        "photons_per_adu": f"{gain.value:.3g} ± {gain.error:.1g} photons per ADU",
        "baseline_adu": f"a baseline of {baseline:.0f} ADU",
    }
    if not camera.em_gain:
        em = ", if the camera has no EM gain (with one, enter em_gain)"
    said = " and ".join(parts[name] for name in wanted)
    return camera, f"The camera was derived from the noise of the movie: {said}{em}"


def told_by_file(said: CameraSaid, camera: Camera, name: str) -> tuple[str, ...]:
    """Tell the camera's settings that a file has, and whether the camera given contradicts them."""
    if said.em_gain is not None and camera.em_gain is None:
        return (
            f"{WARNING}{name} was taken with {said.text()}, and the camera that was given has no "
            f"EM gain: give --em-gain {said.em_gain:g}, and photons per ADU as they are without it",
        )
    if said.em_gain is not None and not _alike(said.em_gain, camera.em_gain or 1.0):
        return (
            f"{WARNING}{name} was taken with {said.text()}, and the camera that was given has an "
            f"EM gain of {camera.em_gain:g}: check which is right",
        )
    return (f"{name} was taken with {said.text()}",) if said.text() else ()


def _alike(one: float, other: float) -> bool:
    return abs(one - other) <= MAX_EM_GAIN_OFF * max(one, other)


def _measured(
    found: Examination, em_gain: float | None, values: dict[str, float], name: str
) -> tuple[Quantity, float]:
    """Return gain and baseline as measured in the noise."""
    transfer = found.transfer
    gain = None if transfer is None or transfer.is_processed else transfer.photons_per_adu(em_gain)
    if transfer is None or gain is None or gain.error > MAX_GAIN_ERROR * gain.value:
        raise CameraError(
            f"{_why_not(transfer, gain)} {name} does not determine the camera",
            "the camera that took the movie",
            "give --photons-per-adu and --baseline-adu (from the camera's data sheet and from dark "
            "frames: deep-storm measure-background), or --camera camera.toml",
        )
    photon = (em_gain or 1.0) / float(values.get("photons_per_adu", gain.value))  # ADU of one
    read_noise = float(values.get("read_noise_adu", 0.0))
    baseline = transfer.baseline_adu(read_noise)
    level = transfer.level_adu if baseline is None else baseline.value
    if found.dark_adu is not None:
        level = min(found.dark_adu, level + MAX_READ_NOISE_PHOTON**2 * photon)
    return gain, level


def _why_not(transfer: PhotonTransfer | None, gain: Quantity | None) -> str:
    """Return why the noise does not determine the gain, as the beginning of a sentence."""
    if transfer is not None and transfer.is_processed:
        return f"the frames were {transfer.processing}, so the noise of"
    if gain is None:
        return "the light hardly differs from pixel to pixel, so the noise of"
    return f"the gain is known to {gain.error / gain.value:.0%} only, so the noise of"
