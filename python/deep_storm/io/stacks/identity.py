"""Whether two stacks are the same, judged by content and not by name."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from deep_storm.errors import StackError
from deep_storm.io.stacks.stream import Frames, FrameStream

SAMPLED_FRAMES = 8
BLOCK_BYTES = 1 << 16


def identity_of(stream: FrameStream) -> dict[str, Any]:
    """Return the identity of a stack, in JSON's types: shape, dtype and some frames.

    Of a movie that grows only what will not change: the size of its frames, and the first one.

    Raises
    ------
    StackError
        Its first frame cannot be read.
    """
    count, height, width = stream.shape
    chosen = sorted({round(k) for k in np.linspace(0, count - 1, SAMPLED_FRAMES)})
    if stream.grows:
        count, chosen = 0, [0]
    return {
        "frames": count or "growing",
        "size_px": [height, width],
        "dtype": str(stream.dtype),
        "pixels": hashlib.sha256(b"".join(_digest_at(stream, k) for k in chosen)).hexdigest(),
    }


def _digest_at(stream: FrameStream, frame: int) -> bytes:
    try:
        return digests(stream.read(frame, frame + 1))[0]
    except StackError:
        if frame == 0:
            raise
        return b"damaged"  # which is reported when the work gets there


def file_identity(path: str | os.PathLike[str]) -> str:
    """Return the identity of a file: its size, and blocks all over it.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    size = Path(path).stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with Path(path).open("rb") as file:
        for start in sorted({int(k) for k in np.linspace(0, max(size - BLOCK_BYTES, 0), 64)}):
            file.seek(start)
            digest.update(file.read(BLOCK_BYTES))
    return digest.hexdigest()


def digests(frames: Frames) -> list[bytes]:
    """Return a checksum of each frame."""
    return [hashlib.sha256(np.ascontiguousarray(frame).data).digest()[:16] for frame in frames]


def chained(before: str, of_frames: list[bytes]) -> str:
    """Extend the checksum of all frames so far by further frames."""
    for one in of_frames:
        before = hashlib.sha256(before.encode() + one).hexdigest()
    return before


def times_of(stream: FrameStream) -> list[list[int]]:
    """Return size and modification time of a stack's files; nothing for a file that is gone."""
    found = []
    for file in stream.files:
        with suppress(OSError):
            about = file.stat()
            found.append([about.st_size, about.st_mtime_ns])
    return found
