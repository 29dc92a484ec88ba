"""For how many frames emitters are on."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.settings import Emitters
from deep_storm.simulation.on_times import draw_on_times, mean_frames_seen

COUNT = 20_000


def emitters(**changes):
    return Emitters(density_per_um2=1, intensity_photon=1000, **changes)


@pytest.mark.parametrize(
    ("changes", "frames"),
    [({}, 1.0), ({"seen_frames": 3.5}, 3.5), ({"on_time_frames": 2.0}, 3.0)],
)
def test_frames_seen(changes, frames):
    one = emitters(**changes)
    within, on = draw_on_times(one, COUNT, np.random.default_rng(1))
    seen = np.ceil(within + on) - np.floor(within)
    assert mean_frames_seen(one) == frames
    assert seen.mean() == pytest.approx(frames, rel=0.02)


def test_whole_frames_where_no_on_time_is_given():
    within, on = draw_on_times(emitters(seen_frames=4.0), COUNT, np.random.default_rng(2))
    assert not within.any()
    assert (on == on.round()).all()
    assert on.min() == 1


def test_the_on_time_says_it_where_both_are_given():
    both = emitters(on_time_frames=0.5, seen_frames=9.0)
    assert mean_frames_seen(both) == 1.5
