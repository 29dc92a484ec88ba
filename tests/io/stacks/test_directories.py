"""Chains of directories that lead nowhere, in circles, or to more than there is."""

from __future__ import annotations

import random
import struct
import time

import numpy as np
import pytest
import tifffile

from deep_storm.errors import StackError
from deep_storm.io.stacks.frames import TiffFrames
from deep_storm.io.stacks.watched import WatchedFrames

STACK = np.random.default_rng(1).integers(90, 4000, (6, 12, 16)).astype(np.uint16)


def write(path, **options):
    with tifffile.TiffWriter(path) as tif:
        for frame in STACK:
            tif.write(frame, metadata=None, contiguous=False, **options)
    return path


def circle(path):
    """Let the last directory point to the first."""
    write(path)
    with tifffile.TiffFile(path) as tif:
        first, last = tif.pages[0].offset, tif.pages[-1]
        pointer = last.offset + 2 + 12 * len(last.tags)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, pointer, first)
    path.write_bytes(content)
    return path


def test_directories_in_a_circle_are_refused(tmp_path):
    with pytest.raises(StackError, match="point to each other"):
        TiffFrames(circle(tmp_path / "a.tif"))


def test_directories_in_a_circle_end_a_watch(tmp_path):
    began = time.monotonic()
    with pytest.raises(StackError, match="point to each other"):
        WatchedFrames(circle(tmp_path / "a.tif"), quiet_seconds=0.1)
    assert time.monotonic() - began < 10


def test_a_file_that_shrinks_ends_a_watch(tmp_path):
    path = write(tmp_path / "a.tif")
    movie = WatchedFrames(path, quiet_seconds=0.1)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(StackError, match="has become smaller"):
        movie.available(99)


def test_a_frame_that_hardly_stands_in_the_file_is_refused(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((1500, 1500), np.uint8), metadata=None, rowsperstrip=1500)
    with tifffile.TiffFile(path, mode="r+") as tif:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tif.pages[0].tags[name].overwrite(30_000)
        tif.pages[0].tags["Compression"].overwrite(8)
    with pytest.raises(StackError, match=r"30000 × 30000 px .* stored in 2,250,000 bytes"):
        TiffFrames(path)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_damaged_files_are_read_or_refused(tmp_path, options):
    content = write(tmp_path / "whole.tif", **options).read_bytes()
    chance = random.Random(7)
    refused = 0
    for _ in range(300):
        data = bytearray(content)
        for _ in range(chance.choice((1, 2, 10))):
            data[chance.randrange(400 if chance.random() < 0.7 else len(data))] = chance.randrange(
                256
            )
        path = tmp_path / "a.tif"
        path.write_bytes(data if chance.random() < 0.8 else data[: chance.randrange(len(data))])
        try:
            with TiffFrames(path) as stream:
                stream.read(0, stream.shape[0])
        except StackError:
            refused += 1
    assert 30 < refused < 300
