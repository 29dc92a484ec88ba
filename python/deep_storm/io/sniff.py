"""Describes the content of a file, for errors about files of the wrong kind."""

from __future__ import annotations

import codecs
from pathlib import Path

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"II*\0", "a TIFF"),
    (0, b"MM\0*", "a TIFF"),
    (0, b"II+\0", "a BigTIFF"),
    (0, b"MM\0+", "a BigTIFF"),
    (0, b"\x89PNG\r\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"BM", "a BMP image"),
    (0, b"\x89HDF\r\n", "an HDF5 file"),
    (0, b"ZISRAWFILE", "a Zeiss CZI file"),
    (0, b"\xda\xce\xbe\x0a", "a Nikon ND2 file"),
    (0, b"\x70\0\0\0", "a Leica LIF file"),
    (0, b"PK\x03\x04", "a ZIP archive or a spreadsheet"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\xd0\xcf\x11\xe0", "an old Microsoft Office or Olympus OIB file"),
    (0, b"SIMPLE  =", "a FITS file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"%PDF", "a PDF document"),
    (8, b"AVI ", "an AVI movie"),
    (4, b"ftyp", "an MP4 movie"),
    (128, b"DICM", "a DICOM file"),
)


def describe_content(path: Path) -> str:
    """Describe a file from its first bytes: ``"a PNG image"``, ``"an empty file"``.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(256)
    if not head:
        return "an empty file"
    for offset, signature, words in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return words
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "text in UTF-16"
    if b"\0" in head:
        return "binary data of an unknown kind"
    start = head.decode("utf-8", errors="replace").lstrip("\ufeff").strip()
    first_line = start.splitlines()[0][:40] if start else ""
    return f"text that starts with {first_line!r}"
