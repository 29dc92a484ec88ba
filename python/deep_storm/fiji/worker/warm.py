"""What the worker keeps between two requests: models that are loaded, told and compiled.

A preview that follows the slider asks again and again for the same model and movie; to load the
weights, to look at the movie and to compile the network each time would take seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.inputs.camera_maps import corrected_for
from deep_storm.inputs.models import Expected, ReadyModel, load_model, ready_model
from deep_storm.model import CARD_FILE, model_folder

if TYPE_CHECKING:
    from deep_storm.io.stacks.stream import FrameStream

MAX_KEPT = 2
_kept: dict[str, ReadyModel] = {}


def ready_for(stream: FrameStream, given: Mapping[str, Any]) -> ReadyModel:
    """Return a model that is told what to expect of a movie, from the last time if nothing changed.

    The shape of the PSF is not measured, which takes half a minute: a preview does without.

    Parameters
    ----------
    stream
        The movie.
    given
        Arguments and settings of a verb: ``model``, ``camera``, ``psf`` and so on.

    Raises
    ------
    DeepStormError
        As :func:`deep_storm.inputs.models.ready_model` does.
    """
    expected = Expected(**{f.name: given.get(f.name) for f in fields(Expected)})
    key = _key(stream, given, expected)
    ready = _kept.pop(key, None)
    if ready is None:
        model = load_model(given["model"])
        frames, said = corrected_for(stream, model, expected.camera, given.get("camera_maps"))
        ready = ready_model(model, expected, frames)
        ready = ready._replace(notes=(*ready.notes, *said))
    _kept[key] = ready  # the last one used stays longest
    while len(_kept) > MAX_KEPT:
        del _kept[next(iter(_kept))]
    return ready


def _key(stream: FrameStream, given: Mapping[str, Any], expected: Expected) -> str:
    card = model_folder(given["model"]) / CARD_FILE
    written = card.stat().st_mtime_ns if card.is_file() else 0
    maps = given.get("camera_maps")
    changed = Path(maps).stat().st_mtime_ns if maps and Path(maps).is_file() else 0
    first = hashlib.sha256(stream.read(0, 1).tobytes()).hexdigest()
    known = {name: value and value.model_dump() for name, value in vars(expected).items()}
    parts = [
        str(given["model"]), written, str(maps), changed, known, stream.name, list(stream.shape),
        list(stream.corner_px), first,
    ]  # fmt: skip
    return json.dumps(parts, default=str)
