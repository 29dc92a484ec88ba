"""Where localizations wait until a reconstruction is finished: in memory, or in a work folder.

A work folder lets a movie of any length fit into memory, and lets a reconstruction go on after
Ctrl-C, a crash or a power cut::

    NAME.running/
        rows.bin          what was found, appended chunk by chunk
        checkpoint.npz    frames done, rows that count, image so far; replaced as a whole
        image-N.npy       the image of the checkpoint, when it is large
        lock              the process that works here

The file holds arrays and one JSON text, nothing that could be run as code.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from deep_storm.errors import OutputError
from deep_storm.extraction.candidates import Candidates, concatenated
from deep_storm.io.files import atomic_path, output_error
from deep_storm.io.mapped import band_rows, is_on_disk, let_go

Float32 = npt.NDArray[np.float32]
FORMAT = 1
EVERY_SECONDS = 10.0
SHARE_OF_TIME = 0.05
"""Checkpoints may take this share of the time: a large image is written less often."""
ROWS_AT_A_TIME = 1 << 18
ROW = np.dtype([("frame", "<i8")] + [(name, "<f4") for name in Candidates._fields[1:]])


class Store(ABC):
    """Keeps candidates in frame order."""

    count: int = 0
    """Candidates kept until now."""
    folder: Path | None
    """Where else something large may be kept."""

    @abstractmethod
    def append(self, found: Candidates) -> None:
        """Keep the candidates of later frames than those before."""

    @abstractmethod
    def pieces(self) -> Iterator[Candidates]:
        """Yield everything in order; a frame is never cut, and there is at least one piece."""

    def checkpoint(self, state: dict[str, Any], image: Float32, now: bool = False) -> None:  # noqa: B027 - memory has nothing to do
        """Note where the work could go on, if it is time (or ``now``)."""


class MemoryStore(Store):
    """Candidates in memory."""

    def __init__(self) -> None:
        self.folder = None
        self._found: list[Candidates] = []

    def append(self, found: Candidates) -> None:
        """Keep the candidates."""
        self._found.append(found)
        self.count += found.frame.size

    def pieces(self) -> Iterator[Candidates]:
        """Yield all in one piece."""
        yield concatenated(self._found)


@dataclass
class WorkFolder(Store):
    """Candidates in a file, with checkpoints; see the module's text.

    Attributes
    ----------
    folder
        The work folder; made when missing.
    identity
        What makes two reconstructions the same one, in JSON's types.
    resumed
        State and image of the checkpoint to go on from, or None to begin.
    watcher
        Is shown the image at every checkpoint.
    """

    folder: Path
    identity: dict[str, Any]
    resumed: tuple[dict[str, Any], Float32] | None = None
    count: int = 0
    watcher: Callable[[Float32], None] | None = field(default=None, repr=False)
    _due: float = field(default=0.0, repr=False)

    @classmethod
    def begin(
        cls, folder: Path, identity: dict[str, Any], resume: bool = False, overwrite: bool = False
    ) -> WorkFolder:
        """Take possession of a work folder.

        Parameters
        ----------
        folder, identity
            As above.
        resume
            Go on from its checkpoint.
        overwrite
            Whether the work of an interrupted run may be thrown away.

        Raises
        ------
        OutputError
            Another process works there; there is nothing to go on from, or it belongs to another
            run; interrupted work is there and neither ``resume`` nor ``overwrite`` was said; the
            folder cannot be written.
        """
        work = cls(folder, json.loads(json.dumps(identity)))
        if resume and not work.checkpoint_file.is_file():
            raise OutputError(
                f"{folder} has no checkpoint",
                "the work folder of an interrupted reconstruction",
                "leave --resume out to begin with the first frame",
            )
        if not (resume or overwrite) and work.checkpoint_file.is_file():
            raise OutputError(
                f"{folder} holds an interrupted reconstruction",
                "a new name, or to go on",
                "continue with --resume, or start again with --overwrite",
            )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _lock(folder / "lock")
        except OSError as error:
            with contextlib.suppress(OSError):
                work.release()
            raise output_error(folder, error) from error
        try:
            work._open(resume)
        except BaseException:
            work.release()
            raise
        return work

    @property
    def rows_file(self) -> Path:
        """The rows found."""
        return self.folder / "rows.bin"

    @property
    def checkpoint_file(self) -> Path:
        """The checkpoint."""
        return self.folder / "checkpoint.npz"

    def _open(self, resume: bool) -> None:
        if resume:
            self.resumed = self._read()
            self.count = int(self.resumed[0]["rows"])
        else:
            self.checkpoint_file.unlink(missing_ok=True)
        try:
            with self.rows_file.open("ab") as file:
                # Rows behind the last checkpoint are found again.
                file.truncate(self.count * ROW.itemsize)
        except OSError as error:
            raise output_error(self.rows_file, error) from error
        self._due = time.monotonic() + EVERY_SECONDS

    def append(self, found: Candidates) -> None:
        """Append the candidates to the file."""
        rows = np.empty(found.frame.size, ROW)
        for name, values in found._asdict().items():
            if values.size or not rows.size:
                rows[name] = values
            else:
                rows[name] = np.nan
        try:
            with self.rows_file.open("ab") as file:
                file.write(rows.tobytes())
        except OSError as error:
            raise output_error(self.rows_file, error) from error
        self.count += rows.size

    def checkpoint(self, state: dict[str, Any], image: Float32, now: bool = False) -> None:
        """Write the checkpoint beside its name and rename it when it is whole."""
        began = time.monotonic()
        if not now and began < self._due:
            return
        with contextlib.suppress(FileNotFoundError), self.rows_file.open("rb+") as file:
            os.fsync(file.fileno())
        said = {"format": FORMAT, "identity": self.identity, "state": {**state, "rows": self.count}}
        large = is_on_disk(image)
        said["image"] = name = f"image-{state['done']}.npy" if large else ""
        if large:
            with atomic_path(self.folder / name, overwrite=True) as part:
                _copy(image, part)
        with atomic_path(self.checkpoint_file, overwrite=True) as part, part.open("wb") as file:
            inside = np.empty(0, np.float32) if large else image
            np.savez(file, text=np.array(json.dumps(said)), image=inside)
        for older in self.folder.glob("image-*.npy"):
            if older.name != name:
                older.unlink(missing_ok=True)
        if self.watcher is not None:
            self.watcher(image)
        ended = time.monotonic()
        self._due = ended + max(EVERY_SECONDS, (ended - began) / SHARE_OF_TIME)

    def _read(self) -> tuple[dict[str, Any], Float32]:
        try:
            with self.checkpoint_file.open("rb") as opened, np.load(opened) as file:
                said, image = json.loads(str(file["text"])), file["image"]
            known, identity, state = said["format"], said["identity"], said["state"]
            if said.get("image"):
                # A name, never a path: it must lie in this folder.
                image = np.load(self.folder / Path(said["image"]).name, mmap_mode="r")
            whole = self.rows_file.stat().st_size >= state["rows"] * ROW.itemsize
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
            raise self._damaged(str(error)) from error
        if not whole:
            raise self._damaged("rows.bin is too short")
        differing = sorted(
            k for k in {*identity, *self.identity} if identity.get(k) != self.identity.get(k)
        )
        if known != FORMAT or differing:
            what = ", ".join(differing) if differing else f"format {known}"
            raise OutputError(
                f"{self.folder} holds a reconstruction with another {what}",
                "the stack, model and settings of the interrupted one",
                "repeat its command with --resume, or start again with --overwrite",
            )
        return state, image

    def _damaged(self, why: str) -> OutputError:
        return OutputError(
            f"{self.folder} is damaged ({why})",
            "the work folder of an interrupted reconstruction",
            "start again with --overwrite",
        )

    def pieces(self) -> Iterator[Candidates]:
        """Yield the rows of the file, about a quarter of a million at a time."""
        if not self.count:
            yield concatenated([])
            return
        rows = np.memmap(self.rows_file, ROW, "r", shape=(self.count,))
        start = 0
        while start < self.count:
            stop = min(start + ROWS_AT_A_TIME, self.count)
            if stop < self.count:
                before = np.searchsorted(rows["frame"][start:stop], rows["frame"][stop])
                # A frame with more rows than a piece makes the piece longer.
                after = np.searchsorted(rows["frame"][stop:], rows["frame"][stop], side="right")
                stop = start + int(before) if before else stop + int(after)
            yield _candidates(np.array(rows[start:stop]))
            start = stop

    def release(self) -> None:
        """Leave the folder as it is, for ``--resume``; without a checkpoint remove it."""
        (self.folder / "lock").unlink(missing_ok=True)
        if not self.checkpoint_file.is_file():
            self.remove()

    def remove(self) -> None:
        """Remove the folder: the results are written."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _copy(image: Float32, path: Path) -> None:
    """Copy a large image into a file piece by piece."""
    rows = band_rows(image)
    about = {"descr": "<f4", "fortran_order": False, "shape": image.shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, about)
        for top in range(0, len(image), rows):
            file.write(image[top : top + rows].astype("<f4", copy=False).data)
            let_go(image)


def _candidates(rows: npt.NDArray[Any]) -> Candidates:
    """Turn rows into columns; one that is NaN throughout was not stated."""
    nothing = np.empty(0, np.float32)
    columns: list[Any] = [np.ascontiguousarray(rows[name]) for name in Candidates._fields]
    stated: list[Any] = [nothing if v.size and np.isnan(v).all() else v for v in columns]
    return Candidates(*stated)


def _lock(path: Path) -> None:
    """Write our process into the lock, unless a living one holds it.

    Raises
    ------
    OutputError
        Another process works there.
    """
    own = psutil.Process()
    text = f"{own.pid} {own.create_time():.2f}\n"
    for _ in range(2):
        try:
            with path.open("x", encoding="ascii") as file:
                file.write(text)
            return
        except FileExistsError:
            holder = _holder(path)
            if holder is not None:
                raise OutputError(
                    f"{path.parent} is in use by process {holder}",
                    "an output that no other run is writing",
                    "wait until it is finished, or choose another name",
                ) from None
            path.unlink(missing_ok=True)
    raise OutputError(f"{path.parent} is in use", "an output that no other run is writing")


def _holder(path: Path) -> int | None:
    """Return the living process that wrote the lock, None when it is gone."""
    try:
        pid, created = path.read_text(encoding="ascii").split()
        process = psutil.Process(int(pid))
        # A process number may be given again after a crash.
        return int(pid) if abs(process.create_time() - float(created)) < 1.0 else None
    except (OSError, ValueError, psutil.Error):
        return None
