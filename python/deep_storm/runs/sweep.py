"""Several stacks one after another: a failure ends only its own stack, and is reported last."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.errors import (
    Cancelled,
    DeepStormError,
    OutputError,
    SettingsError,
    StackError,
)
from deep_storm.interface.declaration import Shown
from deep_storm.io.guard import clash_with_input, reading
from deep_storm.io.outputs import stack_stem
from deep_storm.progress import Progress
from deep_storm.runs.files import outputs_of
from deep_storm.words import WARNING, counted

if TYPE_CHECKING:
    from deep_storm.runs.result import ReconstructResult

ONE_MOVIE = (
    "Frames of one movie should be saved as one TIFF (Fiji: File > Import > Image Sequence..., "
    "then File > Save As): the frames before and after each one then help to find its molecules"
)


@dataclass(frozen=True)
class Swept:
    """Outcome of one stack.

    Attributes
    ----------
    stack, output
        The file, and the name of its results without ending.
    state
        ``done``, ``failed``, ``stopped`` or ``already done``.
    frames, localizations, seconds
        Of the result, as far as there is one.
    problem
        Why it failed, or what is kept of it.
    written
        Files.
    """

    stack: Path
    output: Path
    state: str
    frames: int = 0
    localizations: int = 0
    seconds: float = 0.0
    problem: str = ""
    written: tuple[Path, ...] = ()

    def line(self) -> str:
        """Describe it in one line."""
        if self.state == "failed":
            return f"{self.stack}: failed: {self.problem}"
        if self.state == "already done":
            return f"{self.stack}: already done, {self.localizations} in {self.output}.csv"
        if self.state == "stopped" and self.problem:
            return f"{self.stack}: stopped: {self.problem}"
        found = f"{counted(self.localizations, 'localization')} in {counted(self.frames, 'frame')}"
        said = f"{found}, {self.seconds:.1f} s"
        return f"{self.stack}: {said}" + (" (stopped)" if self.state == "stopped" else "")


@dataclass(frozen=True, repr=False)
class SweepResult(Shown):
    """Outcome of several stacks; tables and images are in their files."""

    stacks: tuple[Swept, ...]
    missing: int = 0

    @property
    def written(self) -> tuple[Path, ...]:
        """All files."""
        return tuple(path for swept in self.stacks for path in swept.written)

    @property
    def failed(self) -> tuple[Swept, ...]:
        """Stacks that failed; the command line then ends with exit code 2."""
        return tuple(swept for swept in self.stacks if swept.state == "failed")

    @property
    def complete(self) -> bool:
        """Whether it was not stopped."""
        return not self.missing and all(swept.state != "stopped" for swept in self.stacks)

    def summary(self) -> str:
        """Return a line for each stack, and the sum."""
        whole = [s for s in self.stacks if s.state in ("done", "already done")]
        found = sum(swept.localizations for swept in self.stacks)
        frames = sum(swept.frames for swept in self.stacks)
        total = len(self.stacks) + self.missing
        lines = [swept.line() for swept in self.stacks]
        lines.append(
            f"{len(whole)} of {counted(total, 'stack')} done, {len(self.failed)} failed: "
            f"{counted(found, 'localization')} in {counted(frames, 'frame')}"
        )
        if len(whole) > 1 and all(swept.frames == 1 for swept in whole):
            lines.append(f"{WARNING}each stack has a single frame. {ONE_MOVIE}")
        if self.failed or not self.complete:
            lines.append("The same command with --resume processes the others and keeps these.")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain data."""
        return {
            "stacks": [
                {
                    "stack": str(swept.stack),
                    "output": str(swept.output),
                    "state": swept.state,
                    "frames": swept.frames,
                    "localizations": swept.localizations,
                    "seconds": swept.seconds,
                    "problem": swept.problem,
                }
                for swept in self.stacks
            ],
            "failed": len(self.failed),
            "complete": self.complete,
        }


def stacks_of(given: object) -> tuple[Path, ...] | None:
    """Return the files of a sweep; None when it is a single stack.

    Parameters
    ----------
    given
        As the verb got it: several paths, a pattern (``night/*.tif``), or anything else.

    Raises
    ------
    StackError
        No file fits the pattern, or they are no files.
    """
    if isinstance(given, (list, tuple)):
        if len(given) == 1 and not _is_pattern(given[0]):
            return None
        _check_files(given)
        return tuple(path for one in given for path in _fitting(one))
    return tuple(_fitting(given)) if _is_pattern(given) else None


def _check_files(given: Sequence[object]) -> None:
    """Refuse several stacks that are no files: often the frames of one."""
    others = [one for one in given if not isinstance(one, (str, os.PathLike))]
    if others:
        is_frame = getattr(others[0], "ndim", 0) == 2
        raise StackError(
            f"{len(given)} stacks were given of which one is of type {type(others[0]).__name__}",
            "files, or one array (t, y, x)",
            "stack the frames: numpy.stack(frames)" if is_frame else "process them one by one",
        )


def _is_pattern(given: object) -> bool:
    if not isinstance(given, (str, Path)):
        return False
    return glob.has_magic(str(given)) and not Path(given).exists()


def _fitting(given: object) -> list[Path]:
    if not _is_pattern(given):
        return [Path(str(given))]
    found = sorted(Path(name) for name in glob.glob(str(given), recursive=True))  # noqa: PTH207 - a pattern may be absolute
    if not found:
        raise StackError(
            f"no file matches {str(given)!r}", "stacks of frames (TIFF)", "correct the pattern"
        )
    return found


def names_of(stacks: Sequence[Path], folder: Path) -> list[Path]:
    """Name the results after the stacks, and after their folders where names are the same.

    Raises
    ------
    SettingsError
        A stack is given twice, or two cannot be told apart.
    """
    stems = [stack_stem(path) for path in stacks]
    alike = _alike(stems)
    names = [
        f"{path.resolve().parent.name}_{stem}" if stem.casefold() in alike else stem
        for path, stem in zip(stacks, stems, strict=True)
    ]
    alike = _alike(names)
    for name in names:
        if name.casefold() in alike:
            raise SettingsError(
                f"two of the stacks would give {folder / name}",
                "stacks with different names",
                "rename one, or process them one by one with different outputs",
            )
    return [folder / name for name in names]


def _alike(names: Sequence[str]) -> set[str]:
    """Return duplicate names, as a file system that ignores case sees them."""
    folded = [name.casefold() for name in names]
    return {name for name in folded if folded.count(name) > 1}


def _check_apart(names: Sequence[Path], folder: Path) -> None:
    """Refuse results that would replace a stack of the sweep, before any work."""
    for name in names:
        for path in outputs_of(f"{name}.tif", None).files.values():
            said = clash_with_input(path)
            if said:
                raise OutputError(
                    said,
                    "a folder of its own for the results",
                    f"choose another folder, such as {folder / 'reconstructed'}; --overwrite does "
                    "not replace an input",
                )


def sweep(
    stacks: Sequence[Path],
    output: Path | str | None,
    one: Callable[[Path, Path, Progress], ReconstructResult],
    done_before: Callable[[Path], Mapping[str, Any] | None],
    progress: Progress,
) -> SweepResult:
    """Process several stacks.

    Parameters
    ----------
    stacks
        Files.
    output
        Folder of the results.
    one
        Works on one: stack, name of its results, progress.
    done_before
        Gives the results in the run record of that name where the stack is to be left as it is.
    progress
        Called as for a single stack; when it is stopped, no further stack is begun.

    Raises
    ------
    SettingsError
        There is no output, or the results would have the same name.
    OutputError
        The results of a stack would replace one of the stacks.
    """
    if output is None:
        raise SettingsError(
            f"{len(stacks)} stacks without an output", "a folder for their results", "give -o"
        )
    names = names_of(stacks, Path(output))
    with reading(("stack", stack) for stack in stacks):
        _check_apart(names, Path(output))
        return _all(stacks, names, one, done_before, progress)


def _all(
    stacks: Sequence[Path],
    names: Sequence[Path],
    one: Callable[[Path, Path, Progress], ReconstructResult],
    done_before: Callable[[Path], Mapping[str, Any] | None],
    progress: Progress,
) -> SweepResult:
    """Process one after another; see :func:`sweep`."""
    swept: list[Swept] = []

    def next_one(stack: Path, name: Path) -> Swept:
        before = done_before(name)
        if before is not None:
            frames, found = (int(before.get(key, 0)) for key in ("frames", "localizations"))
            return Swept(stack, name, "already done", frames, found)
        whole = _telling(progress, f"{stack.name} ({len(swept) + 1} of {len(stacks)}): ")
        try:
            return _swept(stack, name, one(stack, name, whole))
        except Cancelled as stop:
            return Swept(stack, name, "stopped", problem=str(stop))
        except (DeepStormError, OSError, MemoryError) as error:
            return Swept(stack, name, "failed", problem=str(error) or type(error).__name__)

    try:
        for stack, name in zip(stacks, names, strict=True):
            swept.append(next_one(stack, name))
            if swept[-1].state == "stopped":
                break
    except KeyboardInterrupt:  # not within a stack, which would say what it keeps
        if len(swept) < len(stacks):
            swept.append(Swept(stacks[len(swept)], names[len(swept)], "stopped"))
    return SweepResult(tuple(swept), len(stacks) - len(swept))


def _swept(stack: Path, name: Path, result: ReconstructResult) -> Swept:
    done = result.reconstructed
    state = "done" if result.complete else "stopped"
    return Swept(
        stack, name, state, done.shape[0], result.count, done.seconds, written=result.written
    )


def _telling(progress: Progress, before: str) -> Progress:
    def tell(done: int, total: int, message: str) -> None:
        progress(done, total, before + message)

    return tell
