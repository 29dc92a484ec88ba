"""The work folder: localizations and checkpoints of a reconstruction in progress.

A work folder lets a movie of any length fit into memory, and lets a reconstruction go on after
Ctrl-C, a crash or a power cut::

    NAME.running/
        rows.bin          what was found, appended chunk by chunk
        checkpoint.npz    frames done, rows that count, image so far; replaced as a whole
        image-N.npy       the image of the checkpoint, when it is large
        deep-storm.json   that the folder is ours, and of which run (:mod:`deep_storm.io.claims`)
        lock              the process that works here

The files hold arrays and JSON, nothing that could be run as code, and checksums of all of it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.errors import OutputError
from deep_storm.extraction.candidates import Candidates, concatenated
from deep_storm.inference.store import Store
from deep_storm.interrupts import held_back
from deep_storm.io.arrays import read_arrays
from deep_storm.io.claims import Claim, differences
from deep_storm.io.disk_errors import output_error
from deep_storm.io.files import atomic_path
from deep_storm.io.foreign import check_regular, damage_as
from deep_storm.io.mapped import band_rows, is_on_disk, let_go

Float32 = npt.NDArray[np.float32]
FORMAT = 2
KIND = "reconstruction"
CHECKPOINT = "checkpoint.npz"
FILES = ("rows.bin", CHECKPOINT, "image-*.npy", ".*.part.np?")
EVERY_SECONDS = 10.0
SHARE_OF_TIME = 0.05
"""Checkpoints may take this share of the time: a large image is written less often."""
CHECK_SECONDS = 1.0
"""Whether the folder is still ours is looked at so often, at most."""
ROWS_AT_A_TIME = 1 << 16
_BLOCK_BYTES = 1 << 22
ROW = np.dtype([("frame", "<i8")] + [(name, "<f4") for name in Candidates._fields[1:]])


@dataclass
class WorkFolder(Store):
    """Candidates in a file, with checkpoints; see the module's text.

    Attributes
    ----------
    folder
        The work folder; made when missing.
    identity
        What makes two reconstructions the same one, in JSON's types.
    claim
        That nobody else works there.
    resumed
        State and image of the checkpoint to go on from, or None to begin.
    watcher
        Is shown the image at every checkpoint.
    """

    folder: Path
    identity: dict[str, Any]
    claim: Claim = field(repr=False)
    resumed: tuple[dict[str, Any], Float32] | None = None
    count: int = 0
    watcher: Callable[[Float32], None] | None = field(default=None, repr=False)
    _crc: int = field(default=0, repr=False)
    _finished: tuple[dict[str, Any], Float32] | None = field(default=None, repr=False)
    _kept: bool = field(default=False, repr=False)
    _due: float = field(default=0.0, repr=False)
    _checked: float = field(default=0.0, repr=False)

    @classmethod
    def begin(
        cls, folder: Path, identity: dict[str, Any], resume: bool = False, overwrite: bool = False
    ) -> WorkFolder:
        """Open a work folder and lock it.

        Parameters
        ----------
        folder, identity
            As above.
        resume
            Go on from its checkpoint; where there is none yet, begin.
        overwrite
            Whether the work of an interrupted run may be thrown away.

        Raises
        ------
        OutputError
            The folder is not ours; another process works there; its checkpoint is damaged or
            belongs to another run; interrupted work is there and neither ``resume`` nor
            ``overwrite`` was said; the folder cannot be written.
        """
        claim = Claim.take(folder, KIND, identity)
        work = cls(folder, json.loads(json.dumps(identity)), claim)
        try:
            work._open(resume, overwrite)
        except BaseException:
            work.release()
            raise
        return work

    @property
    def rows_file(self) -> Path:
        """File of the candidates."""
        return self.folder / "rows.bin"

    @property
    def checkpoint_file(self) -> Path:
        """File of the checkpoint."""
        return self.folder / CHECKPOINT

    def _open(self, resume: bool, overwrite: bool) -> None:
        there = self.checkpoint_file.is_file()
        if there and not (resume or overwrite):
            raise OutputError(
                f"{self.folder} holds an interrupted reconstruction",
                "a new name, or --resume",
                "continue with --resume, or start again with --overwrite",
            )
        if there and resume:
            self.resumed = self._read()
            self.count = self.resumed[0]["rows"]
            self._crc = self.resumed[0]["rows_crc"]
        elif not self.claim.is_new:
            self.claim.begin_anew(KIND, self.identity, FILES)
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
        if abs(time.time() - self._checked) > CHECK_SECONDS:  # the clock that goes on in sleep
            self.claim.check()
            self._checked = time.time()
        raw = rows.tobytes()
        try:
            with self.rows_file.open("ab") as file:
                file.write(raw)
        except OSError as error:
            raise output_error(self.rows_file, error) from error
        self.count += rows.size
        self._crc = zlib.crc32(raw, self._crc)

    def _rows_on_disk(self) -> None:
        """Wait until all rows are on the disk; there is no file before the first one."""
        try:
            with contextlib.suppress(FileNotFoundError), self.rows_file.open("rb+") as file:
                os.fsync(file.fileno())
        except OSError as error:
            raise output_error(self.rows_file, error) from error

    def checkpoint(self, state: dict[str, Any], image: Float32, now: bool = False) -> None:
        """Write the checkpoint under another name, and rename it when it is complete."""
        began = time.monotonic()
        if not now and began < self._due:
            return
        self._rows_on_disk()
        self.claim.check()
        about = {**state, "rows": self.count, "rows_crc": self._crc}
        said: dict[str, Any] = {"format": FORMAT, "identity": self.identity, "state": about}
        large = is_on_disk(image)
        said["image"] = name = f"image-{state['done']}.npy" if large else ""
        if large:
            with atomic_path(self.folder / name, overwrite=True) as part:
                said["image_crc"] = _copy(image, part)
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
        size = check_regular(self.checkpoint_file, OutputError, "a checkpoint")
        # The text has four bytes a letter.
        arrays = read_arrays(self.checkpoint_file, self._damaged, 2 * size + (1 << 20))
        with damage_as(self._damaged):
            said, image = json.loads(str(arrays["text"])), arrays["image"]
            if said["format"] != FORMAT:
                raise ValueError(f"it has the format {said['format']}, not {FORMAT}")
            identity, state = dict(said["identity"]), dict(said["state"])
            if said["image"]:
                image = self._large_image(str(said["image"]), int(said["image_crc"]))
            state |= {key: int(state[key]) for key in ("rows", "rows_crc")}
            self._check_rows(state["rows"], state["rows_crc"])
        if found := differences(identity, self.identity):
            raise OutputError(
                f"{self.folder} keeps the work of another run: {'; '.join(found[:3])}",
                "the stack, model and settings of the interrupted one",
                "repeat its command with --resume, or start again with --overwrite",
            )
        return state, image

    def _large_image(self, name: str, crc: int) -> Float32:
        if not re.fullmatch(r"image-\d{1,18}\.npy", name):
            raise ValueError(f"its image is called {name!r}")
        file = self.folder / name
        check_regular(file, OutputError, "the image of the checkpoint")
        if _crc_of(file) != crc:
            raise ValueError(f"the checksum of {name} differs")
        image: Float32 = np.load(file, mmap_mode="r")
        return image

    def _check_rows(self, count: int, crc: int) -> None:
        size = check_regular(self.rows_file, OutputError, "the rows of the checkpoint")
        if count < 0 or size < count * ROW.itemsize:
            raise ValueError("rows.bin is too short")
        if _crc_of(self.rows_file, count * ROW.itemsize) != crc:
            raise ValueError("the checksum of rows.bin differs")

    def _damaged(self, why: str) -> OutputError:
        return OutputError(
            f"{self.folder} is damaged ({why})",
            "the work folder of an interrupted reconstruction",
            "start again with --overwrite",
        )

    def pieces(self) -> Iterator[Candidates]:
        """Yield the rows of the file, some ten thousand at a time."""
        if not self.count:
            yield concatenated([])
            return
        with self.rows_file.open("rb") as file:
            left, begun = self.count, np.empty(0, ROW)
            while left or begun.size:
                # Read, not mapped: what is mapped counts as this process's memory.
                read = np.fromfile(file, ROW, min(ROWS_AT_A_TIME, left))
                if left and not read.size:
                    raise self._damaged("rows.bin is too short")
                left -= read.size
                rows = np.concatenate([begun, read])
                # A frame with more rows than a piece makes the piece longer.
                whole = rows.size
                if left:
                    whole = int(np.searchsorted(rows["frame"], rows["frame"][-1]))
                begun = rows[whole:]
                if whole:
                    yield _candidates(rows[:whole])

    @property
    def finished(self) -> bool:
        """Whether all frames are done, as :meth:`finish` noted."""
        return self._finished is not None

    def finish(self, state: dict[str, Any], image: Float32) -> None:
        """Keep the state that :meth:`keep` writes if the results cannot be written."""
        self._finished, self._kept = (state, image), False

    def keep(self) -> bool:
        """Write the checkpoint of finished work; return whether there is one now."""
        with held_back():
            if self._finished is not None and not self._kept:
                with contextlib.suppress(OutputError, OSError):
                    self.checkpoint(*self._finished, now=True)
                    self._kept = True
            return self.checkpoint_file.is_file()

    def release(self) -> None:
        """Unlock the folder and keep it for ``--resume``; without a checkpoint remove it."""
        with held_back():
            if self.keep():
                self.claim.release()
            else:
                self.remove()

    def remove(self) -> None:
        """Remove the folder, as the results are written; files of others in it stay."""
        with held_back():
            self._finished = None
            self.claim.remove(FILES)


def _copy(image: Float32, path: Path) -> int:
    """Copy a large image into a file piece by piece; return the file's checksum."""
    rows = band_rows(image)
    header = io.BytesIO()
    about = {"descr": "<f4", "fortran_order": False, "shape": image.shape}
    np.lib.format.write_array_header_1_0(header, about)
    crc = zlib.crc32(header.getvalue())
    with path.open("wb") as file:
        file.write(header.getvalue())
        for top in range(0, len(image), rows):
            band = image[top : top + rows].astype("<f4", copy=False).data
            file.write(band)
            crc = zlib.crc32(band, crc)
            let_go(image)
    return crc


def _crc_of(path: Path, size: int | None = None) -> int:
    """Return the checksum of a file, or of its first bytes."""
    crc, left = 0, path.stat().st_size if size is None else size
    with path.open("rb") as file:
        while left > 0 and (block := file.read(min(_BLOCK_BYTES, left))):
            crc, left = zlib.crc32(block, crc), left - len(block)
    return crc


def _candidates(rows: npt.NDArray[Any]) -> Candidates:
    """Turn rows into columns; a column of NaN alone is left empty."""
    nothing = np.empty(0, np.float32)
    columns: list[Any] = [np.ascontiguousarray(rows[name]) for name in Candidates._fields]
    stated: list[Any] = [nothing if v.size and np.isnan(v).all() else v for v in columns]
    return Candidates(*stated)
