"""What every network keeps to."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.networks.company import in_company
from deep_storm.settings import Network

SCALES = Scales(background_photon=20, input_photon=100, intensity_photon=1500, sigma_px=1.3)


@pytest.mark.parametrize("name", ["native", "classic"])
@pytest.mark.parametrize("batch", [1, 2, 3, 5])
def test_a_frame_is_answered_alike_in_any_company(name, batch):
    network = make_network(Network(network=name, upsampling=4))
    infer = network.inference(network.build(), SCALES)
    frames = np.random.default_rng(1).normal(size=(8, 24, 40, 1)).astype(np.float32)
    parts = [infer(frames[k : k + batch]) for k in range(0, 8, batch)]
    np.testing.assert_array_equal(np.concatenate(parts), infer(frames))


def in_memory_for(frames, seen):
    """Return what stands for a network on a device with memory for so many frames."""
    import tensorflow as tf

    def run(batch):
        seen.append(len(batch))
        if len(batch) > 2 * frames:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
        if len(batch) > frames:
            raise tf.errors.NotFoundError(None, None, "No algorithm worked!")
        return tf.constant(2 * batch)

    return run


def test_too_little_memory_halves_the_batches_and_is_said_once():
    seen = []
    infer = in_company(in_memory_for(5, seen))
    frames = np.arange(17, dtype=np.float32)[:, None, None, None]
    with pytest.warns(UserWarning, match="too small") as said:
        first = infer(frames)
    np.testing.assert_array_equal(first, 2 * frames)
    np.testing.assert_array_equal(infer(frames), first)
    assert seen == [17, 8, 4, 4, 4, 4, 2, 4, 4, 4, 4, 2]
    assert [str(w.message).rpartition(" gets ")[2] for w in said] == [
        "8 from here on",
        "4 from here on",
    ]


def test_no_memory_for_two_frames_is_an_error():
    infer = in_company(in_memory_for(1, []))
    with (
        pytest.raises(MemoryError, match="2 frames of 3 × 1 px"),
        pytest.warns(UserWarning, match="too small"),
    ):
        infer(np.zeros((8, 3, 1, 1), np.float32))


def test_another_error_stays_what_it_is():
    import tensorflow as tf

    def run(batch):
        raise tf.errors.NotFoundError(None, None, "no such kernel")

    with pytest.raises(tf.errors.NotFoundError, match="no such kernel"):
        in_company(run)(np.zeros((8, 3, 1, 1), np.float32))
