"""Shared memory and a temporary folder for one request to the worker.

See :mod:`deep_storm.fiji.exchange` for what lies where.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deep_storm.errors import DeepStormError, StackError
from deep_storm.fiji.exchange import (
    CONTROL_WORDS,
    FAILED,
    MIN_BLOCK_BYTES,
    TICKET,
    Request,
    error_as_bytes,
    write_frame_table,
)
from deep_storm.fiji.folders import request_folder

if TYPE_CHECKING:
    from deep_storm.fiji.client.work import Work
    from deep_storm.fiji.imagej.images import ImageFrames

BLOCK_BYTES = 8 * 2**20
"""Read in well below half a second, also from a network drive: the status bar waits for it."""


class Memory:
    """The shared memory of a request: control words and a block for frames."""

    def __init__(self, block_bytes: int) -> None:
        from appose import NDArray

        self.control_shared = NDArray("int64", [CONTROL_WORDS])
        self.control: npt.NDArray[np.int64] = self.control_shared.ndarray()
        self.control[:] = 0
        self.shared = None
        self.block: npt.NDArray[np.uint8] | None = None
        if block_bytes:
            _check_shared_memory(block_bytes)
            self.shared = NDArray("uint8", [block_bytes])
            self.block = self.shared.ndarray()

    def fill(self, frames: ImageFrames | None, ticket: int, start: int, stop: int) -> None:
        """Copy frames, or an error, into the block and notify the worker."""
        block = self.block
        if frames is None or block is None:
            raise RuntimeError("the worker asks for frames of a request without any")
        _, height, width = frames.shape
        size = (stop - start) * height * width * frames.dtype.itemsize
        target = block[:size].view(frames.dtype).reshape(stop - start, height, width)
        try:
            frames.read_into(start, stop, target)
        except DeepStormError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - Java's, of any kind: the worker must not wait
            self._fail(StackError(f"{frames.name!r} cannot be read: {error}"))
        self.control[TICKET] = ticket

    def _fail(self, error: DeepStormError) -> None:
        text = np.frombuffer(error_as_bytes(error), dtype=np.uint8)
        if self.block is not None:
            self.block[: len(text)] = text
        self.control[FAILED] = 1

    def release(self) -> None:
        """Release the memory."""
        control, block = self.control_shared, self.shared
        del self.control, self.block
        for shared in (control, block):
            if shared is not None:
                with contextlib.suppress(BufferError):
                    shared.shm.close()
                shared.shm.unlink()


def _check_shared_memory(needed: int) -> None:
    """Raise if shared memory is missing; writing into it would kill the process."""
    folder = Path("/dev/shm")
    if folder.is_dir() and shutil.disk_usage(folder).free < needed + 2**20:
        raise StackError(
            f"the shared memory {folder} has {shutil.disk_usage(folder).free / 2**20:.0f} MB free",
            f"{needed / 2**20:.0f} MB for a chunk of frames",
            "close other programs, or make it larger (in Docker: --shm-size=1g)",
        )


@contextlib.contextmanager
def exchange(work: Work) -> Iterator[tuple[Request, Memory]]:
    """Provide request, folder and memory; all are removed at the end."""
    about, block_bytes = None, 0
    if work.frames is not None:
        frames = work.frames
        one = frames.shape[1] * frames.shape[2] * frames.dtype.itemsize
        count = max(1, min(frames.shape[0], BLOCK_BYTES // one))
        block_bytes = max(count * one, MIN_BLOCK_BYTES)
        about = {
            "shape": frames.shape,
            "dtype": frames.dtype.str,
            "pixel_size_nm": frames.pixel_size_nm,
            "name": frames.name,
            "file": frames.file,
            "corner_px": (frames.rectangle.top, frames.rectangle.left),
            "frames_in_block": count,
        }
    folder = request_folder()
    memory = Memory(block_bytes)
    try:
        tables = {
            name: write_frame_table(folder / f"{name}.in", table)
            for name, table in work.tables.items()
        }
        request = Request(
            verb=work.verb,
            options=work.options,
            tables=tables,
            frames_as=work.frames_as,
            frames=about,  # type: ignore[typeddict-item]
            folder=str(folder),
            tensorflow=work.tensorflow,
        )
        yield request, memory
    finally:
        memory.release()
        shutil.rmtree(folder, ignore_errors=True)
