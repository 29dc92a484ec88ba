"""What a TIFF holds, checked before any pixel is read or memory taken."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from deep_storm.errors import StackError
from deep_storm.words import counted

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries

_AXIS_WORDS = {
    "T": "time points",
    "Z": "z planes",
    "C": "channels",
    "S": "colours",
    "I": "images",
    "Q": "images",
}
_MOST_CHANNELS = 7
"""What ImageJ shows as channels. Longer "channel" axes are frames: tifffile's ``imwrite(...,
imagej=True)`` calls the first axis of a plain (t, y, x) array so."""
_DEFLATE_LIKE = (5, 8, 32946, 32773)  # LZW, Deflate (old and new number), PackBits
_MOST_DEFLATE_RATIO = 2_000  # Deflate reaches 1032:1, LZW about 1400:1
_MOST_RATIO = 50_000  # Zstandard on constant frames


def only_series(tif: TiffFile, name: str) -> TiffPageSeries:
    """Return the one image series of a file.

    Raises
    ------
    StackError
        There is none, there are several, or the file is a mere part of an OME-TIFF.
    """
    if len(tif.pages) == 0 or not tif.series:
        raise StackError(f"{name} has no frames", "at least one frame", "give another stack")
    if tif.is_ome and tif.ome_metadata and "BinaryOnly" in tif.ome_metadata:
        main = re.search(r'MetadataFile="([^"]*)"', tif.ome_metadata)
        raise StackError(
            f"{name} is one part of an OME-TIFF in several files",
            "its main file",
            f"open {main.group(1) if main else 'the main file'} instead",
        )
    if len(tif.series) > 1:
        shapes = ", ".join(" × ".join(map(str, s.shape)) for s in tif.series[:4])
        raise StackError(
            f"{name} holds {len(tif.series)} separate images ({shapes})",
            "one stack of frames of equal size",
            "save the one you need as a TIFF of its own in Fiji",
        )
    return tif.series[0]


def stack_shape(series: TiffPageSeries, name: str) -> tuple[int, int, int]:
    """Return (t, y, x) of a series; T, Z, an unnamed or a long C axis may be time.

    Raises
    ------
    StackError
        The series is colour, has channels, or more than one axis besides y and x.
    """
    sizes = dict(zip(series.axes, series.shape, strict=True))
    if sizes.get("S", 1) > 1 or "Y" not in sizes or "X" not in sizes:
        raise StackError(
            f"{name} is a colour image ({sizes.get('S', 1)} values a pixel)",
            "grey values",
            "give the raw camera frames, or convert it in Fiji (Image > Type > 16-bit)",
        )
    longer = [
        (axis, size)
        for axis, size in zip(series.axes, series.shape, strict=True)
        if axis not in "YX" and size != 1
    ]
    if len(longer) > 1 or any(axis == "C" and size <= _MOST_CHANNELS for axis, size in longer):
        held = " × ".join(f"{size} {_AXIS_WORDS.get(axis, axis)}" for axis, size in longer)
        raise StackError(
            f"{name} holds {held}",
            "frames along one axis (time or z) of one channel",
            "split or re-order it in Fiji (Image > Hyperstacks) and save the frames alone",
        )
    return (longer[0][1] if longer else 1), sizes["Y"], sizes["X"]


def check_complete(
    tif: TiffFile, series: TiffPageSeries, shape: tuple[int, int, int], name: str
) -> tuple[tuple[int, int, int], int | None]:
    """Check that a file holds all the frames that it promises.

    Returns
    -------
    shape
        As given, or with the frames that ImageJ's description counts beyond the directories.
    offset
        Where the frames start when they lie in one piece in this file, else None.

    Raises
    ------
    StackError
        The file is shorter than its header promises; the first damaged frame is named.
    """
    promised = max(shape[0], _imagej_count(tif))
    frame_bytes = shape[1] * shape[2] * series.dtype.itemsize
    first = series[0]
    multifile = bool(getattr(series, "is_multifile", False))
    in_one_piece = (
        not multifile
        and first is not None
        and bool(first.is_final)
        and (series.dataoffset is not None or (promised > shape[0] and len(tif.pages) == 1))
    )
    if in_one_piece and first is not None:
        offset = int(first.dataoffsets[0])
        readable = max(tif.filehandle.size - offset, 0) // frame_bytes
        if readable < promised:
            raise _truncated(name, readable, (promised, *shape[1:]), frame_bytes)
        if not (tif.is_imagej or series.kind == "shaped"):  # these count without the chain
            _check_chain(tif, promised, name)
        return (promised, *shape[1:]), offset
    readable = _readable_pages(series, frame_bytes)
    if readable < promised:
        _check_files(tif, name)
        raise _truncated(name, readable, (promised, *shape[1:]), frame_bytes)
    _check_chain(tif, promised, name)
    return shape, None


def _imagej_count(tif: TiffFile) -> int:
    """Return how many frames ImageJ's description promises (0: it says nothing)."""
    about = (tif.imagej_metadata or {}) if tif.is_imagej else {}
    axes = [int(about.get(axis, 1)) for axis in ("frames", "slices", "channels")]
    return max(int(about.get("images", 0)), axes[0] * axes[1] * axes[2])


def _check_files(tif: TiffFile, name: str) -> None:
    """Refuse an OME-TIFF in several files of which some are not there."""
    named = set(re.findall(r'FileName="([^"]*)"', (tif.is_ome and tif.ome_metadata) or ""))
    folder = Path(tif.filehandle.dirname)
    missing = sorted(file for file in named if not (folder / file).is_file())
    if missing and len(named) > 1:
        raise StackError(
            f"{name} is an OME-TIFF in {len(named)} files, of which {len(missing)} "
            f"are missing, such as {missing[0]}",
            "all its files in one folder",
            "copy the missing files beside it",
        )


def _readable_pages(series: TiffPageSeries, frame_bytes: int) -> int:
    """Count the frames before the first one whose data the file does not hold."""
    for index in range(len(series)):
        page = series[index]
        if page is None:  # tifffile would fill it with zeros
            return index
        stored = list(zip(page.dataoffsets, page.databytecounts, strict=False))
        if any(start + size > page.parent.filehandle.size for start, size in stored):
            return index
        if sum(size for _, size in stored) * _most_ratio(page) < frame_bytes:
            return index
    return len(series)


def _most_ratio(page: TiffPage | TiffFrame) -> float:
    """Return how many bytes of pixels one stored byte can stand for, at most."""
    compression, keyframe = int(page.compression), page.keyframe
    if compression == 1 and page.dtype is not None and keyframe is not None:
        return page.dtype.itemsize * 8 / keyframe.bitspersample  # 12 bits take 16 in memory
    return _MOST_DEFLATE_RATIO if compression in _DEFLATE_LIKE else _MOST_RATIO


def _check_chain(tif: TiffFile, promised: int, name: str) -> None:
    """Refuse a file whose chain of directories points beyond its end."""
    place = tif.pages.next_page_offset
    if place is None:
        return
    tif.filehandle.seek(place)
    pointer = tif.filehandle.read(tif.tiff.offsetsize)
    whole = len(pointer) == tif.tiff.offsetsize
    if whole and struct.unpack(tif.tiff.offsetformat, pointer)[0] == 0:
        return
    raise StackError(
        f"{name} is truncated: it ends within frame {promised + 1} ({_readable(promised)})",
        "a whole file",
        "copy the file again",
    )


def _truncated(
    name: str, readable: int, shape: tuple[int, int, int], frame_bytes: int
) -> StackError:
    promised, height, width = shape
    return StackError(
        f"{name} promises {promised} frame{'s' * (promised > 1)} of {width} × {height} px "
        f"({promised * frame_bytes:,} bytes) but ends within frame {readable + 1} "
        f"({_readable(readable)})",
        "a whole file",
        "copy the file again",
    )


def _readable(count: int) -> str:
    return f"{counted(count, 'frame')} {'is' if count == 1 else 'are'} readable"
