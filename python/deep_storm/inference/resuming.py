"""The state of an interrupted reconstruction: read from its checkpoint and checked."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.errors import OutputError, StackError
from deep_storm.inference.layout import Layout
from deep_storm.io.foreign import damage_as
from deep_storm.io.stacks.identity import chained, digests, times_of
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress


class OtherFramesError(OutputError):
    """The movie is not the one that was worked on: what is kept cannot be gone on with."""


class Resumed(NamedTuple):
    """What an interrupted run had done, with its own division of the work.

    ``bright`` counts very bright objects, ``content`` is a checksum of the frames, ``times`` are
    sizes and times of the stack's files.
    """

    done: int
    layout: Layout
    dead: list[int]
    replaced: int
    bright: int
    seconds: float
    network_seconds: float
    content: str
    times: list[list[int]]


def read_state(
    state: dict[str, Any],
    image: npt.NDArray[Any],
    stream: FrameStream,
    shape_px: tuple[int, ...],
    first: int,
    alignment_px: int,
    folder: object,
) -> Resumed:
    """Read the state of an interrupted run.

    Parameters
    ----------
    state, image
        The checkpoint: numbers, and the image so far.
    stream
        The frames.
    shape_px
        Of the image.
    first
        The first frame of the run.
    alignment_px
        What the edges of tiles are multiples of.
    folder
        The work folder, for errors.

    Raises
    ------
    OutputError
        The checkpoint makes no sense.
    """

    def damaged(reason: str) -> OutputError:
        return OutputError(
            f"{folder} is damaged ({reason})",
            "the work folder of an interrupted reconstruction",
            "start again with --overwrite",
        )

    with damage_as(damaged):
        found = Resumed(
            int(state["done"]),
            Layout.from_state(state),
            [int(frame) for frame in state["dead"]],
            int(state["replaced"]),
            int(state["bright"]),
            float(state["seconds"]),
            float(state["network_seconds"]),
            str(state["content"]),
            [[int(n) for n in pair] for pair in state["files"]],
        )
        if image.shape != shape_px or image.dtype != np.float32:
            raise ValueError(f"its image is {image.dtype} of shape {image.shape}")
        if not first <= found.done <= stream.available(found.done)[0]:
            raise ValueError(f"it has {found.done} frames done")
        found.layout.check(*stream.shape[1:], alignment_px)
    return found


def compare_content(
    resumed: Resumed, stream: FrameStream, first: int, folder: object, progress: Progress
) -> None:
    """Compare the frames that are done with the movie: a copy of it is accepted.

    Raises
    ------
    OtherFramesError
        They are not those that the interrupted run worked on.
    """
    span = (first, resumed.done, resumed.layout.chunk_frames)
    if content_of(stream, *span, progress) != resumed.content:
        raise OtherFramesError(
            f"{folder} keeps the work of another run: frames of {stream.name} are not those that "
            "were processed",
            "the stack of the interrupted one",
            "repeat its command with --resume, or start again with --overwrite",
        )


def content_of(stream: FrameStream, first: int, done: int, step: int, progress: Progress) -> str:
    """Return the checksum of frames, read again so many at a time."""
    content = ""
    for start in range(first, done, step):
        content = chained(content, digests(stream.read(start, min(start + step, done))))
        progress(start - first, done - first, "frames compared")
    return content


class Done(NamedTuple):
    """Frames that a run has done, at its end: from, to, so many at a time; what they were."""

    first: int
    end: int
    step: int
    content: str
    times: list[list[int]]


def compare_at_the_end(
    done: Done, unchecked: Resumed | None, stream: FrameStream, folder: object, progress: Progress
) -> None:
    """See that a movie is what was worked on: all of it, whatever was sampled at the beginning.

    Read again is what an interrupted run did, if nothing but samples was compared until now, and
    everything if the files were changed meanwhile. What cannot be read any more is left alone.

    Raises
    ------
    OtherFramesError
        It is another one.
    """
    with suppress(StackError):
        if times_of(stream) == done.times:
            if unchecked is not None:
                compare_content(unchecked, stream, done.first, folder, progress)
        elif content_of(stream, done.first, done.end, done.step, progress) != done.content:
            raise OtherFramesError(
                f"frames of {stream.name} were changed while it was reconstructed",
                "a movie that stays as it is, or with --watch one that is still being recorded",
                "start again with --overwrite when it is complete",
            )
