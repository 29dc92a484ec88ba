"""Metadata of a stack that programs write into a TIFF: ImageJ, OME, Micro-Manager, tifffile.

The pages decide how many frames there are; these texts are only compared with them, because they
are often wrong: an acquisition that was stopped early still has the text of the plan, half of a
stack that was split the text of the whole. What only the text can know is which pages are other
channels, the size of a pixel, and the other files of a set.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, replace
from typing import Any

from deep_storm.io.foreign import TROUBLE
from deep_storm.io.stacks.camera_said import (
    NOTHING,
    CameraSaid,
    said_by_micro_manager_text,
    said_by_ome,
)
from deep_storm.io.stacks.elements import attributes
from deep_storm.io.stacks.tags import (
    DESCRIPTION,
    METAMORPH_PLANES,
    MICRO_MANAGER_FRAME,
    RESOLUTION_UNIT,
    X_RESOLUTION,
    Y_RESOLUTION,
    ReadAt,
    Tags,
)

_MAX_SUMMARY_BYTES = 1 << 22
_MICRO_MANAGER = 54_773_648
_MICRO_MANAGER_SUMMARY = 2_355_492
_SIGNED_SHIFT = -32_768


@dataclass(frozen=True)
class Plane:
    """Position of planes according to OME-XML.

    Attributes
    ----------
    time, slice, channel
        Of the first.
    file
        Name of the file; "" for the one that says it.
    directory
        Of the first, from 0.
    count
        Planes; 0 for all that follow.
    """

    time: int
    slice: int
    channel: int
    file: str
    directory: int
    count: int


@dataclass(frozen=True)
class Description:
    """Metadata of a stack.

    Attributes
    ----------
    by
        Who says it; "" for nobody.
    times, slices, channels
        Planned; 0 where nothing is said.
    planes
        Of OME-XML.
    main_file
        Name of the file that describes this part, as OME-XML has it.
    unit
        ImageJ's unit of length.
    ome_size
        ``PhysicalSizeX`` and ``…Y`` with their units, as they stand there.
    resolution
        Pixels per unit along x and y.
    resolution_unit
        TIFF's number for that unit.
    shift
        What is to be added to the pixel values: ImageJ keeps signed 16 bits as unsigned ones.
    function
        Another calibration function of ImageJ's, which is not applied.
    camera
        Settings of the camera.
    behind_first
        Whether the frames may lie behind the pixels of the only page, without directories.
    """

    by: str = ""
    times: int = 0
    slices: int = 0
    channels: int = 0
    planes: tuple[Plane, ...] = ()
    main_file: str | None = None
    unit: str | None = None
    ome_size: tuple[tuple[str, str], tuple[str, str]] | None = None
    resolution: tuple[float, float] | None = None
    resolution_unit: int | None = None
    shift: int = 0
    function: str = ""
    behind_first: bool = False
    camera: CameraSaid = NOTHING

    @property
    def count(self) -> int:
        """Number of planes announced; 0 if unknown."""
        if not (self.times or self.slices or self.channels):
            return 0
        return max(self.times, 1) * max(self.slices, 1) * max(self.channels, 1)


def describe(tags: Tags, read_at: ReadAt, order: str) -> Description:
    """Read the metadata of a stack in a file.

    Parameters
    ----------
    tags
        Of the first page.
    read_at, order
        The file and its byte order.

    Raises
    ------
    DamagedError
        An entry lies outside the file.
    """
    x, y = tags.ratio(X_RESOLUTION), tags.ratio(Y_RESOLUTION)
    scale = Description(
        resolution=(x, y) if x and y else None,
        resolution_unit=tags.number(RESOLUTION_UNIT, 0) or None,
    )
    text = tags.text(DESCRIPTION)
    scale = replace(scale, camera=_camera(text, tags.text(MICRO_MANAGER_FRAME)))
    summary = _micro_manager(read_at, order)
    if text.startswith("ImageJ=") and not summary:
        return _imagej(text, scale)
    if "<OME" in text[:4096] or "<ome:OME" in text[:4096]:
        said = _ome(text, scale)
        return said if said.count or not summary else replace(said, **summary)
    if summary:
        return replace(scale, **summary)
    if text.startswith('{"shape":'):
        return _tifffile(text, scale)
    if planes := tags.count(METAMORPH_PLANES):
        return replace(scale, by="MetaMorph", times=planes, behind_first=True)
    return scale


def _camera(text: str, frame: str) -> CameraSaid:
    """Read the settings of the camera out of the description, or of Micro-Manager's of a frame."""
    if frame:
        return said_by_micro_manager_text(frame)
    return said_by_ome(text) if "<OME" in text[:4096] or "<ome:OME" in text[:4096] else NOTHING


def _imagej(text: str, scale: Description) -> Description:
    """Read ImageJ's lines ``key=value``."""
    lines = dict(line.partition("=")[::2] for line in text[:65536].splitlines())
    times, slices, channels = (_count(lines, k) for k in ("frames", "slices", "channels"))
    images = _count(lines, "images")
    if images > max(times, 1) * max(slices, 1) * max(channels, 1):
        times, slices, channels = images, 0, 0
    said = replace(
        scale,
        by="ImageJ",
        times=times,
        slices=slices,
        channels=channels,
        unit=lines.get("unit"),
        behind_first=True,
    )
    if lines.get("cf", "").strip() != "0":  # no straight line
        return said
    c0, c1 = (_number(lines.get(key, "")) for key in ("c0", "c1"))
    if (c0, c1) == (_SIGNED_SHIFT, 1.0):
        return replace(said, shift=_SIGNED_SHIFT)
    return replace(said, function="" if (c0, c1) == (0.0, 1.0) else f"{c0:g} + {c1:g} × value")


def _count(lines: dict[str, str], key: str) -> int:
    match = re.fullmatch(r"\s*(\d{1,12})\s*", lines.get(key, ""))
    return int(match[1]) if match else 0


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _ome(text: str, scale: Description) -> Description:
    """Read OME-XML by searching, not parsing: it may have an element for every frame."""
    main = re.search(r"<(?:\w+:)?BinaryOnly\b([^>]*)>", text)
    pixels = re.search(r"<(?:\w+:)?Pixels\b([^>]*)>", text)
    if main is not None or pixels is None:
        name = attributes(main[1]).get("MetadataFile", "") if main else None
        return replace(scale, by="OME-XML", main_file=name)
    said = attributes(pixels[1])
    x, y = (
        (said.get(f"PhysicalSize{axis}", ""), said.get(f"PhysicalSize{axis}Unit", "µm"))
        for axis in "XY"
    )
    return replace(
        scale,
        by="OME-XML",
        times=_count(said, "SizeT"),
        slices=_count(said, "SizeZ"),
        channels=_count(said, "SizeC"),
        planes=tuple(_planes(text)),
        ome_size=(x, y) if x[0] and y[0] else None,
    )


_TIFF_DATA = re.compile(
    r"<(?:\w+:)?TiffData\b([^>]*)>(?:\s*<(?:\w+:)?UUID\b([^>]*)>([^<]{0,200}))?",
)


def _planes(text: str) -> list[Plane]:
    """Return the positions of the planes; a renamed file is recognized by its identifier."""
    root = re.search(r"<(?:\w+:)?OME\b([^>]*)>", text)
    own = attributes(root[1]).get("UUID", "") if root else ""
    found, selves = [], set()
    for match in _TIFF_DATA.finditer(text):
        about = attributes(match[1])
        inside = not match[1].rstrip().endswith("/")
        name = attributes(match[2] or "").get("FileName", "") if inside else ""
        first = [_count(about, f"First{axis}") for axis in "TZC"]
        count = _count(about, "PlaneCount") if "PlaneCount" in about else int("IFD" in about)
        found.append(Plane(first[0], first[1], first[2], name, _count(about, "IFD"), count))
        if own and inside and (match[3] or "").strip() == own:
            selves.add(name)
    names = {plane.file for plane in found}
    selves |= names if len(names) == 1 else set()
    return [replace(p, file="") if p.file in selves else p for p in found]


def _tifffile(text: str, scale: Description) -> Description:
    """Read tifffile's shape; with ``truncate=True`` frames have no directories."""
    shape = re.match(r'\{"shape": \[([\d, ]{1,200})\]', text)
    edges = [int(edge) for edge in re.findall(r"\d{1,12}", shape[1])] if shape else []
    axes = re.search(r'"axes": "([A-Z]{1,12})"', text)
    said = replace(scale, by="tifffile", behind_first='"truncated": true' in text)
    if axes and len(axes[1]) == len(edges):
        sizes = dict(zip(axes[1], edges, strict=True))
        return replace(
            said, times=sizes.get("T", 0), slices=sizes.get("Z", 0), channels=sizes.get("C", 0)
        )
    return replace(said, times=edges[0]) if len(edges) == 3 else said


def _micro_manager(read_at: ReadAt, order: str) -> dict[str, Any]:
    """Return the planes of Micro-Manager's summary; nothing for other programs' files."""
    head = read_at(8, 32)
    if len(head) < 32:
        return {}
    numbers = struct.unpack(f"{order}8I", head)
    if numbers[0] != _MICRO_MANAGER or numbers[6] != _MICRO_MANAGER_SUMMARY:
        return {}
    found: dict[str, Any] = {"by": "Micro-Manager"}
    try:
        summary = json.loads(read_at(40, min(numbers[7], _MAX_SUMMARY_BYTES)))
        planned = summary.get("IntendedDimensions", {})
        for key, name, other in (
            ("times", "Frames", "time"),
            ("slices", "Slices", "z"),
            ("channels", "Channels", "channel"),
        ):
            value = summary.get(name, planned.get(other, 0))
            found[key] = value if isinstance(value, int) and 0 <= value < 1 << 40 else 0
    except TROUBLE:
        return found  # the pages decide; that it is Micro-Manager's tells which files belong to it
    return found
