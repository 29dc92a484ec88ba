"""Every way in which frames are packed that we promise to read."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import tifffile

from deep_storm.errors import StackError
from deep_storm.io.stacks.frames import TiffFrames

STACK = np.random.default_rng(1).integers(90, 4000, (5, 20, 37)).astype(np.uint16)


def read(path):
    with TiffFrames(path) as stream:
        return stream.read(0, stream.shape[0])


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
@pytest.mark.parametrize("predictor", [None, True])
@pytest.mark.parametrize("compression", ["lzw", "zlib", "packbits", "lzma", "zstd"])
def test_lossless_compression(tmp_path, compression, predictor, dtype, byteorder):
    stack = (STACK % 250).astype(dtype)
    with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=byteorder) as tif:
        for frame in stack:
            tif.write(frame, compression=compression, predictor=predictor, rowsperstrip=7)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), stack)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiles(tmp_path, compression):
    tifffile.imwrite(tmp_path / "a.tif", STACK, tile=(16, 32), compression=compression)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), STACK)


def page(path, data, bits, width, height, compression=1, rows=None):
    """Write a single page from its parts."""
    rows = rows or height
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, compression),
            (262, 3, 1), (273, 4, 8), (277, 3, 1), (278, 4, rows), (279, 4, len(data))]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", code, kind, 1, value) for code, kind, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    path.write_bytes(b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory)


@pytest.mark.parametrize("bits", [4, 10, 12, 14])
def test_packed_bits(tmp_path, bits):
    frame = STACK[0] % (1 << bits)
    places = np.arange(bits - 1, -1, -1)
    single = ((frame[:, :, None].astype(np.uint32) >> places) & 1).astype(np.uint8)
    page(tmp_path / "a.tif", np.packbits(single.reshape(20, -1), axis=1).tobytes(), bits, 37, 20)
    np.testing.assert_array_equal(read(tmp_path / "a.tif")[0], frame)


def test_signed_values_that_imagej_keeps_as_unsigned_ones(tmp_path):
    signed = STACK.astype(np.int16) - 2000
    about = {"axes": "TYX", "cf": 0, "c0": -32768.0, "c1": 1.0}
    stored = (signed.astype(np.int32) + 32768).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, imagej=True, metadata=about)
    values = read(tmp_path / "a.tif")
    assert values.dtype == np.int16
    np.testing.assert_array_equal(values, signed)


def test_lossy_compression_is_named(tmp_path):
    page(tmp_path / "a.tif", bytes(500), 8, 20, 20, compression=7)
    with pytest.raises(StackError, match=r"compressed by JPEG.*expected frames without compr"):
        TiffFrames(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [5, 8, 32773, 34925, 50000])
def test_page_that_would_inflate_takes_no_memory(tmp_path, compression):
    import lzma
    import tracemalloc

    import imagecodecs

    large = bytes(1 << 24)
    encode = {
        5: imagecodecs.lzw_encode,
        8: zlib.compress,
        32773: lambda data: b"\x81\0" * (len(data) // 128),
        34925: lzma.compress,
        50000: imagecodecs.zstd_encode,
    }
    page(tmp_path / "a.tif", encode[compression](large), 16, 64, 64, compression)
    tracemalloc.start()
    try:
        try:
            assert (read(tmp_path / "a.tif") == 0).all()
        except StackError as error:
            assert "frame 1 of 1 in a.tif cannot be read" in str(error)  # noqa: PT017
        assert tracemalloc.get_traced_memory()[1] < 12 << 20  # xz has a dictionary of 8 MiB
    finally:
        tracemalloc.stop()
