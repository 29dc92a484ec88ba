"""Opens stacks of frames of any kind, lazily.

``open_frames`` takes a path (TIFF of any flavour), an array or a stream; ``select_frames``
understands ``FIRST:LAST`` as people type it.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deep_storm.errors import SettingsError, StackError
from deep_storm.folders import at_home
from deep_storm.io.stacks.foreign.opening import open_foreign
from deep_storm.io.stacks.stream import ArrayFrames, FrameStream
from deep_storm.io.stacks.tiff import TiffFrames
from deep_storm.settings import frame_range
from deep_storm.words import counted

__all__ = ["ArrayFrames", "FrameStream", "TiffFrames", "open_frames", "select_frames"]


def open_frames(
    source: str | os.PathLike[str] | npt.NDArray[np.generic] | FrameStream,
    *,
    partly: bool = False,
    tell: bool = True,
) -> FrameStream:
    """Open a stack from a path, an array or a stream.

    Parameters
    ----------
    source
        Path of a TIFF or of a movie of another program (:mod:`deep_storm.io.stacks.foreign`), an
        array (t, y, x) or (y, x), or a stream (returned as it is).
    partly
        Open also a file that is cut off; :func:`select_frames` then lets only frames pass that
        are there.
    tell
        Whether to warn where a file is not what is written into it (the stream's ``notes``).

    Raises
    ------
    StackError
        The source is none of these, or not a stack of grey frames.
    """
    if isinstance(source, FrameStream):
        return source
    if isinstance(source, (str, os.PathLike)):
        path = at_home(Path(source))
        foreign = open_foreign(path, partly)
        if foreign is not None:
            return foreign
        stream = TiffFrames(path, partly)
        for note in stream.notes if tell else ():
            warnings.warn(note, stacklevel=2)
        return stream
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
    StackError
        The stack is cut off, and not only frames before that were asked for.
    """
    count = stream.shape[0]
    first, last = frame_range(text or ":")
    stop = count if last is None else last + 1
    if stream.cut_off is not None and (last is None or stop > count > first):
        problem = stream.cut_off
        there = f"take the frames that are there with --frames 1:{count}"
        raise StackError(problem.received, problem.expected, f"{problem.advice}, or {there}")
    if not first < stop <= count:
        raise SettingsError(
            f"frames is {text!r}, but {stream.name} has {counted(count, 'frame')}",
            f"FIRST:LAST with 1 ≤ FIRST ≤ LAST ≤ {count}",
            "change --frames",
        )
    return first, stop
