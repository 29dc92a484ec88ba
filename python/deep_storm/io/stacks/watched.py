"""A movie that is still being written: one growing TIFF, or a folder with one TIFF per chunk.

The microscope's program appends; we look again and again and hand out frames as soon as they are
whole. The files of a folder are one movie in the order of their names (2 before 10); a file is
finished when the next one has begun. The movie ends

- when a file with the name of the end marker lies beside it,
- when nothing has grown for some time, or
- when :meth:`WatchedFrames.stop` is called.

While its network drive is away a movie has not ended: it is waited for as reads wait for a file
(:mod:`deep_storm.io.stacks.open_file`), with a sentence.
"""

from __future__ import annotations

import errno
import os
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from deep_storm.errors import StackError
from deep_storm.io.foreign import reason_of
from deep_storm.io.stacks import open_file
from deep_storm.io.stacks.growing import GrowingTiff
from deep_storm.io.stacks.stream import Frames, FrameStream, check_dtype

POLL_SECONDS = 0.2
ENDINGS = (".tif", ".tiff")


class WatchedFrames(FrameStream):
    """A growing movie; :attr:`shape` counts the frames that are there now.

    Parameters
    ----------
    path
        A TIFF, or a folder of them.
    quiet_seconds
        Time without news after which the movie is finished.
    end_marker
        Name of a file (``*`` and ``?`` as in a shell) that says so at once.
    progress
        Called while there is no frame yet; raises to stop.

    Attributes
    ----------
    notes
        What should be said about it at the end.

    Raises
    ------
    StackError
        No frame came in time, the files are no movie, or their drive did not come back.
    """

    grows = True

    def __init__(
        self,
        path: Path | str,
        quiet_seconds: float = 60.0,
        end_marker: str = "*.end",
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self.path = Path(path)
        self.name = self.path.name
        self.notes: list[str] = []
        self._quiet_seconds = quiet_seconds
        self._end_marker = end_marker
        self._files: list[GrowingTiff] = []
        self._ended = False
        self._news = time.monotonic()
        self._bytes = -1
        self._away_since: float | None = None
        self.shape = (0, 0, 0)
        self._look()
        while not self.shape[0]:
            if self._ended:
                raise self._nothing_came()
            progress()
            time.sleep(POLL_SECONDS)
            self._look()

    def available(self, wanted: int) -> tuple[int, bool]:
        """Return the number of frames and whether it is final; waits a moment."""
        if self.shape[0] < wanted and not self._ended:
            self._look()
            if self.shape[0] < wanted and not self._ended:
                time.sleep(POLL_SECONDS)
        return self.shape[0], self._ended

    def end(self, last: int) -> int:
        """Return the number of frames that are there."""
        del last
        return self.shape[0]

    def stop(self) -> None:
        """Accept no more frames than there are now."""
        self._ended = True

    @property
    def files(self) -> tuple[Path, ...]:  # type: ignore[override]
        """The files so far."""
        return tuple(file.path for file in self._files)

    def _look(self) -> None:
        """Look for new frames and for the end; frames before its marker are not missed."""
        listed = self._listed()
        if listed is None:
            return
        paths, marked = listed
        size = 0
        for path in paths[max(len(self._files) - 1, 0) :]:
            if not self._files or self._files[-1].path != path:
                if self._files and not self._files[-1].is_whole:
                    break  # its last frames are still on their way
                self._files.append(GrowingTiff(path))
            size += self._files[-1].look(again=marked)
            if not self._files[-1].count:
                break
        self._check_alike()
        count = sum(file.count for file in self._files)
        if count > self.shape[0] or size != self._bytes:
            self._news, self._bytes = time.monotonic(), size
        if count:
            first = self._files[0]
            self.dtype = first.dtype
            self.pixel_size_nm = first.pixel_size_nm
            self.camera_said = first.camera_said
            self.shape = (count, *first.frame_shape)
        if marked or time.monotonic() - self._news > self._quiet_seconds:
            self._finish(paths)

    def _listed(self) -> tuple[list[Path], bool] | None:
        """Return the files, and whether the end is marked; None while the drive is away."""
        try:
            marked, paths = self._is_marked(), self._paths()
            # The folder in which a drive was mounted is empty without it, or is gone.
            if self._files and not {file.path for file in self._files} & set(paths):
                raise OSError(errno.ENODEV, os.strerror(errno.ENODEV), str(self.path))
        except OSError as error:
            self._wait_for_drive(error)
            return None
        if self._away_since is not None:
            self._away_since, self._news = None, time.monotonic()
        return paths, marked

    def _wait_for_drive(self, error: OSError) -> None:
        """Say once that the drive is away.

        Raises
        ------
        StackError
            It has been away for too long, or it is not the drive.
        """
        now, limit = time.monotonic(), sum(open_file.WAITS_SECONDS)
        is_away = open_file.is_away(error)
        if is_away and self._away_since is None:
            self._away_since = now
            warnings.warn(
                f"{self.name} cannot be read just now ({error.strerror}); waiting up to "
                f"{limit:.0f} s for its drive",
                stacklevel=4,
            )
        if not is_away or now - (self._away_since or now) >= limit:
            raise StackError(
                f"{self.path} cannot be read: {reason_of(error)}",
                "a folder or file that stays in place while it is watched",
                "bring the drive back" if is_away else "look at the disk",
            ) from error

    def _finish(self, paths: list[Path]) -> None:
        self._ended = True
        last = self._files[-1] if self._files else None
        unused = paths[len(self._files) :]
        if last is not None and unused:
            raise StackError(
                f"{last.path.name} ends within frame {last.count + 1}, "
                f"but {unused[0].name} follows",
                "whole files, one after the other",
                "copy the file again",
            )
        if last is not None and not last.is_whole:
            self.notes.append(
                f"{last.path.name} ends within frame {last.count + 1}; that frame was left out"
            )

    def _paths(self) -> list[Path]:
        """Return the files sorted by name, with numbers by value."""
        if not self.path.is_dir():
            return [self.path] if self.path.is_file() else []
        found = [
            p for p in self.path.iterdir()
            if p.suffix.lower() in ENDINGS and not p.name.startswith(".") and p.is_file()
        ]  # fmt: skip
        return sorted(found, key=lambda p: _natural(p.name))

    def _is_marked(self) -> bool:
        folder = self.path if self.path.is_dir() else self.path.parent
        return any(folder.glob(self._end_marker)) if folder.is_dir() else False

    def _check_alike(self) -> None:
        """Refuse files that cannot belong to one movie."""
        made = [file for file in self._files if file.count]
        if made:
            check_dtype(made[0].dtype, made[0].path.name)
        for file in made[1:]:
            if (file.frame_shape, file.dtype) != (made[0].frame_shape, made[0].dtype):
                shapes = [" × ".join(map(str, f.frame_shape[::-1])) for f in (file, made[0])]
                raise StackError(
                    f"{file.path.name} has frames of {shapes[0]} px ({file.dtype}), "
                    f"{made[0].path.name} of {shapes[1]} px ({made[0].dtype})",
                    "the files of one movie",
                    "move the other files elsewhere",
                )

    def _nothing_came(self) -> StackError:
        return StackError(
            f"no frame arrived in {self.path} within {self._quiet_seconds:g} s",
            "a TIFF that is being written, or a folder with such files",
            "start the acquisition first, or give a longer --quiet-seconds",
        )

    def _read(self, start: int, stop: int) -> Frames:
        pieces: list[Frames] = []
        before = 0
        for file in self._files:
            first, last = max(start - before, 0), min(stop - before, file.count)
            if first < last:
                pieces.append(file.read(first, last))
            before += file.count
        if not pieces:
            return np.empty((0, *self.shape[1:]), self.dtype)
        return np.concatenate(pieces)


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a sorting key by which 2 precedes 10."""
    return [(int(part or -1), "") if part.isdigit() else (-1, part.lower())
            for part in re.split(r"(\d+)", name)]  # fmt: skip
