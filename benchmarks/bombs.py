"""Makes files by hand that promise more than they hold; see ``hostile.py``."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile


def tiff_page(
    path: Path, tags: list[tuple[int, int, int, int]], behind: bytes = b"", next_at: int = 0
) -> None:
    """Write a TIFF of one directory by hand: tags as (code, type, count, value)."""
    head = struct.pack("<2sHI", b"II", 42, 8) + struct.pack("<H", len(tags))
    body = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    path.write_bytes(head + body + struct.pack("<I", next_at) + behind)


def page_tags(
    width: int, height: int, compression: int = 1, offset: int = 8, size: int = 8
) -> list[tuple[int, int, int, int]]:
    """Return the tags of a page of 16 bits in one strip."""
    return [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, compression),
        (262, 3, 1, 1), (273, 4, 1, offset), (277, 3, 1, 1), (278, 4, 1, height),
        (279, 4, 1, size),
    ]  # fmt: skip


def inflating(size: int, head: bytes = b"") -> bytes:
    """Return zeros behind a head, deflated without being made: 1 MiB again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + block * (size >> 20) + packer.flush(zlib.Z_FINISH)


def inflating_npz(path: Path, name: str, shape: tuple[int, ...]) -> None:
    """Write an archive of an array that takes gigabytes, and some kilobytes in the file."""
    about = {"descr": "<f4", "fortran_order": False, "shape": shape}
    text = repr(about).encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text
    size = int(np.prod(shape)) * 4 >> 20 << 20
    packed = inflating(size, head)
    full = len(head) + size
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, 0, len(packed), full, len(name), 0)
    central = struct.pack(
        "<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 8, 0, 0, 0, len(packed), full, len(name), 0, 0, 0, 0,
        0, 0,
    )  # fmt: skip
    at = len(local) + len(name) + len(packed)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(central) + len(name), at, 0)
    path.write_bytes(local + name.encode() + packed + central + name.encode() + end)


def inflating_png(edge: int) -> bytes:
    """Return a black PNG of many pixels."""
    rows = inflating((edge * (edge + 1) >> 20) + 1 << 20)

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checksum

    head = chunk(b"IHDR", struct.pack(">2I5B", edge, edge, 8, 0, 0, 0, 0))
    packed = chunk(b"IDAT", b"\x78\x9c" + rows)
    return b"\x89PNG\r\n\x1a\n" + head + packed + chunk(b"IEND", b"")


def ome_text(size_t: int, planes: str = "") -> str:
    """Return OME-XML of frames of 16 × 16 px."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?><OME '
        'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="16" SizeY="16" '
        f'SizeZ="1" SizeC="1" SizeT="{size_t}"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
        f"{planes}</Pixels></Image></OME>"
    )


def write_frames(path: Path, text: str | None = None, count: int = 2, size: int = 16) -> None:
    """Write frames one by one, with a description in the first."""
    frames = np.random.default_rng(1).integers(90, 120, (count, size, size), np.uint16)
    with tifffile.TiffWriter(path) as tif:
        for number, frame in enumerate(frames):
            tif.write(
                frame, description=text if not number else None, metadata=None, contiguous=False
            )
