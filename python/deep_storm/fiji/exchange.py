"""What Fiji and its worker hand each other, and how.

A request is plain data (``Request``). Tables and images lie as files in a folder of the request,
which is deleted afterwards; frames never do: they go through a block of shared memory, a chunk at
a time, whenever the worker asks for them.

The worker asks with a message ``{"want": [ticket, start, stop]}``. Fiji copies the frames into the
block and then writes the ticket into the control words, which the worker waits for::

    control[TICKET]  the ticket that was answered last
    control[FAILED]  1: instead of frames, the block holds an error as JSON
    control[STOP]    0 go on, FINISH end at the next progress and keep what there is,
                     KEEP end now and keep what there is, DISCARD end now

The worker answers KEEP and DISCARD with ``{"answered": true}`` as soon as it acts on them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from deep_storm import errors
from deep_storm.errors import DeepStormError, restored

if TYPE_CHECKING:
    import pandas as pd

TICKET, FAILED, STOP = 0, 1, 2
CONTROL_WORDS = 4
KEEP, DISCARD, FINISH = 1, 2, 3
MIN_BLOCK_BYTES = 1 << 16
"""An error fits into it, when its texts are not longer than this:"""
MAX_TEXT = 2000


class Frames(TypedDict):
    """What the worker is told about the frames; ``file`` is where the image came from, or empty."""

    shape: tuple[int, int, int]
    dtype: str
    pixel_size_nm: float | None
    name: str
    file: str
    corner_px: tuple[int, int]
    frames_in_block: int


class Request(TypedDict):
    """A verb to be called in the worker.

    ``options`` are its keywords in plain data; those in ``tables`` are files of this exchange,
    the one named ``frames_as`` is the frames.
    """

    verb: str
    options: dict[str, Any]
    tables: dict[str, str]
    frames_as: str
    frames: Frames | None
    folder: str
    tensorflow: bool


def write_frame_table(path: Path, table: pd.DataFrame) -> str:
    """Write a table for the other process; returns its path."""
    table.to_pickle(path)
    return str(path)


def read_frame_table(path: str) -> pd.DataFrame:
    """Read a table of the other process (never a file of the user's)."""
    import pandas as pd

    return pd.read_pickle(path)


def error_as_data(error: DeepStormError) -> dict[str, Any]:
    """Turn an error into plain data: its class and what it says (texts and numbers)."""
    kind = next(k for k in type(error).__mro__ if getattr(errors, k.__name__, None) is k)
    plain = {k: v for k, v in vars(error).items() if isinstance(v, (str, int, float, type(None)))}
    short = {k: v[:MAX_TEXT] if isinstance(v, str) else v for k, v in plain.items()}
    return {"kind": kind.__name__, **short}


def error_from_data(data: dict[str, Any]) -> DeepStormError:
    """Turn plain data back into an error."""
    values = dict(data)
    kind: type[DeepStormError] = getattr(errors, values.pop("kind"))
    return restored(kind, values)


def error_as_bytes(error: DeepStormError) -> bytes:
    """Turn an error into bytes for the block; ends with a zero."""
    return json.dumps(error_as_data(error)).encode("ascii") + b"\0"


def error_from_bytes(content: bytes) -> DeepStormError:
    """Read an error from the block."""
    return error_from_data(json.loads(content.partition(b"\0")[0]))
