"""The state of an interrupted reconstruction: read from its checkpoint and checked."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.errors import OutputError
from deep_storm.inference.layout import Layout
from deep_storm.io.foreign import damage_as
from deep_storm.io.stacks.identity import chained, digests
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress


class Resumed(NamedTuple):
    """What an interrupted run had done, with its own division of the work.

    ``bright`` counts very bright things, ``content`` is a checksum of the frames, ``times`` are
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
            raise ValueError(f"it has done {found.done} frames")
        found.layout.check(*stream.shape[1:], alignment_px)
    return found


def compare_content(
    resumed: Resumed, stream: FrameStream, first: int, folder: object, progress: Progress
) -> None:
    """Compare the frames that are done with the movie: a copy of it is accepted.

    Raises
    ------
    OutputError
        They are not those that the interrupted run worked on.
    """
    content, done, step = "", resumed.done, resumed.layout.chunk_frames
    for start in range(first, done, step):
        raw = stream.read(start, min(start + step, done))
        content = chained(content, digests(raw))
        progress(start - first, done - first, "frames compared")
    if content != resumed.content:
        raise OutputError(
            f"{folder} keeps the work of another run: frames of "
            f"{stream.name} are others now than those that were worked on",
            "the stack of the interrupted one",
            "repeat its command with --resume, or start again with --overwrite",
        )
