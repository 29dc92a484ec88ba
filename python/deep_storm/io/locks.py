"""Locks: which run works in a folder.

A lock is touched twice a minute while its run lives, so that a run on another machine (or in
another container), whose processes nobody can look at from here, is told from one that ended
without a word.
"""

from __future__ import annotations

import json
import secrets
import socket
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from deep_storm.errors import DeepStormError, OutputError
from deep_storm.io.foreign import TROUBLE, read_text

SILENT_SECONDS = 300.0
"""A run elsewhere that has not touched its lock for so long is taken for dead."""


def own_host() -> str:
    """Return the name of the machine with its container or process namespace."""
    try:
        space = Path("/proc/self/ns/pid").readlink().name
    except OSError:  # not Linux
        space = ""
    return f"{socket.gethostname()} {space}".strip()


def holder_text(word: str) -> str:
    """Return what the lock of this process says."""
    import psutil

    own = psutil.Process()
    about = {"host": own_host(), "pid": own.pid, "started": own.create_time(), "word": word}
    return json.dumps(about) + "\n"


def _read_lock(path: Path) -> dict[str, Any]:
    holder: Any = None
    with suppress(DeepStormError, *TROUBLE):
        holder = json.loads(read_text(path, OutputError, "a lock", max_bytes=10_000))
    return holder if isinstance(holder, dict) else {}


def word_in(path: Path) -> str:
    """Return the word in a lock; empty where there is none."""
    return str(_read_lock(path).get("word", ""))


def take_lock(path: Path, word: str) -> None:
    """Write the lock, unless a living run holds it.

    Raises
    ------
    OutputError
        Another run works there.
    """
    text = holder_text(word)
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
    if host == own_host():
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
