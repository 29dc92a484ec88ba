"""What a reconstruction keeps when a disk, a stack or the report fails."""

from __future__ import annotations

import errno
import os

import pytest
import tifffile

import deep_storm as ds
from deep_storm.errors import OutputError, StackError
from deep_storm.inference import work_folder
from deep_storm.io.stacks.stream import ArrayFrames


def full(folder):
    """Let no file of this process grow beyond what rows.bin has now."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (folder / "out.running" / "rows.bin").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def taken_away(folder):
    """Put something in the place of rows.bin that nobody may write to, root neither.

    In a single step: the run, which goes on writing, would make a new one where there is none.
    """
    rows, kept, unwritable = folder / "out.running" / "rows.bin", folder / "kept", folder / "link"
    kept.hardlink_to(rows)
    unwritable.symlink_to(folder)
    unwritable.replace(rows)
    return lambda: kept.replace(rows)


def gone(folder):
    """Unmount the drive, so to speak."""
    (folder / "out.running").rename(folder / "elsewhere")

    def back():
        (folder / "elsewhere").rename(folder / "out.running")
        (folder / "out.running" / "lock").unlink()  # its process would have ended meanwhile

    return back


@pytest.mark.skipif(os.name == "nt", reason="limits and names as on POSIX")
@pytest.mark.parametrize(
    ("trouble", "said"),
    [(full, "limit is reached"), (taken_away, "rows.bin: "), (gone, "drive is gone")],
)
def test_trouble_with_the_disk_in_the_middle_loses_nothing(
    again, uninterrupted, tmp_path, monkeypatch, trouble, said, files
):
    monkeypatch.setattr(work_folder, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(work_folder, "SHARE_OF_TIME", 1e9)
    mend = []

    def strike(done, total, message):
        if done >= 8 and not mend:
            mend.append(trouble(tmp_path))

    try:
        with pytest.raises(OutputError, match=said):
            again(tmp_path, progress=strike)
    finally:
        mend[0]()
    assert not (tmp_path / "out.csv").exists()
    assert again(tmp_path, resume=True).complete
    assert files(tmp_path) == uninterrupted


class CutOff(ArrayFrames):
    """A stack that ends in the middle of what its header promised."""

    def _read(self, start, stop):
        if stop > 10:
            raise StackError("frame 11 is damaged", "a complete file", "copy it again")
        return super()._read(start, stop)


def test_a_stack_that_is_cut_off_gives_what_was_before(again, movie, tmp_path):
    with pytest.raises(StackError, match="copy it again; what the 10 frames before gave is in"):
        again(tmp_path, CutOff(movie))
    assert ds.read_table(tmp_path / "out.csv")["frame"].max() == 9
    with pytest.raises(StackError, match="frame 11"):
        again(tmp_path / "other", CutOff(movie), frames="11:12")
    assert not list((tmp_path / "other").iterdir())


class Away(ArrayFrames):
    """A stack on a drive that is away when half of it is read."""

    def __init__(self, frames):
        super().__init__(frames)
        self.away = False

    def _read(self, start, stop):
        if self.away:
            lost = OSError(errno.ESTALE, "Stale file handle")
            raise StackError("frame 11 cannot be read", advice="bring the drive back") from lost
        return super()._read(start, stop)


def test_a_drive_that_goes_away_costs_no_work(again, movie, uninterrupted, tmp_path, files):
    stack = Away(movie)

    def take_away(done, total, message):
        stack.away = stack.away or (message == "frames" and done >= 8)

    with pytest.raises(StackError, match=r"bring the drive back; .* resume=True continues"):
        again(tmp_path, stack, progress=take_away)
    assert again(tmp_path, resume=True).complete
    assert files(tmp_path) == uninterrupted


def test_what_cannot_be_written_at_the_end_is_kept(
    again, uninterrupted, tmp_path, monkeypatch, files
):
    def full(path, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr("deep_storm.io.tables.writer.write_pieces", full)
        with pytest.raises(OutputError, match=r"the work is kept in .*out\.running.*resume=True"):
            again(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["out.running"]
    again(tmp_path, resume=True)
    assert files(tmp_path) == uninterrupted


def test_a_stack_that_vanishes_meanwhile_costs_only_its_checksum(again, movie, tmp_path):
    stack = tmp_path / "m.tif"
    tifffile.imwrite(stack, movie, metadata=None)

    def remove(done, total, message):
        if done == total and stack.exists():
            stack.unlink()

    with pytest.warns(UserWarning, match="can no longer be read"):
        result = again(tmp_path, stack=stack, progress=remove)
    assert {p.name for p in result.written} >= {"out.tif", "out.csv", "out-run.toml"}


def test_a_report_that_fails_does_not_fail_the_run(again, tmp_path, monkeypatch):
    def trips(*_, **__):
        raise RuntimeError("latex was not found")

    monkeypatch.setattr("deep_storm.report.gathering.write_run_report", trips)
    with pytest.warns(UserWarning, match=r"report could not be made \(latex was not found\)"):
        result = again(tmp_path, no_report=False)
    assert [p.name for p in result.written] == [
        "out.tif",
        "out.csv",
        "out-protocol.txt",
        "out-run.toml",
    ]
