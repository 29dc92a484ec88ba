"""Things that are no molecules are replaced by what is there in other frames."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np

from deep_storm.estimation.screening import outliers
from deep_storm.estimation.screening.outliers import (
    fill_odd_cells,
    find_odd_pixels,
    replace_odd_cells,
)
from deep_storm.io.stacks.frames import open_frames

ALL = np.ones((64, 64), dtype=bool)
yy, xx = np.mgrid[:64, :64]


def in_photons(molecules):
    return ((molecules - 100) * 0.5).astype(np.float32)


def test_molecules_are_ordinary(molecules):
    frames = in_photons(molecules)
    before = frames.copy()
    always, share = replace_odd_cells(frames, ALL)
    assert share < 0.005
    assert not always.any()
    assert (frames == before).mean() > 0.995


def test_debris_that_swims_is_replaced(molecules):
    frames = in_photons(molecules)
    clean = frames.copy()
    for t, frame in enumerate(frames):
        frame += 300 * np.exp(-((xx - t) ** 2 + (yy - 30) ** 2) / 18)
    always, share = replace_odd_cells(frames, ALL)
    assert 0.05 < share < 0.4
    assert always.mean() < 0.2
    left, right = (values[:, ~always].mean() - 20 for values in (frames, clean))
    assert abs(left - right) < 0.1 * right


def test_a_bead_is_marked_and_left(molecules):
    frames = in_photons(molecules)
    frames += 2000 * np.exp(-((xx - 30) ** 2 + (yy - 20) ** 2) / 3)
    always, _ = replace_odd_cells(frames, ALL)
    assert always[20, 30]
    assert always.mean() < 0.2


def test_the_surroundings_of_a_bead_are_odd_in_every_frame(molecules):
    frames = in_photons(molecules)
    frames += 2000 * np.exp(-((xx - 30) ** 2 + (yy - 20) ** 2) / 3)
    odd = find_odd_pixels(frames)
    assert odd[:, 14:26, 24:36].all()
    assert odd.mean() < 0.2


def test_a_bead_is_filled_with_what_is_elsewhere(molecules):
    frames = in_photons(molecules)
    clean = frames.copy()
    frames += 2000 * np.exp(-((xx - 30) ** 2 + (yy - 20) ** 2) / 3)
    fill_odd_cells(frames)
    assert frames.max() <= clean.max()
    left, right = (values.mean() - 20 for values in (frames, clean))
    assert abs(left - right) < 0.1 * right
    assert (frames != clean).mean() < 0.2


def test_a_few_frames_are_left_as_they_are(molecules):
    frames = in_photons(molecules)[:5]
    frames[2, 10:30, 10:30] += 1000
    before = frames.copy()
    assert replace_odd_cells(frames, ALL)[1] == 0.0
    assert (frames == before).all()


def test_a_structure_over_the_field_is_what_there_is():
    # filaments in 20 frames: molecules of the same places in many of them
    stack = Path(__file__).resolve().parents[2] / "data" / "filaments_drift_first20.tif"
    with open_frames(stack) as stream:
        frames = in_photons(stream.read(0, 20).astype(np.float32))
    before = frames.copy()
    always, share = replace_odd_cells(frames, ALL)
    assert share == 0.0
    assert not always.any()
    assert (frames == before).all()


def test_noise_of_whole_numbers_is_not_odd():
    noise = np.random.default_rng(1).poisson(20, (20, 64, 64)).astype(np.float32)
    assert find_odd_pixels(noise) is None


def test_large_frames_need_little_memory_beside_them(monkeypatch):
    monkeypatch.setattr(outliers, "CHUNK_VALUES", 512 * 512)
    noise = np.random.default_rng(1).normal(20, 4, (20, 512, 512)).astype(np.float32)
    tracemalloc.start()
    replace_odd_cells(noise, np.ones((512, 512), dtype=bool))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < noise.nbytes  # eight times as much where all frames are worked on at once
