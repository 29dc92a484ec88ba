"""Movies that are still being written: whole frames only, each one once, and an end."""

from __future__ import annotations

import errno
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

from deep_storm.errors import Cancelled, StackError
from deep_storm.io.stacks import open_file, watched
from deep_storm.io.stacks.growing import GrowingTiff
from deep_storm.io.stacks.watched import WatchedFrames

FRAMES = np.random.default_rng(1).integers(0, 60000, (9, 12, 16)).astype(np.uint16)


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(watched, "POLL_SECONDS", 0.005)


def pages(path, frames=FRAMES, **options):
    with tifffile.TiffWriter(path, bigtiff=options.pop("bigtiff", False)) as tif:
        for frame in frames:
            tif.write(frame, contiguous=False, metadata=None, **options)


def imagej(path):
    tifffile.imwrite(path, FRAMES, imagej=True, metadata={"axes": "TYX"})


KINDS = {
    "pages": pages,
    "bigtiff": lambda path: pages(path, bigtiff=True),
    "compressed": lambda path: pages(path, compression="zlib"),
    "big-endian imagej": imagej,
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_growing_file_gives_its_whole_frames(make, tmp_path):
    make(tmp_path / "whole.tif")
    content = (tmp_path / "whole.tif").read_bytes()
    growing = GrowingTiff(tmp_path / "a.tif")
    counts = []
    for size in sorted({*np.random.default_rng(0).integers(0, len(content), 40), len(content)}):
        (tmp_path / "a.tif").write_bytes(content[:size])
        growing.look()
        counts.append(growing.count)
        if growing.count:
            read = growing.read(0, growing.count)
            np.testing.assert_array_equal(read, FRAMES[: growing.count])
    assert counts == sorted(counts)
    assert len(set(counts)) > 4
    assert counts[-1] == 9
    assert growing.is_whole


@pytest.mark.parametrize("behind", [b"", bytes(64)], ids=["nothing", "zeros"])
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_a_first_directory_that_is_not_whole_is_waited_for(make, behind, tmp_path):
    make(tmp_path / "whole.tif")
    content = (tmp_path / "whole.tif").read_bytes()
    with tifffile.TiffFile(tmp_path / "whole.tif") as tif:
        ends = tif.pages[0].dataoffsets[0]
    growing = GrowingTiff(tmp_path / "a.tif")
    for size in range(ends):
        (tmp_path / "a.tif").write_bytes(content[:size] + behind)
        growing.look(again=True)
        assert growing.count == 0
    (tmp_path / "a.tif").write_bytes(content)
    growing.look(again=True)
    np.testing.assert_array_equal(growing.read(0, growing.count), FRAMES)


def everything(movie, chunk=4):
    """Read as the reconstruction does."""
    read, begin = [], 0
    while True:
        there, ended = movie.available(begin + chunk)
        stop = min(begin + chunk, there)
        if stop == begin + chunk or ended:
            if stop <= begin:
                return np.concatenate(read)
            read.append(movie.read(begin, stop))
            begin = stop


def written_later(write):
    thread = threading.Thread(target=write)
    thread.start()
    return thread


def test_a_file_that_grows_while_it_is_read(tmp_path):
    def write():
        with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
            for frame in FRAMES:
                tif.write(frame, contiguous=False, metadata=None)
                time.sleep(0.01)
        (tmp_path / "a.end").touch()

    thread = written_later(write)
    movie = WatchedFrames(tmp_path / "a.tif", quiet_seconds=60)
    np.testing.assert_array_equal(everything(movie), FRAMES)
    thread.join()
    assert movie.end(99) == 9


def test_a_file_for_each_chunk_in_the_order_of_numbers(tmp_path):
    def write():
        for number, start in enumerate(range(0, 9, 3), 9):  # 9, 10, 11
            pages(tmp_path / f"chunk_{number}.tif", FRAMES[start : start + 3])
            time.sleep(0.02)
        (tmp_path / "done.txt").touch()

    thread = written_later(write)
    movie = WatchedFrames(tmp_path, quiet_seconds=60, end_marker="done.txt")
    np.testing.assert_array_equal(everything(movie), FRAMES)
    assert [p.name for p in movie.files] == ["chunk_9.tif", "chunk_10.tif", "chunk_11.tif"]
    thread.join()


def test_silence_is_an_end(tmp_path):
    pages(tmp_path / "a.tif")
    content = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(content[:-300])  # the last frame has not come whole
    movie = WatchedFrames(tmp_path / "a.tif", quiet_seconds=0.05)
    np.testing.assert_array_equal(everything(movie), FRAMES[:8])
    assert movie.notes == ["a.tif ends within frame 9; that frame was left out"]


def test_nothing_came(tmp_path):
    with pytest.raises(StackError, match="no frame arrived"):
        WatchedFrames(tmp_path, quiet_seconds=0.05)

    def stop():
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        WatchedFrames(tmp_path, progress=stop)


def test_a_broken_file_between_others_is_named(tmp_path):
    for name in ("1", "2", "3"):
        pages(tmp_path / f"{name}.tif", FRAMES[:3])
    content = (tmp_path / "2.tif").read_bytes()
    (tmp_path / "2.tif").write_bytes(content[:-300])
    with pytest.raises(StackError, match=r"2\.tif ends within frame 3, but 3\.tif follows"):
        everything(WatchedFrames(tmp_path, quiet_seconds=0.05))


def test_files_of_different_movies(tmp_path):
    pages(tmp_path / "1.tif")
    pages(tmp_path / "2.tif", FRAMES[:, :8])
    (tmp_path / "x.end").touch()
    with pytest.raises(StackError, match=r"2\.tif has frames of 16 × 8 px"):
        WatchedFrames(tmp_path)


def test_colours_are_no_frames(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 5, 3), np.uint8), photometric="rgb")
    with pytest.raises(StackError, match="colour"):
        WatchedFrames(tmp_path)


def away(folder, how, monkeypatch):
    """Take the drive away; return what brings it back."""
    elsewhere = folder.with_name("elsewhere")
    if how == "stale":
        real, gone = Path.iterdir, [True]

        def iterdir(path):
            if gone and path == folder:
                raise OSError(errno.ESTALE, "Stale file handle")
            return real(path)

        monkeypatch.setattr(Path, "iterdir", iterdir)
        return gone.clear
    folder.rename(elsewhere)
    if how == "empty mount":
        folder.mkdir()

    def back():
        if folder.is_dir():
            folder.rmdir()
        elsewhere.rename(folder)

    return back


@pytest.mark.parametrize("how", ["stale", "empty mount", "no mount"])
def test_a_drive_that_goes_away_is_no_end(how, tmp_path, monkeypatch):
    folder = tmp_path / "movie"
    folder.mkdir()
    pages(folder / "1.tif", FRAMES[:4])
    movie = WatchedFrames(folder, quiet_seconds=60)
    back = away(folder, how, monkeypatch)
    with pytest.warns(UserWarning, match="movie cannot be read just now .* waiting up to 30 s"):
        assert movie.available(5) == (4, False)
    with warnings.catch_warnings():  # it is said once
        warnings.simplefilter("error")
        assert movie.available(5) == (4, False)
    movie._news -= 1000  # a long absence is no silence
    back()
    assert movie.available(5) == (4, False)
    pages(folder / "2.tif", FRAMES[4:])
    (folder / "x.end").touch()
    np.testing.assert_array_equal(everything(movie), FRAMES)


@pytest.mark.parametrize("how", ["stale", "empty mount"])
def test_a_drive_that_stays_away_ends_the_watch(how, tmp_path, monkeypatch):
    folder = tmp_path / "movie"
    folder.mkdir()
    pages(folder / "1.tif", FRAMES[:4])
    movie = WatchedFrames(folder)
    away(folder, how, monkeypatch)
    monkeypatch.setattr(open_file, "WAITS_SECONDS", (0.0,))
    with pytest.warns(UserWarning, match="waiting"), pytest.raises(StackError) as raised:
        movie.available(5)
    assert raised.value.advice == "bring the drive back"


def test_other_trouble_with_the_folder_is_named_at_once(tmp_path, monkeypatch):
    pages(tmp_path / "1.tif", FRAMES[:4])
    movie = WatchedFrames(tmp_path)

    def refused(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(StackError, match=r"cannot be read.*look at the disk"):
        movie.available(5)
