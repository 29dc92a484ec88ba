"""Training from beginning to end: what happens when memory does not suffice."""

from __future__ import annotations

import pytest

from deep_storm.networks import make_network
from deep_storm.settings import Network, Training
from deep_storm.training.schedule import settings_for
from deep_storm.training.session import within_memory


def running_with(patches, seen):
    """Return what stands for a training on a device with memory for so many patches."""
    import tensorflow as tf

    def run(settings):
        seen.append(settings.batch)
        if settings.batch > patches:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
        return "trained"

    return run


def settings():
    return settings_for(make_network(Network()), Training(batch=32))


def test_too_little_memory_halves_the_batch():
    seen = []
    with pytest.warns(UserWarning, match="too small") as said:
        used, result = within_memory(running_with(8, seen), settings())
    assert [str(w.message)[-2:].strip() for w in said] == ["16", "8"]
    assert (seen, used.batch, result) == ([32, 16, 8], 8, "trained")


def test_no_memory_for_a_single_patch_is_an_error():
    with (
        pytest.raises(MemoryError, match="patch of 32 px"),
        pytest.warns(UserWarning, match="too small"),
    ):
        within_memory(running_with(0, []), settings())
