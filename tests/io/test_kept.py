"""Small results that are kept for the next run."""

import json
import os

import pytest

from deep_storm.io import kept

KEY = "a" * 64
OTHER = "b" * 64
VALUES = {"threshold": 0.1 + 0.2, "scores": [1.0, 1e-300]}


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path)
    return tmp_path / "learnt"


def test_values_come_back_to_the_last_digit(folder):
    assert kept.recall(KEY) is None
    kept.keep(KEY, VALUES)
    assert kept.recall(KEY) == VALUES
    assert kept.recall(OTHER) is None


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[" * 100_000,
        b'{"values": 1}',
        b"\xff\xfe\x00",
        json.dumps({"key": KEY, "checksum": "0" * 64, "values": VALUES}).encode(),
    ],
)
def test_a_damaged_entry_is_none(folder, damage):
    kept.keep(KEY, VALUES)
    (folder / f"{KEY}.json").write_bytes(damage)
    assert kept.recall(KEY) is None
    kept.keep(KEY, VALUES)
    assert kept.recall(KEY) == VALUES


def test_a_changed_number_is_noticed(folder):
    kept.keep(KEY, {"threshold": 0.25})
    path = folder / f"{KEY}.json"
    path.write_text(path.read_text().replace("0.25", "0.35"))
    assert kept.recall(KEY) is None


def test_an_entry_of_another_key_or_a_link_is_none(folder):
    kept.keep(KEY, VALUES)
    (folder / f"{OTHER}.json").write_bytes((folder / f"{KEY}.json").read_bytes())
    assert kept.recall(OTHER) is None
    (folder / f"{KEY}.json").rename(folder / "elsewhere")
    (folder / f"{KEY}.json").symlink_to(folder / "elsewhere")
    assert kept.recall(KEY) is None


def test_too_much_is_neither_kept_nor_read(folder, monkeypatch):
    kept.keep(KEY, ["x" * kept.MAX_BYTES])
    assert kept.recall(KEY) is None
    kept.keep(KEY, VALUES)
    monkeypatch.setattr(kept, "MAX_BYTES", 10)
    assert kept.recall(KEY) is None


def test_only_the_entries_used_last_stay(folder, monkeypatch):
    monkeypatch.setattr(kept, "MAX_ENTRIES", 2)
    for time, key in enumerate((KEY, OTHER)):
        kept.keep(key, VALUES)
        os.utime(folder / f"{key}.json", (time, time))
    assert kept.recall(KEY) == VALUES  # used now
    kept.keep("c" * 64, VALUES)
    assert {path.stem[0] for path in folder.iterdir()} == {"a", "c"}


def test_without_a_folder_nothing_is_kept(monkeypatch):
    monkeypatch.setattr(kept, "cache_folder", lambda: None)
    kept.keep(KEY, VALUES)
    assert kept.recall(KEY) is None


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_folder_that_others_can_write_is_not_used(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path)
    (tmp_path / "learnt").mkdir()
    assert kept.folder_of_kept() == tmp_path / "learnt"
    (tmp_path / "learnt").chmod(0o777)
    assert kept.folder_of_kept() is None
