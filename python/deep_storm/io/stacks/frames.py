"""Stacks of frames, opened lazily: the front door.

``open_frames`` takes a path (TIFF of any flavour), an array or a stream; ``select_frames``
understands ``FIRST:LAST`` as people type it.
"""

from __future__ import annotations

import os
import re

import numpy as np
import numpy.typing as npt

from deep_storm.errors import SettingsError, StackError
from deep_storm.io.stacks.stream import ArrayFrames, FrameStream
from deep_storm.io.stacks.tiff import TiffFrames

__all__ = ["ArrayFrames", "FrameStream", "TiffFrames", "open_frames", "select_frames"]


def open_frames(
    source: str | os.PathLike[str] | npt.NDArray[np.generic] | FrameStream,
) -> FrameStream:
    """Open a stack, whatever it is given as.

    Parameters
    ----------
    source
        Path of a TIFF, an array (t, y, x) or (y, x), or a stream (returned as it is).

    Raises
    ------
    StackError
        The source is none of these, or not a stack of grey frames.
    """
    if isinstance(source, FrameStream):
        return source
    if isinstance(source, (str, os.PathLike)):
        return TiffFrames(source)
    if isinstance(source, np.ndarray):
        return ArrayFrames(source)
    raise StackError(
        f"a stack was given as {type(source).__name__}",
        "a path, a NumPy array or a FrameStream",
        "convert it to a NumPy array (t, y, x)",
    )


def select_frames(stream: FrameStream, text: str | None) -> tuple[int, int]:
    """Translate ``FIRST:LAST`` (from 1, inclusive) to a half-open range from 0.

    Parameters
    ----------
    stream
        The stack that the frames belong to.
    text
        ``"1:30"``, ``"5:"``, ``":30"``, ``"7"`` (that frame alone); None, "" or ":" mean all.

    Returns
    -------
    start, stop
        ``stream.read(start, stop)`` gives the frames.

    Raises
    ------
    SettingsError
        The text is something else, or the stack does not have these frames.
    """
    count = stream.shape[0]
    match = re.fullmatch(r"\s*(\d*)\s*(:?)\s*(\d*)\s*", text or ":")
    if match is None:
        raise SettingsError(
            f"frames is {text!r}",
            "FIRST:LAST, counted from 1, such as 1:30",
            "change --frames",
        )
    first = int(match[1] or 1)
    last = int(match[3] or count) if match[2] else first
    if not 1 <= first <= last <= count:
        raise SettingsError(
            f"frames is {text!r}, but {stream.name} has {count} frame{'s' * (count > 1)}",
            f"FIRST:LAST with 1 ≤ FIRST ≤ LAST ≤ {count}",
            "change --frames",
        )
    return first - 1, last
