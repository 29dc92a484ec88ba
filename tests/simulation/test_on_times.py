"""For how many frames emitters are on."""

from __future__ import annotations

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.camera import Camera
from deep_storm.settings import Background, Emitters, Psf
from deep_storm.simulation.emitters import draw_shares
from deep_storm.simulation.on_times import (
    as_seen,
    draw_on_times,
    mean_frames_seen,
    moments_of_shares,
    switching_at_any_time,
)
from deep_storm.simulation.patches import PatchSimulator

COUNT = 20_000
CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=1)


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


@pytest.mark.parametrize("on_time_frames", [0.3, 2.0, 9.0])
def test_moments_of_the_parts_of_a_frame(on_time_frames):
    shares = draw_shares(on_time_frames, 200_000, np.random.default_rng(3))
    moments = moments_of_shares(on_time_frames)
    assert moments == pytest.approx((shares.mean(), (shares**2).mean()), rel=0.01)


def test_emitters_that_are_seen_in_several_frames_switch_at_any_time():
    """The photons of all that are seen are what was asked for, the first of each differ."""
    seen = emitters(seen_frames=3.0, intensity_std_photon=900.0, spread="gamma")
    made = switching_at_any_time(seen)
    assert mean_frames_seen(made) == 3.0
    assert made.intensity_photon == pytest.approx(1500.0)
    dark = Background(background_photon=10)
    batch = PatchSimulator(
        CAMERA, Psf(sigma_nm=130), seen, dark, 64, 400, 1, movie_frames=8
    ).batch_at(0)
    photons = batch.intensity_photon[batch.present]
    assert photons.mean() == pytest.approx(1000.0, rel=0.03)
    assert photons.std() == pytest.approx(900.0, rel=0.05)
    repeated = np.unique(photons, return_counts=True)[1]
    assert (repeated == 1).sum() / repeated.sum() == pytest.approx(2 / 3, abs=0.1)


@pytest.mark.parametrize(
    "changes",
    [
        {"intensity_std_photon": 700.0},
        {"seen_frames": 3.0, "intensity_std_photon": 100.0},
        {"on_time_frames": 2.0, "seen_frames": 3.0, "intensity_std_photon": 700.0},
    ],
    ids=["one frame", "alike in all frames", "on-time given"],
)
def test_others_stay_as_they_are(changes):
    assert switching_at_any_time(emitters(**changes)) == emitters(**changes)


def test_photons_that_differ_as_parts_of_frames_alone_do():
    made = switching_at_any_time(emitters(seen_frames=2.0, intensity_std_photon=600.0))
    assert made.intensity_std_photon == 0.0
    assert made.intensity_photon == pytest.approx(2000.0)


@pytest.mark.parametrize("std_photon", [0.0, 400.0, 1200.0])
def test_what_is_seen_of_emitters_with_an_on_time_and_back(std_photon):
    given = emitters(on_time_frames=2.5, intensity_std_photon=std_photon, spread="gamma")
    photons = given.intensity_photon * draw_shares(2.5, 200_000, np.random.default_rng(4))
    seen = as_seen(given)
    assert (seen.on_time_frames, seen.seen_frames) == (0.0, 3.5)
    assert seen.intensity_photon == pytest.approx(photons.mean(), rel=0.01)
    spread = np.hypot(photons.std(), std_photon / 1000.0 * np.sqrt((photons**2).mean()))
    assert seen.intensity_std_photon == pytest.approx(spread, rel=0.01)
    back = switching_at_any_time(seen)
    assert back.intensity_photon == pytest.approx(1000.0)
    assert back.intensity_std_photon == pytest.approx(std_photon, abs=1e-3)


def test_one_frame_is_seen_as_it_is():
    assert as_seen(emitters(seen_frames=3.0)) == emitters(seen_frames=3.0)


def test_the_longest_on_time_can_be_read_again():
    seen = as_seen(emitters(on_time_frames=1000.0))
    assert ds.Emitters.parse(seen.model_dump()).seen_frames == 1000.0
