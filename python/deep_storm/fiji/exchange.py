r"""What Fiji and its worker say to each other: the protocol, with an example of each message.

Appose (https://github.com/apposed) starts the worker and carries the messages, a line of JSON each,
through its standard input and output; ``task``, ``requestType`` and ``responseType`` are Appose's.
Tables and images lie as files in a folder of the request, which is deleted afterwards. Frames never
do: they go through a block of shared memory, a chunk at a time, when the worker asks for them.

**Fiji asks** for a verb. ``request`` is a :class:`Request`; ``control`` and ``block`` are shared
memory::

    {"task": "bb19…", "requestType": "EXECUTE", "queue": "main",
     "script": "from deep_storm.fiji.worker.process import perform\nperform(task, request, …)\n",
     "inputs": {
       "request": {
         "verb": "measure-background", "options": {"method": "pixels"}, "tables": {},
         "frames_as": "stack",
         "frames": {"shape": [40, 64, 64], "dtype": "<u2", "pixel_size_nm": 100.0,
                    "name": "movie.tif", "file": "", "corner_px": [0, 0], "frames_in_block": 40},
         "folder": "…/deep-storm-to4447rl", "tensorflow": false},
       "control": {"appose_type": "ndarray", "dtype": "int64", "shape": [4],
                   "shm": {"appose_type": "shm", "name": "psm_aeae5eb3", "rsize": 32}},
       "block": {"appose_type": "ndarray", "dtype": "uint8", "shape": [327680],
                 "shm": {"appose_type": "shm", "name": "psm_6e07bdd4", "rsize": 327680}}}}

**The worker tells** on its way, in any order, what is in ``info``::

    {"task": "bb19…", "responseType": "LAUNCH"}
    {"task": "bb19…", "responseType": "UPDATE", "info": {"running": true}}
    {"task": "bb19…", "responseType": "UPDATE", "info": {"progress": [38, 40, "frames read"]}}
    {"task": "bb19…", "responseType": "UPDATE", "info": {"want": [3, 16, 24]}}
    {"task": "bb19…", "responseType": "UPDATE", "info": {"answered": true}}

``running``: TensorFlow is loaded, the verb begins. ``progress``: done, of how many, of what.
``want``: ticket 3 is for frames 16 to 23. Fiji copies them into the block and then writes the
ticket into the control words, where the worker waits for it. ``answered``: the wish to stop is
being followed::

    control[TICKET]  the ticket that was answered last
    control[FAILED]  1: instead of frames, the block holds an error as JSON, and a zero
    control[STOP]    0 go on, FINISH end at the next progress and keep what there is,
                     KEEP end now and keep what there is, DISCARD end now

**The worker answers** once. ``restart``: the process may have been left in the middle of something,
and Fiji ends it. Beside it stands one of ``result``, ``error`` (what the user can mend),
``stopped`` (with an error that says what was kept, or null), ``memory`` (it was full) and
``mistake`` (ours)::

    {"task": "1460…", "responseType": "COMPLETION", "outputs": {"answer": {
       "restart": false,
       "result": {"summary": "1 of 2 localizations kept (50.0%)\nx > 15: 1 do not meet it",
                  "written": [], "json": {"rows_before": 2, "rows": 1, "conditions": []},
                  "table": "…/deep-storm-t03kacak/table"}}}}
    {"task": "108b…", "responseType": "COMPLETION", "outputs": {"answer": {
       "restart": false,
       "error": {"kind": "FormulaError", "received": "nothing stands where a value is expected",
                 "expected": "a number, a column or '('", "advice": "complete the formula",
                 "formula": "x > ", "position": 3}}}}
    {"task": "33ac…", "responseType": "COMPLETION", "outputs": {"answer": {
       "restart": false, "stopped": null}}}
    {"task": "5f01…", "responseType": "COMPLETION", "outputs": {"answer": {
       "restart": false, "memory": "Unable to allocate 12.0 GiB"}}}
    {"task": "7d1e…", "responseType": "COMPLETION", "outputs": {"answer": {
       "restart": false, "mistake": "ZeroDivisionError: division by zero"}}}

``result`` has ``summary``, ``written`` and ``json`` of every verb; ``table``, ``image`` and
``mask`` (of the pixels that were used) are files in the request's folder, ``pixel_size_nm`` is that
of the image, ``slice_nm`` the distance of its slices, where it is a stack, and
``camera_pixel_size_nm`` the size of the frame's pixels. ``corner_nm``, ``complete`` and
``problem`` are those of ``reconstruct``.
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
KEPT = "keep-what-there-is"
"""Instead of a verb: write the unfinished result of the request before."""
LOOK = "look"
"""Instead of a verb: look at the frames (:func:`deep_storm.runs.first_look.look_at`)."""
MIN_BLOCK_BYTES = 1 << 16
"""An error fits into it, when its texts are not longer than this:"""
MAX_TEXT = 2000


class Frames(TypedDict):
    """What the worker knows about the frames; ``file`` is where the image came from, or empty."""

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
