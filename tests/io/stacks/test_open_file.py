"""A file whose drive goes away for a while."""

import errno
import threading
from contextlib import ExitStack

import numpy as np
import pytest
import tifffile

from deep_storm.errors import StackError
from deep_storm.io.stacks import open_file
from deep_storm.io.stacks.foreign.plain import PlainFrames
from deep_storm.io.stacks.open_file import OpenFile
from deep_storm.io.stacks.tiff import TiffFrames


class Drive:
    """Makes files fail as long as ``failures`` are left."""

    def __init__(self) -> None:
        self.failures, self.number, self.opened = 0, errno.ESTALE, 0
        self.waiting = threading.Event()

    def strike(self) -> None:
        if self.failures:
            self.failures -= 1
            self.waiting.set()
            raise OSError(self.number, "the drive is gone")


class File:
    def __init__(self, drive, file):
        self._drive, self._file = drive, file

    def __getattr__(self, name):
        if name in ("read", "readinto"):
            self._drive.strike()
        return getattr(self._file, name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()


@pytest.fixture
def drive(monkeypatch):
    """The drive on which all files lie; nobody waits in earnest for its return."""
    gone = Drive()
    usual = open_file.Path.open

    def opened(path, *arguments, **options):
        gone.opened += 1
        return File(gone, closed_at_the_end.enter_context(usual(path, *arguments, **options)))

    monkeypatch.setattr(open_file, "WAITS_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(open_file.Path, "open", opened)
    with ExitStack() as closed_at_the_end:
        yield gone


@pytest.fixture
def stack(tmp_path):
    frames = np.arange(6 * 8 * 9, dtype=np.uint16).reshape(6, 8, 9)
    tifffile.imwrite(tmp_path / "m.tif", frames, metadata=None)
    return tmp_path / "m.tif"


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT])
def test_a_drive_that_comes_back_costs_a_sentence(drive, stack, number):
    drive.number = number
    frames = TiffFrames(stack)
    before, drive.failures = drive.opened, 3
    with pytest.warns(UserWarning, match=r"m\.tif cannot be read just now") as said:
        read = frames.read(2, 4)
    assert len(said) == 1
    assert np.array_equal(read, tifffile.imread(stack)[2:4])
    assert drive.opened > before + 1  # an old handle would stay stale


def test_a_drive_that_stays_away_is_named_and_may_come_back_later(drive, stack):
    frames = TiffFrames(stack)
    drive.failures = 4
    with pytest.warns(UserWarning, match="waiting"), pytest.raises(StackError) as raised:
        frames.read(2, 4)
    assert raised.value.received.startswith("frame 3 of 6 in m.tif cannot be read")
    assert raised.value.advice == "bring the drive back"
    assert np.array_equal(frames.read(2, 4), tifffile.imread(stack)[2:4])


def test_a_drive_whose_mount_is_empty_meanwhile(stack, monkeypatch):
    monkeypatch.setattr(open_file, "WAITS_SECONDS", (0.0, 0.0))
    file = OpenFile(stack)
    assert file.read_at(0, 2) == b"II"
    file.close()
    away = stack.with_name("away.tif")
    stack.rename(away)
    with pytest.warns(UserWarning, match="waiting"), pytest.raises(FileNotFoundError):
        file.read_at(0, 2)
    away.rename(stack)
    assert file.read_at(0, 2) == b"II"


def test_a_file_that_never_was_is_not_waited_for(tmp_path, recwarn):
    with pytest.raises(FileNotFoundError):
        OpenFile(tmp_path / "none.tif").read_at(0, 2)
    assert not recwarn.list


def test_other_trouble_is_not_waited_for(drive, stack, recwarn):
    frames = TiffFrames(stack)
    drive.number, drive.failures = errno.EACCES, 1
    with pytest.raises(StackError, match="copy the file again"):
        frames.read(0, 1)
    assert not recwarn.list


def test_whoever_closes_the_stack_does_not_wait(drive, stack, monkeypatch):
    monkeypatch.setattr(open_file, "WAITS_SECONDS", (1e6,))
    frames = TiffFrames(stack)
    drive.failures = 1
    ended = []

    def read():
        with pytest.warns(UserWarning, match="waiting"), pytest.raises(StackError):
            frames.read(0, 1)
        ended.append(True)

    thread = threading.Thread(target=read)
    thread.start()
    drive.waiting.wait(60)
    frames.close()
    thread.join(60)
    assert ended == [True]


def test_movies_without_a_header_wait_too(drive, tmp_path):
    frames = np.arange(3 * 4 * 5, dtype=np.uint16).reshape(3, 4, 5)
    frames.tofile(tmp_path / "m.raw")
    about = "Width: 5\nHeight: 4\nFrames: 3\nData Type: uint16\nByte Order: <\n"
    (tmp_path / "m.yaml").write_text(about)
    with PlainFrames(tmp_path / "m.raw") as stream:
        drive.failures = 2
        with pytest.warns(UserWarning, match=r"m\.raw cannot be read just now"):
            assert np.array_equal(stream.read(1, 3), frames[1:])
