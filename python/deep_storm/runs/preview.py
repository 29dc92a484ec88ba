"""Previews of one frame after another, with a model and a movie prepared once.

What takes long is done in :func:`prepare`: loading the model, looking at the movie, telling the
model what to expect. Then a frame takes a fraction of a second.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from deep_storm.inputs.camera_maps import corrected_for
from deep_storm.inputs.models import ReadyModel, camera_for, load_model, ready_model
from deep_storm.inputs.movie import examined_movie
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress
from deep_storm.runs.localizing import localized
from deep_storm.runs.result import Common, ReconstructResult
from deep_storm.settings import Reconstruction

if TYPE_CHECKING:
    from deep_storm.estimation.screening.examination import Examination
    from deep_storm.model import Model


class Prepared(NamedTuple):
    """A model that is ready for a movie.

    Attributes
    ----------
    model
        Conditioned on what to expect.
    examination
        What of the movie is no measurement.
    notes
        What should be said about both.
    """

    model: Model
    examination: Examination | None
    notes: tuple[str, ...]


def prepare(stream: FrameStream, common: Common, progress: Progress) -> Prepared:
    """Examine a movie and prepare a model for it; the shape of the PSF is not measured.

    Parameters
    ----------
    stream
        The movie.
    common
        Model, camera and whatever else is known.
    progress
        Called while frames are read.

    Raises
    ------
    DeepStormError
        Movie, camera and model do not suit each other.
    """
    loaded = load_model(common.model, common.device)
    camera = camera_for(loaded, common.expected)
    frames, said = corrected_for(stream, loaded, camera, common.camera_maps)
    movie = examined_movie(frames, camera, common.trust_camera, progress)
    ready = ready_model(loaded, common.expected, movie, progress=progress, device=common.device)
    return Prepared(ready.model, movie.examination, (*ready.notes, *movie.notes, *said))


def preview_frame(
    stream: FrameStream, prepared: Prepared, common: Common, frame: int
) -> ReconstructResult:
    """Localize the emitters of one frame.

    Parameters
    ----------
    stream
        The movie, the same that was prepared.
    prepared
        From :func:`prepare`.
    common
        Settings, camera maps and device.
    frame
        Counted from 1.

    Raises
    ------
    StackError, SettingsError
        The frame does not exist or cannot be read.
    """
    camera = prepared.model.card.camera
    frames, _ = corrected_for(stream, prepared.model, camera, common.camera_maps)
    if prepared.examination is not None:
        frames = prepared.examination.screened(frames)
    settings = common.settings.model_copy(update={"frames": str(frame)})
    one = replace(common, settings=Reconstruction.parse(settings.model_dump()))
    return localized(frames, ReadyModel(prepared.model, prepared.notes), one)
