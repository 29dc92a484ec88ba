"""Faults on purpose, in small numbers; ``benchmarks/faults.py`` has the large ones."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits as on POSIX")


@pytest.fixture(scope="module")
def faults():
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        yield importlib.import_module("faults")


@pytest.fixture(scope="module")
def prepared(faults, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    faults.prepare(folder)
    return folder


@pytest.fixture
def folder(prepared, tmp_path):
    return Path(shutil.copytree(prepared, tmp_path / "folder"))


@pytest.mark.parametrize("kind", ["reconstruction", "training"])
def test_killed_and_resumed_is_uninterrupted(faults, folder, kind):
    tally = faults.killed_and_resumed(kind, folder, 1, seed=5)
    assert tally.tried == 1
    assert not tally.wrong, tally.line()


@pytest.mark.parametrize(
    ("damage", "files"),
    [("cut_off", 3), ("flipped", 4), ("fuzzed", 24), ("damaged_checkpoints", 6)],
)
def test_damaged_files_end_in_a_sentence_or_a_result(faults, folder, damage, files):
    tally = getattr(faults, damage)(folder, files, seed=2)
    assert tally.tried >= files
    assert not tally.wrong, tally.line()


def test_files_made_to_harm(faults, folder):
    tally = faults.hostile_files(folder)
    assert tally.tried > 100
    assert not tally.wrong, tally.line()
