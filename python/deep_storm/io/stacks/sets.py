"""Movies in several TIFF files: the files that belong together, and the position of each frame.

OME-XML names the files of its set; Micro-Manager's are ``NAME_MMStack.ome.tif``,
``NAME_MMStack_1.ome.tif`` … and are found by what they are called now, whatever their text says.
Only files beside the first one are read, wherever a name or a link points to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from deep_storm.errors import StackError
from deep_storm.io.stacks.descriptions import Plane
from deep_storm.io.stacks.pages import TiffPages
from deep_storm.words import counted

MAX_FILES = 20_000


@dataclass(frozen=True)
class Movie:
    """Files of a movie and the position of its frames in them.

    Attributes
    ----------
    parts
        Its files.
    part, page
        (n,) of each frame; None where the frames are those of the only file.
    missing
        Names of files that are not there or too short, and the first frame that each lacks.
    perhaps
        Name of a file that there would be if the movie went on.
    """

    parts: tuple[TiffPages, ...]
    part: npt.NDArray[np.int32] | None = None
    page: npt.NDArray[np.int64] | None = None
    missing: tuple[tuple[str, int], ...] = ()
    perhaps: str = ""

    @property
    def count(self) -> int:
        """Number of frames before the first missing one."""
        if self.missing:
            return self.missing[0][1]
        return self.parts[0].count if self.part is None else len(self.part)


def movie_of(path: Path) -> Movie:
    """Find the files of a movie, and their frames in order.

    Parameters
    ----------
    path
        One of them, best the first.

    Raises
    ------
    StackError
        A file cannot be read, lies elsewhere, or does not fit the first one.
    """
    first = TiffPages(path)
    named = {_beside(plane.file) for plane in first.said.planes if plane.file} - {path.name}
    if named and (not _is_mm(first) or any(path.with_name(name).exists() for name in named)):
        return _named(first, first.said.planes)
    return _numbered(first) if _is_mm(first) else Movie((first,))


def _is_mm(pages: TiffPages) -> bool:
    return pages.said.by == "Micro-Manager" or "_MMStack" in pages.name


def _named(first: TiffPages, planes: Sequence[Plane]) -> Movie:
    """Follow OME-XML: the file and directory of each plane, in the order of time and z."""
    places: list[tuple[int, int, str, int]] = []
    for plane in planes:
        name = _beside(plane.file) or first.name
        for k in range(max(plane.count, 1)):
            along_z = plane.slice + (k if first.said.slices > 1 and first.said.times <= 1 else 0)
            along_t = plane.time + (k if along_z == plane.slice else 0)
            places.append((along_t, along_z, name, plane.directory + k))
            if len(places) > 1 << 24:
                raise StackError(f"{first.name} names more planes than there can be")
    places.sort()
    names = list(dict.fromkeys(name for _, _, name, _ in places))
    parts, missing = _open(first, names)
    number = {part.name: k for k, part in enumerate(parts)}
    part = np.array([number.get(name, -1) for _, _, name, _ in places], np.int32)
    page = np.array([directory for *_, directory in places], np.int64)
    lost: dict[str, int] = {}
    for frame, (_, _, name, directory) in enumerate(places):
        if name in missing or directory >= parts[number[name]].count:
            lost.setdefault(name, frame)
    return Movie(tuple(parts), part, page, tuple(lost.items()))


def _numbered(first: TiffPages) -> Movie:
    """Find Micro-Manager's files by name: ``…``, ``…_1``, ``…_2``."""
    match = re.fullmatch(r"(.+?)((?:\.ome)?\.tiff?)", first.name, re.IGNORECASE)
    if match is None:
        return Movie((first,))
    stem, ending = match.groups()
    siblings: dict[int, str] = {}
    for file in first.path.parent.iterdir():
        other = re.fullmatch(re.escape(stem) + r"_(\d{1,6})" + re.escape(ending), file.name)
        if other is not None:
            siblings[int(other[1])] = file.name
    last = max(siblings, default=0)
    names = [first.name, *(siblings.get(k, f"{stem}_{k}{ending}") for k in range(1, last + 1))]
    parts, missing = _open(first, names)
    before, lost = 0, []
    for name in names:
        if name in missing:
            lost.append((name, before))
            break  # how many frames it would hold, nobody knows
        part = next(part for part in parts if part.name == name)
        before += part.count
        if part.cut is not None:
            lost.append((name, before))
            break
    number = np.repeat(np.arange(len(parts), dtype=np.int32), [p.count for p in parts])
    page = np.concatenate([np.arange(p.count, dtype=np.int64) for p in parts])
    following = f"{stem}_{last + 1}{ending}"
    return Movie(tuple(parts), number, page, tuple(lost), following)


def _open(first: TiffPages, names: Sequence[str]) -> tuple[list[TiffPages], set[str]]:
    """Open the files of a set; return those that exist, and the names of the others."""
    if len(names) > MAX_FILES:
        raise StackError(
            f"{first.name} names {counted(len(names), 'file')}",
            f"at most {MAX_FILES}",
            "join them in Fiji",
        )
    parts, missing = [], set()
    for name in names:
        if name == first.name:
            parts.append(first)
            continue
        file = first.path.with_name(name)
        if not file.exists():
            missing.add(name)
            continue
        _check_beside(first.path, file)
        part = TiffPages(file)
        if part.layout != first.layout:
            raise StackError(
                f"{name} has frames of {part.layout.width} × {part.layout.height} px "
                f"({part.layout.dtype}), {first.name} of {first.layout.width} × "
                f"{first.layout.height} px ({first.layout.dtype})",
                "files of one movie",
                "move the other file elsewhere",
            )
        parts.append(part)
    return parts, missing


def _check_beside(first: Path, file: Path) -> None:
    """Refuse a file that links to another folder."""
    if file.resolve().parent not in (first.resolve().parent, first.parent.resolve()):
        raise StackError(
            f"{first.name} belongs together with {file.name}, which is a link to another folder",
            "all files of a movie in one folder",
            "copy them into one folder",
        )


def _beside(name: str) -> str:
    """Return a file name without folders: a set lies in one folder."""
    return re.split(r"[/\\]", name)[-1]
