"""Camera maps that lie over a movie in another way."""

import numpy as np
import pytest

from deep_storm.estimation.camera.maps import TURNS, Fit, how_it_lies, turned

SIZE = 64


def noise_map(seed=1):
    """Variances as an sCMOS camera has them: most alike, few much larger."""
    return np.sqrt(np.random.default_rng(seed).gamma(2.0, 2.0, (SIZE, SIZE))).astype(np.float32) * 2


def frames_of(noise, count=12, seed=2, light=9.0):
    rng = np.random.default_rng(seed)
    frames = 100.0 + rng.normal(0, 1, (count, *noise.shape)) * np.sqrt(noise**2 + light)
    rows, columns = (rng.integers(0, edge, 100) for edge in noise.shape)
    frames[rng.integers(0, count, 100), rows, columns] += 300.0
    return frames.astype(np.float32)


def test_maps_that_lie_right_stay():
    noise = noise_map()
    assert how_it_lies(noise, frames_of(noise)) == Fit()


@pytest.mark.parametrize("turn", TURNS)
def test_what_has_to_be_done_with_maps_is_found(turn):
    given = noise_map()
    assert how_it_lies(given, frames_of(turned(given, turn))) == Fit(turn=turn)


def test_a_map_of_another_shape_may_be_one_that_was_turned():
    given = noise_map()[:, :40]
    frames = frames_of(np.ascontiguousarray(given.T))
    assert how_it_lies(given, frames).turn == "with rows and columns swapped"


def test_maps_of_another_camera_contradict():
    assert how_it_lies(noise_map(5), frames_of(noise_map())).contradicts


@pytest.mark.parametrize(
    "frames",
    [
        frames_of(noise_map(), 3),
        frames_of(noise_map(), light=4000.0),
        np.full((12, SIZE, SIZE), 100, np.uint16),
    ],
    ids=["few frames", "much light", "constant"],
)
def test_where_nothing_can_be_seen_nothing_is_said(frames):
    assert how_it_lies(noise_map(5), frames) == Fit()


def test_an_even_map_says_nothing():
    assert how_it_lies(np.full((SIZE, SIZE), 2.0, np.float32), frames_of(noise_map())) == Fit()
