"""How a run that failed ends: one sentence and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import threading
import traceback
from collections.abc import Sequence
from typing import Any

from deep_storm.cli import stops
from deep_storm.cli.codes import BROKEN_PIPE, OURS, STOPPED, USER
from deep_storm.cli.command import NAME
from deep_storm.errors import Cancelled, DeepStormError, was_interrupted
from deep_storm.interface.registry import NAMES, load
from deep_storm.visible import visible


def end(error: BaseException, *, debug: bool, verb: Sequence[str] = ()) -> int:
    """Print in one sentence why a run ended; return the exit code.

    Parameters
    ----------
    error
        What ended it.
    debug
        Whether to show the traceback.
    verb
        The verb that ran, if any (no word or one).
    """
    # what prints the help makes a SystemExit of a pipe that nobody reads
    if isinstance(error.__context__ if isinstance(error, SystemExit) else error, BrokenPipeError):
        # nobody reads any more; Python would complain again when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else OURS
    if debug and not was_interrupted(error):
        traceback.print_exception(type(error), error, error.__traceback__)
    sentence, code = explain(error, " ".join([NAME, *verb]))
    sentence = visible(sentence, keep_lines=True, limit=10_000)
    print(sentence, file=sys.stderr, flush=True)
    if code == STOPPED:
        _leave_threads_behind()
    return code


def explain(error: BaseException, command: str) -> tuple[str, int]:
    """Return the sentence for an error, and the exit code.

    Parameters
    ----------
    error
        What ended the run.
    command
        The command line as far as it is sure, to point at its help.
    """
    if was_interrupted(error):
        return "Stopped; no unfinished file was left behind.", STOPPED
    if isinstance(error, Cancelled):
        return f"Stopped: {error}", STOPPED
    if isinstance(error, DeepStormError):
        return f"{command}: {error}", USER
    if type(error).__module__.startswith("cyclopts"):
        return f"{command}: {_usage(error)} ({command} --help lists the options).", USER
    if isinstance(error, MemoryError):
        return f"{command}: out of memory; {_less_memory(command)}.", USER
    if isinstance(error, OSError) and error.errno in _SYSTEM:
        place = f" ({error.filename})" if error.filename else ""
        return f"{command}: {_SYSTEM[error.errno]}{place}.", USER
    return (
        f"{command}: a bug in Deep-STORM, {type(error).__name__}: {error}; "
        "please report it with what --debug shows.",
        OURS,
    )


def _less_memory(command: str) -> str:
    """Return advice for too little memory, naming only options that the verb has."""
    verb = [word for word in command.split() if word in NAMES]
    fields = load(verb[0]).fields if verb else {}
    options = [
        f"--{f.replace('_', '-')}" for f in ("chunk_frames", "tile_px", "batch") if f in fields
    ]
    smaller = f", or give a smaller {' or '.join(options)}" if options else ""
    return f"close other programs{smaller}"


_SYSTEM = {
    errno.ENOSPC: "the disk is full; free some space, or write somewhere else",
    errno.EFBIG: "a file would be larger than allowed; raise the limit (ulimit -f), or write to "
    "another disk",
    errno.EACCES: "no permission; choose a place that you may read and write",
    errno.EPERM: "no permission; choose a place that you may read and write",
    errno.EROFS: "this disk is read-only; write somewhere else",
    errno.ENOENT: "there is no such file or folder; check the spelling",
    errno.ENOTDIR: "there is a file where a folder is meant; check the path",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.EISDIR: "there is a folder where a file is meant; check the path",
}


def _usage(error: BaseException) -> str:
    """Return the parser's complaint as the start of a sentence."""
    text = " ".join(str(error).split()).rstrip(".")
    if type(error).__name__ == "UnusedCliTokensError":
        return f"unexpected: {' '.join(map(repr, getattr(error, 'unused_tokens', ())))}"
    if type(error).__name__ == "MissingArgumentError" and not _was_typed(error):
        return _missing(getattr(error, "argument", None), text)
    text = text.partition(" Available commands:")[0]
    command, _, rest = text.partition(" parameter ")
    if command.startswith("Command ") and rest:
        text = rest
    return text


def _was_typed(error: BaseException) -> bool:
    """Whether an option was typed without a value, rather than not typed at all."""
    tokens = getattr(getattr(error, "argument", None), "tokens", ())
    return getattr(error, "keyword", None) is not None or bool(tokens)


def _missing(argument: Any, complaint: str) -> str:
    """Name the missing argument and what it is, or the misspelt option that was meant for it."""
    misspelt = complaint.partition(" Did you mean ")[2]
    if misspelt:
        return f"{argument.name} is missing. Did you mean {misspelt}"
    return f"{argument.name} is missing; expected: {argument.parameter.help}"


def _leave_threads_behind() -> None:
    """End the process at once if a running thread would keep it alive.

    Everything that had to be cleaned up was, on the way out of the verb.
    """
    others = [t for t in threading.enumerate() if t is not threading.main_thread()]
    if any(not thread.daemon for thread in others):
        sys.stdout.flush()
        os._exit(stops.code())
