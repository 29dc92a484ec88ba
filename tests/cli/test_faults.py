"""Faults on purpose, in small numbers; ``benchmarks/faults.py`` has the large ones."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits as on POSIX")


@pytest.fixture(scope="module")
def faults():
    path = Path(__file__).parents[2] / "benchmarks" / "faults.py"
    spec = importlib.util.spec_from_file_location("faults", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["faults"] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    module.MAX_SECONDS = 120.0  # a busy machine is no fault
    yield module
    del sys.modules["faults"]


@pytest.fixture
def folder(faults, tmp_path):
    faults.prepare(tmp_path)
    return tmp_path


@pytest.mark.parametrize("kind", ["reconstruction", "training"])
def test_killed_and_resumed_is_uninterrupted(faults, folder, kind):
    tally = faults.killed_and_resumed(kind, folder, 2, seed=5)
    assert tally.tried == 2
    assert not tally.wrong, tally.line()


def test_a_movie_that_is_cut_off(faults, folder):
    tally = faults.cut_off(folder, 4, seed=2)
    assert not tally.wrong, tally.line()


def test_a_model_with_a_flipped_byte(faults, folder):
    tally = faults.flipped(folder, 8, seed=2)
    assert not tally.wrong, tally.line()


def test_fuzzed_inputs(faults, folder):
    tally = faults.fuzzed(folder, 24, seed=2)
    assert not tally.wrong, tally.line()
