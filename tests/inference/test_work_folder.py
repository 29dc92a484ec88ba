"""Work folders: resumed = uninterrupted, whatever happened; two runs never share one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deep_storm.errors import OutputError
from deep_storm.extraction.candidates import Candidates
from deep_storm.inference import work_folder
from deep_storm.inference.store import MemoryStore
from deep_storm.inference.work_folder import WorkFolder

STATE = {"done": 3}


def found(frames, seed=0):
    random = np.random.default_rng(seed)
    columns = [random.random(len(frames), np.float32) for _ in range(7)]
    return Candidates(np.asarray(frames, np.int64), *columns)


def joined(kept):
    return [np.concatenate(c) for c in zip(*kept.pieces(), strict=True)]


def test_a_file_gives_what_memory_gives(tmp_path, monkeypatch):
    monkeypatch.setattr(work_folder, "ROWS_AT_A_TIME", 5)
    memory, file = MemoryStore(), WorkFolder.begin(tmp_path / "out.running", {})
    for chunk in ([0, 0, 1], [], [2, 2, 2, 2, 2, 2, 2, 3], [5]):
        for kept in (memory, file):
            kept.append(found(chunk, len(chunk)))
    assert memory.count == file.count == 12
    for ours, theirs in zip(joined(file), joined(memory), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    pieces = [set(piece.frame) for piece in file.pieces()]
    assert len(pieces) > 1
    assert sum(map(len, pieces)) == len(set().union(*pieces))  # no frame is cut
    file.remove()
    assert not (tmp_path / "out.running").exists()


def test_rows_behind_the_checkpoint_are_forgotten(tmp_path):
    work = WorkFolder.begin(tmp_path / "w", {"a": 1})
    work.append(found([0, 1]))
    work.checkpoint(STATE, np.ones((2, 2), np.float32), now=True)
    work.append(found([2]))
    work.release()
    again = WorkFolder.begin(tmp_path / "w", {"a": 1}, resume=True)
    state, image = again.resumed
    assert state | {"rows_crc": 0} == {**STATE, "rows": 2, "rows_crc": 0}
    assert image.sum() == 4
    assert list(next(again.pieces()).frame) == [0, 1]


def test_rows_that_cannot_be_brought_to_the_disk_are_an_error_with_their_name(tmp_path):
    work = WorkFolder.begin(tmp_path / "w", {})
    work.append(found([0, 1]))
    work.rows_file.unlink()
    work.rows_file.mkdir()
    with pytest.raises(OutputError, match=r"rows\.bin"):
        work.checkpoint(STATE, np.ones((2, 2), np.float32), now=True)


def test_without_a_checkpoint_nothing_is_left(tmp_path):
    work = WorkFolder.begin(tmp_path / "w", {})
    work.append(found([0]))
    work.release()
    assert not (tmp_path / "w").exists()


def kept(folder):
    work = WorkFolder.begin(folder, {"precision": "float32"})
    work.append(found([0, 1]))
    work.checkpoint(STATE, np.ones((2, 2), np.float32), now=True)
    work.release()
    return folder


def test_interrupted_work_is_not_thrown_away_unasked(tmp_path):
    folder = kept(tmp_path / "w")
    with pytest.raises(OutputError, match="--resume, or start again with --overwrite"):
        WorkFolder.begin(folder, {"precision": "float32"})
    work = WorkFolder.begin(folder, {"precision": "float32"}, overwrite=True)
    assert work.resumed is None
    assert work.count == 0


def test_where_no_checkpoint_is_yet_resuming_begins(tmp_path):
    work = WorkFolder.begin(tmp_path / "w", {"a": 1}, resume=True)
    work.append(found([0]))
    killed(work)
    work = WorkFolder.begin(tmp_path / "w", {"a": 2}, resume=True)
    assert work.resumed is None
    assert work.count == 0
    work.release()
    assert not (tmp_path / "w").exists()


def killed(work):
    """Leave a work folder as a killed process does: with its lock."""
    work.claim._ended.set()
    lock = work.folder / "lock"
    holder = json.loads(lock.read_text())
    lock.write_text(json.dumps(holder | {"pid": 999_999_999}))


def test_other_settings_are_named(tmp_path):
    folder = kept(tmp_path / "w")
    with pytest.raises(OutputError, match=r"precision was .float32. and is now .bfloat16."):
        WorkFolder.begin(folder, {"precision": "bfloat16"}, resume=True)
    assert folder.exists()


def test_two_runs_are_refused_and_a_dead_one_is_not(tmp_path):
    work = WorkFolder.begin(tmp_path / "w", {})
    with pytest.raises(OutputError, match="in use by process"):
        WorkFolder.begin(tmp_path / "w", {}, overwrite=True)
    killed(work)
    WorkFolder.begin(tmp_path / "w", {}, overwrite=True).release()


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_work_folder_is_named_or_whole(tmp_path, seed):
    folder = kept(tmp_path / "w")
    chance = np.random.default_rng(seed)
    file = folder / ("rows.bin", "checkpoint.npz", "checkpoint.npz")[seed % 3]
    content = bytearray(file.read_bytes())
    place = int(chance.integers(len(content)))
    if seed < 20:
        del content[place:]
    else:
        content[place] ^= 1 << int(chance.integers(8))
    file.write_bytes(content)
    try:
        state, image = WorkFolder.begin(folder, {"precision": "float32"}, resume=True).resumed
    except OutputError as error:
        assert "damaged" in str(error)  # noqa: PT017 - either is right
    else:  # a byte that nothing depends on, such as a time in an archive
        assert (state["done"], state["rows"], image.sum()) == (3, 2, 4)


def test_state_is_json(tmp_path):
    work = WorkFolder.begin(tmp_path / "w", {"frames": (1, 2)})
    assert json.loads(json.dumps(work.identity)) == {"frames": [1, 2]}
