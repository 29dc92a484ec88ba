"""Where the results of a run are written: named files, checked before any work is done.

::

    outputs = Outputs.of("results/", {"image": ".tif", "table": ".csv"}, name="movie",
                         tail="reconstructed")
    outputs.check()
    with outputs.writing("table") as path:   # results/movie.csv
        write_table(path, table, overwrite=outputs.overwrite)
    outputs.written                          # what is there now: (Path("results/movie.csv"),)

One rule for names: ``-o movie`` is the name without ending, ``-o movie.tif`` means the same where
``.tif`` is one of the endings that are written, and ``-o results/`` (or a folder that is there) is
the folder, in which files are named after what the run reads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deep_storm.errors import OutputError
from deep_storm.io.disk_errors import check_name
from deep_storm.io.endings import check_ending
from deep_storm.io.files import atomic_files, check_folder, check_outputs
from deep_storm.io.guard import StrPath, clash_with_input
from deep_storm.io.marks import is_ours

TIFF_ENDINGS = (".tif", ".tiff")
_STACK_ENDINGS = (*TIFF_ENDINGS, ".ome", ".btf", ".tf8")


@dataclass(frozen=True)
class Outputs:
    """Files of a run, by their role.

    Attributes
    ----------
    files
        Path by name, such as ``table``; empty where nothing is written.
    overwrite
        Whether existing files may be replaced.
    tail
        What the run does to its input, as in ``movie_filtered``: proposed where a name is taken.
    folders
        Of the files, those that are folders, each with a file that every folder of its kind has.
    endings
        Those of the first file, where the caller may choose one: another kind of file is refused.
    """

    files: Mapping[str, Path]
    overwrite: bool = False
    tail: str = "result"
    folders: Mapping[str, str] = field(default_factory=dict)
    endings: tuple[str, ...] = ()
    _done: set[str] = field(default_factory=set, repr=False)

    @classmethod
    def of(
        cls,
        output: StrPath | None,
        endings: Mapping[str, str],
        *,
        name: str,
        tail: str = "result",
        overwrite: bool = False,
        any_ending: bool = False,
        also: Sequence[str] = (),
    ) -> Outputs:
        """Choose the names of a run's files.

        Parameters
        ----------
        output
            As the caller gave it; None where nothing is to be written.
        endings
            Ending of each file, by its name; the first is the main one.
        name
            What files in a folder are called.
        tail
            See the class.
        overwrite
            Whether existing files may be replaced.
        any_ending
            Whether ``output`` names the main file, which keeps the ending that it has, if any.
        also
            Endings that the main file may have beside its usual one, then.
        """
        if output is None:
            return cls({}, overwrite, tail)
        stem, ending = _split(output, endings, name, any_ending)
        files = {what: Path(f"{stem}{end}") for what, end in endings.items()}
        if ending:
            files[next(iter(endings))] = Path(f"{stem}{ending}")
        main = next(iter(endings.values()))
        return cls(files, overwrite, tail, endings=(main, *also) if any_ending else ())

    def __contains__(self, name: str) -> bool:
        return name in self.files

    def __getitem__(self, name: str) -> Path:
        return self.files[name]

    def __bool__(self) -> bool:
        return bool(self.files)

    @property
    def written(self) -> tuple[Path, ...]:
        """Files written until now, in the order in which they were planned."""
        return tuple(path for name, path in self.files.items() if name in self._done)

    @property
    def names_written(self) -> dict[str, str]:
        """Names of the files that were written, by role, for a record beside them."""
        return {name: path.name for name, path in self.files.items() if name in self._done}

    @contextmanager
    def writing(self, name: str) -> Iterator[Path]:
        """Provide the path of a file to write inside the ``with``, and note it afterwards."""
        yield self.files[name]
        self._done.add(name)

    @contextmanager
    def writing_together(self, *names: str) -> Iterator[dict[str, Path]]:
        """Provide paths of files that appear together when the ``with`` ends.

        Parameters
        ----------
        names
            Of the files, all in one folder; the last one appears last.

        Yields
        ------
        Where to write each of them. What is not written there does not appear.

        Raises
        ------
        OutputError
            A file exists already or cannot be written; then none of them is there.
        """

        def appeared(done: list[Path]) -> None:
            self._done.update(name for name in names if self.files[name] in done)

        files = [self.files[name] for name in names]
        with atomic_files(files, self.overwrite, appeared) as staged:
            yield {name: staged[self.files[name]] for name in names}

    def check(self) -> None:
        """Check that all files can be written, before any work; nothing is created or changed.

        Raises
        ------
        OutputError
            A file is an input of the run, or another output; its ending is that of another kind
            of file; it exists already (all of them are named) and may not be replaced, or is an
            image that Deep-STORM did not write; its folder cannot be written.
        """
        for path in self.files.values():
            check_name(path)
        self._check_alone()
        for path in self.files.values():
            said = clash_with_input(path)
            if said:
                advice = f"choose another name, such as {self._free()}"
                raise OutputError(
                    said,
                    "a file that this run does not read",
                    f"{advice}; --overwrite does not replace an input",
                )
        if self.files and self.endings:
            what, path = next(iter(self.files.items()))
            check_ending(path, what, self.endings)
        plain = [path for name, path in self.files.items() if name not in self.folders]
        for path in plain:
            self._check_ours(path)
        check_outputs(plain, self.overwrite)
        for name, marker in self.folders.items():
            check_folder(self.files[name], self.overwrite, marker)

    def _check_alone(self) -> None:
        seen: dict[str, str] = {}
        for name, path in self.files.items():
            other = seen.setdefault(os.path.realpath(path).casefold(), name)
            if other != name:
                raise OutputError(
                    f"{path} would be both {other} and {name}",
                    "a file for each",
                    f"choose another name, such as {self._free()}",
                )

    def _check_ours(self, path: Path) -> None:
        """Refuse to replace an image that we did not write: it may be a raw movie."""
        if path.suffix.lower() in TIFF_ENDINGS and path.is_file() and not is_ours(path):
            raise OutputError(
                f"{path} exists already and was not written by Deep-STORM",
                "a new file, or an image written by Deep-STORM",
                f"choose another name, such as {self._free()}, or move that file away",
            )

    def _free(self) -> Path:
        """Return a free name to use instead of ``output``."""
        paths = list(self.files.values())
        stem = paths[0].name.removesuffix(paths[0].suffix)
        for number in range(1, 1000):
            longer = f"{stem}_{self.tail}" + (f"_{number}" if number > 1 else "")
            moved = [path.with_name(path.name.replace(stem, longer, 1)) for path in paths]
            if not any(path.exists() or clash_with_input(path) for path in moved):
                break
        return moved[0] if len(moved) == 1 else moved[0].with_suffix("")


def name_of(source: object, otherwise: str) -> str:
    """Return the name of an input's results: its file name without ending.

    Parameters
    ----------
    source
        As a verb got it: a path, something that has ``files`` or a ``name``, or an array.
    otherwise
        Of what has none.
    """
    if isinstance(source, (list, tuple)) and source:
        source = source[0]
    if not isinstance(source, (str, os.PathLike)):
        files = getattr(source, "files", ())
        source = files[0] if files else getattr(source, "name", None)
    if not isinstance(source, (str, os.PathLike)) or not os.fspath(source):
        return otherwise
    path = Path(source)
    stem = stack_stem(path)
    return (path.stem if stem == path.name else stem) or otherwise


def stack_stem(path: Path) -> str:
    """Return a stack's name without its ending, which may be double: ``.ome.tif``."""
    while path.suffix.lower() in _STACK_ENDINGS and path.stem:
        path = path.with_suffix("")
    return path.name


def _split(
    output: StrPath, endings: Mapping[str, str], name: str, any_ending: bool
) -> tuple[Path, str]:
    """Return the name without ending, and the ending of the main file if it was given."""
    text = os.fspath(output)
    if not text.strip():
        raise OutputError("the output is empty", "a file name", "give a name")
    check_name(text)
    path = Path(text)
    if text.endswith(("/", os.sep)) or path.is_dir():
        return path / name, ""
    known = sorted({*endings.values(), ".tiff", ".csv"}, key=len, reverse=True)
    found = next((end for end in known if path.name.lower().endswith(end)), "")
    if any_ending:
        found = path.suffix if any(map(str.isalpha, path.suffix)) else ""
    if not found or len(found) == len(path.name):
        return path, ""
    return path.with_name(path.name[: -len(found)]), found if any_ending else ""
