"""Work folders: resumed = uninterrupted, whatever happened; two runs never share one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from deep_storm.errors import OutputError
from deep_storm.extraction.candidates import Candidates
from deep_storm.inference import store
from deep_storm.inference.store import MemoryStore, WorkFolder

STATE = {"done": 3}


def found(frames, seed=0):
    random = np.random.default_rng(seed)
    columns = [random.random(len(frames), np.float32) for _ in range(7)]
    return Candidates(np.asarray(frames, np.int64), *columns)


def joined(kept):
    return [np.concatenate(c) for c in zip(*kept.pieces(), strict=True)]


def test_a_file_gives_what_memory_gives(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "ROWS_AT_A_TIME", 5)
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
    assert state == {**STATE, "rows": 2}
    assert image.sum() == 4
    assert list(next(again.pieces()).frame) == [0, 1]


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


def test_nothing_to_go_on_from(tmp_path):
    with pytest.raises(OutputError, match="no checkpoint"):
        WorkFolder.begin(tmp_path / "w", {}, resume=True)
    assert not (tmp_path / "w").exists()


def test_other_settings_are_named(tmp_path):
    folder = kept(tmp_path / "w")
    with pytest.raises(OutputError, match="another precision"):
        WorkFolder.begin(folder, {"precision": "bfloat16"}, resume=True)
    assert folder.exists()


def test_two_runs_are_refused_and_a_dead_one_is_not(tmp_path):
    work = WorkFolder.begin(tmp_path / "w", {})
    with pytest.raises(OutputError, match="in use by process"):
        WorkFolder.begin(tmp_path / "w", {}, overwrite=True)
    (work.folder / "lock").write_text("999999999 1.0\n")
    WorkFolder.begin(tmp_path / "w", {}, overwrite=True)


@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_checkpoint_is_named(tmp_path, seed):
    folder = kept(tmp_path / "w")
    file = folder / "checkpoint.npz"
    content = bytearray(file.read_bytes())
    if seed == 0:
        (folder / "rows.bin").write_bytes(b"")
    else:
        del content[np.random.default_rng(seed).integers(len(content)) :]
    file.write_bytes(content)
    with pytest.raises(OutputError, match="damaged"):
        WorkFolder.begin(folder, {"precision": "float32"}, resume=True)


def test_state_is_json(tmp_path):
    work = WorkFolder.begin(tmp_path / "w", {"frames": (1, 2)})
    assert json.loads(json.dumps(work.identity)) == {"frames": [1, 2]}
