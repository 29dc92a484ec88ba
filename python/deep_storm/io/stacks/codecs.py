"""Decodes the bytes of a TIFF page into pixels.

What a strip or tile may hold is known from its size in pixels, so a decoder is never asked for
more: a few kilobytes that would inflate to gigabytes are cut off or refused.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt

from deep_storm.io.stacks.directories import Coding, Layout, Page
from deep_storm.io.stacks.tags import DamagedError, ReadAt

Pixels = npt.NDArray[Any]
NONE = 1
_FLIPPED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))
_OTHERS = {
    2: "a fax code",
    3: "a fax code",
    4: "a fax code",
    6: "JPEG",
    7: "JPEG",
    33003: "JPEG 2000",
    33005: "JPEG 2000",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "JPEG",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}


def _inflate(data: bytes, size: int) -> bytes:
    return _whole(zlib.decompressobj(), data, size)


def _lzma(data: bytes, size: int) -> bytes:
    return _whole(lzma.LZMADecompressor(), data, size)


def _whole(stream: Any, data: bytes, size: int) -> bytes:
    """Decode one byte more than expected, so that the checksum is verified."""
    found: bytes = stream.decompress(data, size + 1)
    if len(found) > size:
        raise DamagedError("its compressed data hold more than its pixels")
    if not stream.eof:
        raise DamagedError("its compressed data are cut off")
    return found


def _of_imagecodecs(name: str) -> Callable[[bytes, int], bytes]:
    def decode(data: bytes, size: int) -> bytes:
        return bytes(getattr(imagecodecs, f"{name}_decode")(data, out=size))

    return decode


DECODERS: dict[int, tuple[Callable[[bytes, int], bytes], int]] = {
    5: (_of_imagecodecs("lzw"), 1_400),
    8: (_inflate, 1_100),
    32946: (_inflate, 1_100),
    32773: (_of_imagecodecs("packbits"), 64),
    34925: (_lzma, 50_000),
    34926: (_of_imagecodecs("zstd"), 50_000),
    50000: (_of_imagecodecs("zstd"), 50_000),
}
"""By compression: from bytes and the most that they may become to bytes; and the largest ratio."""


def check_coding(coding: Coding) -> None:
    """Refuse a compression or predictor that is not supported here.

    Raises
    ------
    DamagedError
        It is named.
    """
    code = coding.compression
    if code != NONE and code not in DECODERS:
        name = _OTHERS.get(code, "an unknown way")
        raise DamagedError(f"it is compressed by {name} (TIFF compression {code})")
    if coding.predictor not in (1, 2, 3):
        raise DamagedError(f"it is compressed with an unknown predictor ({coding.predictor})")


def max_bytes(page: Page) -> int:
    """Return the largest possible size of the decoded pixels in bytes."""
    ratio = 1 if page.coding.compression == NONE else DECODERS[page.coding.compression][1]
    layout = page.layout
    packed = -(-8 * layout.dtype.itemsize // layout.bits)  # 12 bits take 16 in memory
    return sum(page.sizes) * ratio * packed


def decode_page(page: Page, order: str, read_at: ReadAt) -> Pixels:
    """Return a page's pixels.

    Parameters
    ----------
    page
        Its directory, with a coding that :func:`check_coding` lets pass.
    order
        ``<`` or ``>``: the file's byte order.
    read_at
        Reads the file.

    Returns
    -------
    (samples, y, x) when the samples lie apart, (y, x, samples) when they are together, or (y, x);
    native byte order.

    Raises
    ------
    DamagedError, zlib.error, lzma.LZMAError, RuntimeError
        The data are damaged.
    """
    layout, coding = page.layout, page.coding
    together = 1 if layout.planar else layout.samples
    images = layout.samples if layout.planar else 1
    tile_width = coding.tile_width or layout.width
    across, down = -(-layout.width // tile_width), -(-layout.height // coding.rows)
    out = np.zeros((images, layout.height, layout.width, together), layout.dtype)
    segments = iter(zip(page.starts, page.sizes, strict=False))
    for image in range(images):
        for down_at in range(down):
            for across_at in range(across):
                start, size = next(segments)
                top, left = down_at * coding.rows, across_at * tile_width
                rows = coding.rows
                if coding.tile_width is None:  # the last strip may be shorter
                    rows = min(rows, layout.height - top)
                shape = (rows, tile_width, together)
                piece = _decode(read_at(start, size), layout, coding, order, shape)
                part = out[image, top : top + rows, left : left + tile_width]
                part[...] = piece[: part.shape[0], : part.shape[1]]
    whole = out[..., 0] if together == 1 else out
    return whole if layout.planar else whole[0]


def _decode(
    data: bytes, layout: Layout, coding: Coding, order: str, shape: tuple[int, int, int]
) -> Pixels:
    """Decode a strip or tile of ``shape`` (rows, width, samples)."""
    rows, width, together = shape
    row_bytes = -(-width * together * layout.bits // 8)
    if coding.reversed_bits:
        data = data.translate(_FLIPPED)
    if coding.compression != NONE:
        # a strip at the bottom may be as long as the others
        most = max(row_bytes * rows, row_bytes * coding.rows)
        data = DECODERS[coding.compression][0](data, most)
    if len(data) < row_bytes * rows:
        raise DamagedError(f"{len(data)} bytes of pixels instead of {row_bytes * rows}")
    raw = np.frombuffer(data, np.uint8, row_bytes * rows).reshape(rows, row_bytes)
    if coding.predictor == 3:
        return _undo_float_predictor(raw, layout, width, together)
    values = _unpacked(raw, layout, order, width * together).reshape(shape)
    if coding.predictor == 2:
        return _undo_differences(values)
    return values


def _unpacked(raw: npt.NDArray[np.uint8], layout: Layout, order: str, count: int) -> Pixels:
    """Return (rows, count) values from rows of bytes."""
    if layout.bits == 8 * layout.dtype.itemsize and layout.kind != "b":
        stored = layout.dtype.newbyteorder("<" if order == "<" else ">")
        return np.frombuffer(raw, stored).reshape(len(raw), count).astype(layout.dtype)
    bits = np.unpackbits(raw, axis=1)[:, : count * layout.bits]
    values = np.zeros((len(raw), count), layout.dtype)
    for place in range(layout.bits):  # the first bit is the highest
        values = (values << 1) | bits[:, place :: layout.bits] if place else bits[:, :: layout.bits]
        values = values.astype(layout.dtype, copy=False)
    return values


def _undo_differences(values: Pixels) -> Pixels:
    """Sum up along rows, as integers that wrap around."""
    whole = values.view(f"u{values.dtype.itemsize}")
    return np.cumsum(whole, axis=1, dtype=whole.dtype).view(values.dtype)


def _undo_float_predictor(
    raw: npt.NDArray[np.uint8], layout: Layout, width: int, together: int
) -> Pixels:
    """Undo Adobe's floating-point predictor: separated bytes, byte differences."""
    size = layout.dtype.itemsize
    if layout.kind != "f":
        raise DamagedError("integers with a predictor for floating-point numbers")
    steps = raw.reshape(len(raw), -1, together)
    summed = np.cumsum(steps, axis=1, dtype=np.uint8).reshape(len(raw), size, width * together)
    big_endian = np.ascontiguousarray(summed.transpose(0, 2, 1))
    values = big_endian.view(layout.dtype.newbyteorder(">"))[..., 0].astype(layout.dtype)
    return values.reshape(len(raw), width, together)
