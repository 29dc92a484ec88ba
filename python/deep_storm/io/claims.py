"""Work folders: marked as ours, and locked by one run at a time (:mod:`deep_storm.io.locks`).

::

    NAME.running/
        deep-storm.json   the mark: that the folder is ours, of which kind, and of which run
        lock              who works there: host, process, its start, and a word of its own

What has no mark of ours is never changed or removed, whatever it is called.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deep_storm.errors import DeepStormError, OutputError
from deep_storm.io.disk_errors import output_error
from deep_storm.io.files import atomic_path, partial_name
from deep_storm.io.foreign import TROUBLE, read_text
from deep_storm.io.locks import holder_text, take_lock, word_in

MARK = "deep-storm.json"
LOCK = "lock"
BEAT_SECONDS = 30.0
_LONG, _LEARNT = "is different", ".calibration."


@dataclass
class Claim:
    """A folder that this run has locked.

    Attributes
    ----------
    folder
        The folder.
    identity
        Of the run that began the work there, in JSON's types.
    is_new
        Whether it was made just now.
    """

    folder: Path
    identity: dict[str, Any]
    is_new: bool
    _word: str = field(repr=False)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @classmethod
    def take(cls, folder: Path, kind: str, identity: Mapping[str, Any]) -> Claim:
        """Make and lock a folder, or lock an existing one of ours that no run uses.

        Parameters
        ----------
        folder
            The folder.
        kind
            What is kept there, such as ``reconstruction``.
        identity
            What makes two runs the same one, in JSON's types; of a folder that is there already,
            its own counts.

        Raises
        ------
        OutputError
            The folder is not ours, another run works there, or it cannot be written.
        """
        claim = cls(folder, json.loads(json.dumps(identity)), False, secrets.token_hex(8))
        try:
            if os.path.lexists(folder) or not claim._make(kind):
                claim.identity = read_mark(folder, kind)
                take_lock(folder / LOCK, claim._word)
        except OSError as error:
            raise output_error(folder, error) from error
        threading.Thread(target=claim._beat, name="deep-storm lock", daemon=True).start()
        return claim

    def _make(self, kind: str) -> bool:
        """Make the folder together with its mark and lock: it never exists without them.

        Returns
        -------
        False where another run has made it in the meantime.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        partial = partial_name(self.folder)
        try:
            partial.mkdir()
            self._write_mark(partial / MARK, kind)
            (partial / LOCK).write_text(holder_text(self._word), encoding="utf-8")
            partial.rename(self.folder)
            self.is_new = True
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY) or not self.folder.is_dir():
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return self.is_new

    def _write_mark(self, file: Path, kind: str) -> None:
        about = {"program": "deep-storm", "kind": kind, "identity": self.identity}
        file.write_text(json.dumps(about, indent=1), encoding="utf-8")

    def begin_anew(self, kind: str, identity: Mapping[str, Any], names: Iterable[str]) -> None:
        """Delete the work in the folder and note the identity of the next run."""
        self._unlink(names)
        self.identity = json.loads(json.dumps(identity))
        with atomic_path(self.folder / MARK, overwrite=True) as partial:
            self._write_mark(partial, kind)

    def check(self) -> None:
        """Check that no other run has taken the folder over meanwhile.

        Raises
        ------
        OutputError
            Another run has: this one was taken for dead, on a computer that slept for instance.
        """
        lock = self.folder / LOCK
        if not lock.exists():
            self._take_back(lock)
        if word_in(lock) != self._word:
            raise OutputError(
                f"another run has taken over {self.folder}",
                "a run that is not paused for minutes",
                "let the other run finish",
            )

    def _take_back(self, lock: Path) -> None:
        """Restore a lock that was removed; raise if the folder is gone."""
        try:
            take_lock(lock, self._word)
        except OSError as error:
            raise output_error(self.folder, error) from error

    def release(self) -> None:
        """Unlock the folder."""
        self._ended.set()
        if word_in(self.folder / LOCK) == self._word:
            (self.folder / LOCK).unlink(missing_ok=True)

    def remove(self, names: Iterable[str]) -> None:
        """Remove our files, and the folder if nothing else is in it.

        Parameters
        ----------
        names
            Names or patterns of the files of this kind of work.
        """
        self._ended.set()
        if word_in(self.folder / LOCK) not in (self._word, ""):
            return
        with contextlib.suppress(OSError):
            self._unlink([*names, MARK, LOCK])
            self.folder.rmdir()

    def _unlink(self, names: Iterable[str]) -> None:
        for name in names:
            for file in self.folder.glob(name):
                file.unlink(missing_ok=True)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):
                if word_in(self.folder / LOCK) == self._word:
                    os.utime(self.folder / LOCK)


def read_mark(folder: Path, kind: str) -> dict[str, Any]:
    """Return the identity of the run that a folder's work belongs to.

    Raises
    ------
    OutputError
        It has no mark of ours.
    """
    mark: Any = None
    with contextlib.suppress(DeepStormError, *TROUBLE):
        mark = json.loads(read_text(folder / MARK, OutputError, "a mark"))
    if not (isinstance(mark, dict) and mark.get("program") == "deep-storm"):
        raise OutputError(
            f"{folder} already exists and was not made by Deep-STORM (it has no {MARK})",
            "an unused name: work in progress is kept there",
            "choose another output, or move that folder away",
        )
    identity = mark.get("identity")
    if mark.get("kind") != kind or not isinstance(identity, dict):
        raise OutputError(
            f"{folder} keeps the work of a {mark.get('kind')}",
            f"that of a {kind}",
            "choose another output, or move that folder away",
        )
    return identity


def differences(before: Any, now: Any) -> list[str]:
    """Describe how two identities differ: ``camera.pixel_size_nm was 100, is 108 now``.

    What can be told in full stands first: it is the cause of what is long. A calibration, which
    follows from the other numbers, stands last.
    """

    def after(sentence: str) -> bool:
        return sentence.endswith(_LONG) or _LEARNT in sentence

    return sorted(_differences(before, now, ""), key=after)


def _differences(before: Any, now: Any, name: str) -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted({*before, *now})
        found = (_differences(before.get(k), now.get(k), f"{name}.{k}".strip(".")) for k in keys)
        return [sentence for one in found for sentence in one]
    if before == now:
        return []
    texts = [json.dumps(value) for value in (before, now)]
    if any(len(text) > 40 for text in texts):
        return [f"{name} {_LONG}"]
    return [f"{name} was {texts[0]} and is now {texts[1]}"]
