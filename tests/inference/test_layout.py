"""How the work is divided among chunks and batches."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from deep_storm.inference import layout
from deep_storm.inference.layout import plan_layout
from deep_storm.inference.reading import NativeReader
from deep_storm.networks import make_network
from deep_storm.settings import Network, Reconstruction


@pytest.fixture
def planned(monkeypatch):
    """Return how a movie of 64 × 64 px is divided on a computer with 16 GiB of free memory."""
    memory = SimpleNamespace(available=16 * 2**30)
    monkeypatch.setattr(layout.psutil, "virtual_memory", lambda: memory)

    def plan(on_gpu, **settings):
        chosen = Reconstruction(**settings)
        return plan_layout(
            make_network(Network()), NativeReader(8), (10_000, 64, 64), chosen, on_gpu
        )

    return plan


def test_a_gpu_gets_larger_batches_and_chunks(planned):
    assert (planned(False).batch_frames, planned(False).chunk_frames) == (32, 64)
    assert (planned(True).batch_frames, planned(True).chunk_frames) == (128, 256)


def test_what_was_set_holds_on_a_gpu_too(planned):
    assert planned(True, chunk_frames=7)[:2] == (7, 7)
    assert planned(True, refine=True)[:2] == (16, 16)
