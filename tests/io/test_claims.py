"""Work folders: never another's, and never two runs in one."""

from __future__ import annotations

import json
import os
import time

import pytest

from deep_storm.errors import OutputError
from deep_storm.io import claims, locks
from deep_storm.io.claims import LOCK, MARK, Claim, differences


def take(folder, identity=None):
    return Claim.take(folder, "reconstruction", identity or {"stack": "a"})


@pytest.mark.parametrize("inside", [[], ["photo.jpg"], [LOCK], ["checkpoint.npz", "rows.bin"]])
def test_a_folder_without_our_mark_is_never_touched(tmp_path, inside):
    folder = tmp_path / "out.running"
    folder.mkdir()
    for name in inside:
        (folder / name).write_text("precious")
    with pytest.raises(OutputError, match="was not made by Deep-STORM"):
        take(folder)
    assert sorted(p.name for p in folder.iterdir()) == sorted(inside)
    assert all((folder / name).read_text() == "precious" for name in inside)


@pytest.mark.parametrize("mark", ["", "{", "[]", '{"program": "other"}', '{"program": 3}'])
def test_another_mark_is_none(tmp_path, mark):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / MARK).write_text(mark)
    with pytest.raises(OutputError, match="was not made by Deep-STORM"):
        take(tmp_path / "w")


def test_work_of_another_kind_is_not_taken(tmp_path):
    take(tmp_path / "w").release()
    with pytest.raises(OutputError, match="keeps the work of a reconstruction"):
        Claim.take(tmp_path / "w", "training", {})


def test_of_two_runs_that_begin_together_the_second_hears_of_the_first(tmp_path, monkeypatch):
    folder = tmp_path / "w"
    monkeypatch.setattr(os.path, "lexists", lambda path: False)  # both have looked, nothing there
    first = take(folder)
    with pytest.raises(OutputError, match=rf"w is in use by process {os.getpid()}"):
        take(folder)
    first.check()
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
    first.release()
    assert not take(folder).is_new


def test_what_is_not_ours_stays_in_the_folder(tmp_path):
    claim = take(tmp_path / "w")
    (tmp_path / "w" / "rows.bin").write_text("ours")
    (tmp_path / "w" / "notes.txt").write_text("precious")
    claim.remove(["rows.bin"])
    assert [p.name for p in (tmp_path / "w").iterdir()] == ["notes.txt"]


def test_the_folder_goes_when_nothing_is_left(tmp_path):
    claim = take(tmp_path / "w")
    claim.remove([])
    assert list(tmp_path.iterdir()) == []


def held_by(folder, seconds_ago=0.0, **holder):
    """Let another run have written the lock."""
    take(folder).release()
    about = {"host": locks.own_host(), "pid": os.getpid(), "started": 0.0, "word": "theirs"}
    (folder / LOCK).write_text(json.dumps(about | holder))
    then = time.time() - seconds_ago
    os.utime(folder / LOCK, (then, then))


def test_a_living_run_keeps_its_folder(tmp_path):
    claim = take(tmp_path / "w")
    with pytest.raises(OutputError, match=f"in use by process {os.getpid()}"):
        take(tmp_path / "w")
    claim.release()
    take(tmp_path / "w").release()


def test_a_dead_run_of_this_machine_does_not(tmp_path):
    held_by(tmp_path / "w")  # the process lives, but began at another time
    take(tmp_path / "w").release()
    held_by(tmp_path / "w", pid="x" * 100, started=None)
    take(tmp_path / "w").release()


def test_a_run_on_another_machine_keeps_its_folder_while_it_gives_signs_of_life(tmp_path):
    held_by(tmp_path / "w", seconds_ago=60, host="elsewhere pid:[1]")
    with pytest.raises(OutputError, match=r"process \d+ on elsewhere, .* sign of life 6\d s ago"):
        take(tmp_path / "w")


def test_a_silent_run_on_another_machine_is_taken_over_with_a_word(tmp_path):
    held_by(tmp_path / "w", seconds_ago=1200, host="elsewhere pid:[1]")
    with pytest.warns(UserWarning, match="no sign of life for 20 min; its work .* is taken over"):
        take(tmp_path / "w").release()


def test_a_run_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "BEAT_SECONDS", 0.01)
    claim = take(tmp_path / "w")
    os.utime(tmp_path / "w" / LOCK, (1.0, 1.0))
    until = time.monotonic() + 30
    while (tmp_path / "w" / LOCK).stat().st_mtime == 1.0 and time.monotonic() < until:
        time.sleep(0.01)
    assert (tmp_path / "w" / LOCK).stat().st_mtime > 1.0
    claim.release()


def test_a_run_that_was_taken_for_dead_stops(tmp_path):
    claim = take(tmp_path / "w")
    claim.check()
    (tmp_path / "w" / LOCK).write_text(json.dumps({"word": "another"}))
    with pytest.raises(OutputError, match="another run has taken over"):
        claim.check()
    claim.remove([])
    assert (tmp_path / "w" / MARK).exists()


def test_differences_are_said():
    before = {"stack": {"frames": 10, "pixels": "a" * 64}, "threshold": 0.5, "old": 1}
    now = {"stack": {"frames": 10, "pixels": "b" * 64}, "threshold": 0.7}
    assert differences(before, now) == [
        "old was 1 and is now null",
        "threshold was 0.5 and is now 0.7",
        "stack.pixels is different",
    ]
    assert differences(now, now) == []


@pytest.mark.skipif(os.name == "nt", reason="a path is longer than its names there")
def test_a_folder_may_have_a_long_name(tmp_path):
    claim = take(tmp_path / ("w" * 240 + ".running"))
    claim.remove([])
    assert list(tmp_path.iterdir()) == []
