"""Outputs that appear complete or not at all, and checksums.

Every output is written beside its final name and renamed when it is whole, so a crash, a full
disk or a cancelled run leaves neither half a file nor a damaged older one::

    with atomic_path("results/movie.csv") as partial:
        partial.write_text("...")
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deep_storm.errors import OutputError
from deep_storm.interrupts import held_back
from deep_storm.io.disk_errors import check_name, is_about, output_error
from deep_storm.io.guard import check_not_an_input
from deep_storm.words import in_a_row

SHORT_BYTES = 100
"""Of a name that every disk takes; encrypted ones may end at 143."""


def check_outputs(paths: Iterable[str | os.PathLike[str]], overwrite: bool = False) -> None:
    """Check that files can be written; nothing is created or changed.

    Parameters
    ----------
    paths
        Files that are going to be written.
    overwrite
        Whether existing files may be replaced.

    Raises
    ------
    OutputError
        A file exists already (all of them are named), is a folder or an input of the run under
        way, or cannot be written.
    """
    files = [Path(path) for path in paths]
    for path in files:
        check_name(path)
        check_not_an_input(path)
        if path.is_dir():
            raise OutputError(
                f"the output {path} is a folder", "a file name", "add a file name to the folder"
            )
    # A link whose drive is away is there, too: it would be replaced, and not what it leads to.
    existing = [str(path) for path in files if os.path.lexists(path)]
    if existing and not overwrite:
        verb = "exists" if len(existing) == 1 else "exist"
        raise OutputError(
            f"{in_a_row(existing)} {verb} already",
            "an output that does not exist yet",
            "choose another name or allow replacing it with --overwrite",
        )
    for parent in {path.parent for path in files}:
        _check_writable(parent)


@contextmanager
def atomic_path(path: str | os.PathLike[str], overwrite: bool = False) -> Iterator[Path]:
    """Write a file under a temporary name and rename it when it is complete.

    Parameters
    ----------
    path
        The final name; its folder is made when missing.
    overwrite
        Whether an existing file may be replaced.

    Yields
    ------
    A path in the same folder with the same suffix, to be written and closed inside the ``with``.

    Raises
    ------
    OutputError
        The file exists already or cannot be written (no space, no permission …). Whatever the
        reason for leaving the ``with`` early, the partial file is removed.
    """
    final = Path(path)
    check_outputs([final], overwrite)
    partial = partial_name(final)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        _flush(partial)
        check_outputs([final], overwrite)  # it may have come into being meanwhile
        partial.replace(final)
        _flush_folder(final.parent)
    except OSError as error:
        if is_about(error, partial, final):
            raise output_error(final, error) from error
        raise
    finally:
        with held_back():
            partial.unlink(missing_ok=True)


@contextmanager
def atomic_files(
    paths: Iterable[str | os.PathLike[str]],
    overwrite: bool = False,
    appeared: Callable[[list[Path]], None] = lambda done: None,
) -> Iterator[dict[Path, Path]]:
    """Write several files of a folder that appear together when all are complete.

    Parameters
    ----------
    paths
        The final names, in one folder; the last one appears last.
    overwrite
        Whether existing files may be replaced.
    appeared
        Called with those that appear, when all are there. Ctrl-C comes before or after that, so
        they are there if and only if this was called.

    Yields
    ------
    For each final name a path of the same name in a folder beside it, to be written and closed
    inside the ``with``; what is not written there does not appear.

    Raises
    ------
    OutputError
        A file exists already or cannot be written; then none of them is there or changed, unless
        the error says which.
    """
    finals = [Path(path) for path in paths]
    check_outputs(finals, overwrite)
    folder, stage = finals[0].parent, partial_name(finals[0])
    staged = {final: stage / final.name for final in finals}
    done: list[Path] = []
    try:
        stage.mkdir(parents=True)
        yield staged
        there = [final for final in finals if staged[final].exists()]
        for final in there:
            _flush(staged[final])
        check_outputs(there, overwrite)  # they may have come into being meanwhile
        with held_back():
            for final in there:
                staged[final].replace(final)
                done.append(final)
            appeared(done)
        _flush_folder(folder)
    except OutputError as error:  # of a writer: it knows the path that was given to it
        received = error.received.replace(str(stage), str(folder))
        raise OutputError(received, error.expected, error.advice) from error
    except OSError as error:
        if not is_about(error, stage, finals[0]) and error.filename is not None:
            raise
        problem = output_error(finals[len(done)] if len(done) < len(finals) else folder, error)
        if done:
            problem.advice += f"; {', '.join(map(str, done))} were written"
        raise OutputError(problem.received, problem.expected, problem.advice) from error
    finally:
        with held_back():
            shutil.rmtree(stage, ignore_errors=True)


@contextmanager
def atomic_folder(
    path: str | os.PathLike[str], overwrite: bool = False, *, marker: str
) -> Iterator[Path]:
    """Write a folder under a temporary name and rename it when it is complete.

    Parameters
    ----------
    path
        The final name; an existing empty folder of that name is used.
    overwrite
        Whether an existing folder may be replaced. Only one that holds ``marker`` is: a home
        folder given by mistake survives.
    marker
        Name of a file that every folder of this kind has, such as ``model.toml``.

    Yields
    ------
    An empty folder beside the final one, to be filled inside the ``with``.

    Raises
    ------
    OutputError
        The folder exists already, is something else, or cannot be written.
    """
    final = Path(path)
    check_folder(final, overwrite, marker)
    partial = partial_name(final)
    try:
        partial.mkdir(parents=True)
        yield partial
        for file in sorted(p for p in partial.rglob("*") if p.is_file()):
            _flush(file)
        check_folder(final, overwrite, marker)
        with held_back():
            _replace_folder(partial, final)
        _flush_folder(final.parent)
    except OSError as error:
        if is_about(error, partial, final):
            raise output_error(final, error) from error
        raise
    finally:
        with held_back():
            shutil.rmtree(partial, ignore_errors=True)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove the partial files or folders of an output whose writer was killed.

    Only for who alone writes this output: another living writer would lose its work.
    """
    final = Path(path)
    stem, ending = re.escape(f".{_short_stem(final)}."), re.escape(final.suffix)
    name = re.compile(stem + r"[0-9a-f]{8}\.part" + ending)
    for found in final.parent.glob(f".*.part{final.suffix}"):
        if name.fullmatch(found.name):
            if found.is_dir():
                shutil.rmtree(found, ignore_errors=True)
            else:
                found.unlink(missing_ok=True)


def sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 checksum of a file as 64 hexadecimal digits.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _check_writable(folder: Path) -> None:
    """Check that a file can be created in a folder, or in the parent that it will be made in."""
    try:
        there = next((p for p in (folder, *folder.parents) if p.exists()), folder)
        # A file without a name where the system has such; os.access knows no network disks.
        with tempfile.TemporaryFile(dir=there, prefix=".", suffix=".part"):
            pass
    except OSError as error:
        raise output_error(folder, error) from error


def check_folder(path: str | os.PathLike[str], overwrite: bool, marker: str) -> None:
    """Check that a folder can be written as :func:`atomic_folder` does; nothing is changed.

    Raises
    ------
    OutputError
        The folder exists already, is something else or an input of the run under way, or cannot
        be written.
    """
    final = Path(path)
    check_not_an_input(final)
    if final.exists() and not final.is_dir():
        raise OutputError(f"the output {final} is a file", "a folder", "choose another name")
    if final.is_dir() and any(final.iterdir()):
        if not overwrite:
            raise OutputError(
                f"the folder {final} exists already",
                "a folder that does not exist yet",
                "choose another name or allow replacing it with --overwrite",
            )
        if not (final / marker).is_file():
            raise OutputError(
                f"the folder {final} holds other files (no {marker})",
                f"an empty folder or one with a {marker}",
                "choose another folder; this one is not replaced",
            )
    _check_writable(final.parent)


def _replace_folder(partial: Path, final: Path) -> None:
    """Rename ``partial`` to ``final``; an older ``final`` is deleted only afterwards."""
    if not final.exists():
        partial.replace(final)
        return
    older = partial_name(final)
    final.replace(older)
    try:
        partial.replace(final)
    except OSError:
        older.replace(final)
        raise
    shutil.rmtree(older, ignore_errors=True)


def partial_name(final: Path) -> Path:
    """Return a temporary name in the same folder with the same suffix, which writers look at.

    It is no longer than the final one where that is long: what the disk takes, it takes.
    """
    name = f".{_short_stem(final)}.{secrets.token_hex(4)}.part{final.suffix}"
    return final.with_name(name)


def _short_stem(final: Path) -> str:
    """Return the beginning of a stem that leaves room for what is added to it."""
    room = max(len(os.fsencode(final.name)), SHORT_BYTES) - len(os.fsencode(final.suffix)) - 15
    stem = final.stem
    while len(os.fsencode(stem)) > max(room, 1):
        stem = stem[:-1]
    return stem


def _flush(path: Path) -> None:
    """Flush a file to the disk, so that a rename never publishes an incomplete one."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Flush a rename to the disk, where the system can open folders (not on Windows)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network disks cannot
            raise
    finally:
        os.close(descriptor)
