"""A file that several threads read."""

from __future__ import annotations

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deep_storm.io.stacks.pages import OpenFile


@pytest.fixture
def restless():
    """Threads that change over at nearly every step."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_threads_that_share_a_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "bytes"
    content = np.random.default_rng(0).integers(0, 256, 200_000, dtype=np.uint8)
    content.tofile(path)
    file = OpenFile(path)

    def read(seed: int) -> None:
        rng = np.random.default_rng(seed)
        out = np.empty(5000, np.uint8)
        for place in rng.integers(0, content.size - out.size, 300):
            assert file.read_into(int(place), out) == out.size
            np.testing.assert_array_equal(out, content[place : place + out.size])
            assert file.read_at(int(place), 100) == content[place : place + 100].tobytes()
            file.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(read, range(4)))


def test_it_goes_to_other_processes(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(b"0123456789")
    file = OpenFile(path)
    assert file.read_at(2, 3) == b"234"
    other = pickle.loads(pickle.dumps(file))
    assert other.read_at(4, 2) == b"45"
    file.close()
    other.close()
