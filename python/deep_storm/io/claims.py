"""Work folders: marked as ours, and locked by one run at a time.

::

    NAME.running/
        deep-storm.json   the mark: that the folder is ours, of which kind, and of which run
        lock              who works there: host, process, its start, and a word of its own

What has no mark of ours is never changed or removed, whatever it is called. The lock is touched
twice a minute while its run lives, so that a run on another machine (or in another container),
whose processes nobody can look at from here, is told from one that ended without a word.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import socket
import threading
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deep_storm.errors import DeepStormError, OutputError
from deep_storm.io.disk_errors import output_error
from deep_storm.io.files import atomic_path, partial_name
from deep_storm.io.foreign import TROUBLE, read_text

MARK = "deep-storm.json"
LOCK = "lock"
BEAT_SECONDS = 30.0
_LONG = "is different"
SILENT_SECONDS = 300.0
"""A run elsewhere that has not touched its lock for so long is taken for dead."""


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
                _take_lock(folder / LOCK, claim._word)
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
            (partial / LOCK).write_text(_holder_text(self._word), encoding="utf-8")
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
        if _word_in(lock) != self._word:
            raise OutputError(
                f"another run has taken over {self.folder}",
                "a run that is not paused for minutes",
                "let the other run finish",
            )

    def _take_back(self, lock: Path) -> None:
        """Restore a lock that was removed; raise if the folder is gone."""
        try:
            _take_lock(lock, self._word)
        except OSError as error:
            raise output_error(self.folder, error) from error

    def release(self) -> None:
        """Unlock the folder."""
        self._ended.set()
        if _word_in(self.folder / LOCK) == self._word:
            (self.folder / LOCK).unlink(missing_ok=True)

    def remove(self, names: Iterable[str]) -> None:
        """Remove our files, and the folder if nothing else is in it.

        Parameters
        ----------
        names
            Names or patterns of the files of this kind of work.
        """
        self._ended.set()
        if _word_in(self.folder / LOCK) not in (self._word, ""):
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
                if _word_in(self.folder / LOCK) == self._word:
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

    What can be told in full stands first: it is the cause of what is long, such as a calibration.
    """
    return sorted(_differences(before, now, ""), key=lambda sentence: sentence.endswith(_LONG))


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


def _host() -> str:
    """Return the name of the machine with its container or process namespace."""
    try:
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:  # not Linux
        space = ""
    return f"{socket.gethostname()} {space}".strip()


def _holder_text(word: str) -> str:
    import psutil

    own = psutil.Process()
    about = {"host": _host(), "pid": own.pid, "started": own.create_time(), "word": word}
    return json.dumps(about) + "\n"


def _read_lock(path: Path) -> dict[str, Any]:
    try:
        holder = json.loads(read_text(path, OutputError, "a lock", max_bytes=10_000))
        return holder if isinstance(holder, dict) else {}
    except DeepStormError:
        return {}
    except TROUBLE:
        return {}


def _word_in(path: Path) -> str:
    return str(_read_lock(path).get("word", ""))


def _take_lock(path: Path, word: str) -> None:
    """Write the lock, unless a living run holds it.

    Raises
    ------
    OutputError
        Another run works there.
    """
    text = _holder_text(word)
    for _ in range(3):
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
            return
        except FileExistsError:
            _check_dead(path)
            path.unlink(missing_ok=True)
    raise OutputError(f"{path.parent} is in use", "an output that no other run is writing")


def _check_dead(path: Path) -> None:
    """Refuse to take a lock whose run is alive, or may be."""
    holder = _read_lock(path)
    if not holder:
        return  # its run ended while it wrote these few bytes
    pid, host = holder.get("pid"), str(holder.get("host", ""))
    wanted = "an output that no other run is writing"
    if host == _host():
        if _lives(pid, holder.get("started")):
            raise OutputError(
                f"{path.parent} is in use by process {pid}",
                wanted,
                "wait until it is finished, or choose another name",
            )
        return
    silent = _age_seconds(path)
    where = host.partition(" ")[0] or "another machine"
    if silent < SILENT_SECONDS:
        raise OutputError(
            f"{path.parent} is in use by process {pid} on {where}, which gave a sign of life "
            f"{max(silent, 0):.0f} s ago",
            wanted,
            f"wait until it is finished; if it is dead, try again in {SILENT_SECONDS / 60:.0f} min",
        )
    warnings.warn(
        f"the run of process {pid} on {where} has given no sign of life for "
        f"{silent / 60:.0f} min; its work in {path.parent} is taken over",
        stacklevel=2,
    )


def _lives(pid: object, started: object) -> bool:
    """Whether a process of this machine is alive; its number may have been reused."""
    import psutil

    if not (isinstance(pid, int) and isinstance(started, (int, float))):
        return False
    try:
        return abs(psutil.Process(pid).create_time() - started) < 1.0
    except (psutil.Error, ValueError, OverflowError):
        return False


def _age_seconds(path: Path) -> float:
    """Return the time since a file was touched, by the clock of its disk."""
    probe = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except OSError:
        return time.time() - path.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)
