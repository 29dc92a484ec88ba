"""What the worker keeps between two requests: models that are loaded, conditioned and compiled.

A preview that follows the slider asks again and again for the same model and movie; to load the
weights, to look at the movie and to compile the network each time would take seconds.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from deep_storm.io.model_folder import CARD_FILE
from deep_storm.model_card import model_folder
from deep_storm.progress import Progress
from deep_storm.runs.preview import Prepared, prepare
from deep_storm.runs.result import Common

if TYPE_CHECKING:
    from deep_storm.io.stacks.stream import FrameStream

MAX_KEPT = 2
_kept: dict[str, Prepared] = {}


def prepared_for(stream: FrameStream, common: Common, progress: Progress) -> Prepared:
    """Return a model that is ready for a movie, the previous one if nothing changed.

    Parameters
    ----------
    stream
        The movie.
    common
        Model, camera and whatever else is known.
    progress
        Called while a movie that is new is read.

    Raises
    ------
    DeepStormError
        As :func:`deep_storm.runs.preview.prepare` does.
    """
    key = _key(stream, common)
    prepared = _kept.pop(key, None) or prepare(stream, common, progress)
    _kept[key] = prepared  # the last one used stays longest
    while len(_kept) > MAX_KEPT:
        del _kept[next(iter(_kept))]
    return prepared


def _key(stream: FrameStream, common: Common) -> str:
    """Return what a prepared model depends on."""
    card = model_folder(str(common.model)) / CARD_FILE
    maps = common.camera_maps if isinstance(common.camera_maps, (str, Path)) else None
    parts = [
        str(common.model),
        _changed(card),
        None if maps is None else (str(maps), _changed(Path(maps))),
        common.trust_camera,
        repr(common.device),
        {name: repr(value) for name, value in vars(common.expected).items()},
        stream.name,
        list(stream.shape),
        list(stream.corner_px),
        stream.pixel_size_nm,
        hashlib.sha256(stream.read(0, 1).tobytes()).hexdigest(),
    ]
    return json.dumps(parts)


def _changed(file: Path) -> int:
    return file.stat().st_mtime_ns if file.is_file() else 0
