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


def test_a_movie_that_is_cut_off(faults, folder):
    tally = faults.cut_off(folder, 3, seed=2)
    assert not tally.wrong, tally.line()


def test_a_model_with_a_flipped_byte(faults, folder):
    tally = faults.flipped(folder, 4, seed=2)
    assert not tally.wrong, tally.line()


def test_fuzzed_inputs(faults, folder):
    tally = faults.fuzzed(folder, 24, seed=2)
    assert not tally.wrong, tally.line()


def test_damaged_checkpoints(faults, folder):
    tally = faults.damaged_checkpoints(folder, 6, seed=2)
    assert not tally.wrong, tally.line()


def test_files_made_to_harm(faults, folder):
    tally = faults.hostile_files(folder)
    assert tally.tried > 100
    assert not tally.wrong, tally.line()
