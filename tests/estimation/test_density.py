"""Where emitters are, from the mean of their light."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from deep_storm.estimation.density import (
    chance_unevenness,
    filament_length,
    local_density,
    shared_by_halves,
    unevenness,
    unevenness_of_frames,
)
from deep_storm.estimation.sampling import HALF_FRAMES
from deep_storm.settings import Emitters
from deep_storm.simulation.field import Field
from deep_storm.simulation.structures import draw_clusters, draw_filaments

SIGMA_PX = 1.2
EMITTERS = {"density_per_um2": 1.0, "intensity_photon": 1000.0}
FIELD = Field(128, 128, 100.0, 10.0)


def halves(structure, rng, per_half=4000):
    """Return two mean images of emitters on a structure, blurred, one photon each."""
    maps = []
    for _ in range(2):
        x, y = structure.positions(3 * per_half, rng)
        inside = FIELD.contains(x, y)
        counts = np.histogram2d(y[inside], x[inside], (np.arange(129), np.arange(129)))[0]
        maps.append(ndimage.gaussian_filter(counts, SIGMA_PX))
    return np.stack(maps)


def found(structure, rng):
    return local_density(halves(structure, rng), 0.0, 1.0, 100.0, SIGMA_PX)


@pytest.mark.parametrize("um_per_um2", [0.4, 0.8, 1.6])
def test_the_length_of_filaments(um_per_um2):
    ratios = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        filaments = draw_filaments(FIELD, rng, um_per_um2)
        local = found(filaments, rng)
        assert local.structure == "filaments"
        length_um = FIELD.contains(filaments.x_px, filaments.y_px).sum() * 0.1
        ratios.append(local.filament_um_per_um2 * FIELD.area_um2 / length_um)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.25)


def test_clusters_have_no_length():
    rng = np.random.default_rng(3)
    local = found(draw_clusters(FIELD, rng), rng)
    assert local.structure == "clusters"
    assert local.filament_um_per_um2 == 0.0


def test_lines_that_fill_the_field_are_as_long_as_simulation_can_have_them():
    longest = filament_length(1.0 + 1e-6, 0.002, 100.0)
    assert Emitters(**EMITTERS, filament_um_per_um2=longest).filament_um_per_um2 == longest


def test_noise_makes_no_density_negative():
    """Too high a background leaves a map below zero, of which one place seems to hold light."""
    rng = np.random.default_rng(1)
    halves = rng.normal(-20.0, 4.0, (2, 16, 16))
    halves[0, 8, 8] = 200.0
    found = local_density(halves, 0.0, 1000.0, 100.0, 1.2)
    assert min(found.percentiles_per_um2) >= 0.0


def frames_of(on_frames, density_per_frame, frames, rng, xy=None):
    """Return frames of blurred emitters, one photon each, that stay on for geometric times."""
    births = rng.poisson(density_per_frame / on_frames * (frames + 10 * on_frames))
    start = rng.uniform(-10 * on_frames, frames, births).astype(int)
    stop = start + rng.geometric(1.0 / on_frames, births)
    x, y = rng.uniform(0, 64, (2, births)) if xy is None else xy(births)
    light = np.zeros((frames, 64, 64))
    for k in range(births):
        light[max(start[k], 0) : max(stop[k], 0), int(y[k]), int(x[k])] += 1.0
    return ndimage.gaussian_filter(light, (0.0, SIGMA_PX, SIGMA_PX), mode="wrap")


def halves_of(light):
    half = np.arange(len(light)) // HALF_FRAMES % 2
    return np.stack([light[half == k].mean(axis=0) for k in (0, 1)])


def test_molecules_that_stay_on_are_no_structure():
    """A few that shine in both halves are bright places in both, wherever they lie."""
    seen, expected, apart = [], [], []
    for seed in range(6):
        light = frames_of(8.0, 25.0, 80, np.random.default_rng(seed))
        seen.append(unevenness(halves_of(light)) - 1.0)
        shared = 25.0 / 64**2 * shared_by_halves([80], 8.0)
        expected.append(chance_unevenness(shared, float(light.mean()), SIGMA_PX))
        apart.append(unevenness_of_frames(light, 40))
    assert np.mean(seen) > 0.8  # far beyond what is called a structure
    assert np.mean(expected) == pytest.approx(np.mean(seen), rel=0.25)
    assert np.mean(apart) == pytest.approx(1.0, abs=0.15)


def test_a_structure_of_molecules_that_stay_on_stays_one():
    rng = np.random.default_rng(4)

    def on_a_line(count):
        return rng.uniform(0, 64, count), np.full(count, 30.0)

    light = frames_of(4.0, 25.0, 80, rng, on_a_line)
    shared = 25.0 / 64**2 * shared_by_halves([80], 4.0)
    found = local_density(halves_of(light), 0.0, 1.0, 100.0, SIGMA_PX, shared)
    assert found.unevenness > 5.0
    assert unevenness_of_frames(light, 20) > 5.0


def test_emitters_of_one_frame_are_shared_by_no_halves():
    assert shared_by_halves([80, 80], 1.0) == 0.0
    assert shared_by_halves([HALF_FRAMES], 8.0) == 0.0  # there is no second half
    once, twice = shared_by_halves([80], 4.0), shared_by_halves([80, 80], 4.0)
    assert twice == pytest.approx(once / 2)


def test_what_halves_share_is_the_mean_over_pairs_of_frames_and_of_long_tables_too():
    number, staying = np.arange(73), 0.75
    half = number // HALF_FRAMES % 2
    apart = number[half == 0][:, None] - number[half == 1]
    assert shared_by_halves([73], 4.0) == pytest.approx(np.mean(staying ** np.abs(apart)))
    # pairs of so many frames do not fit into memory; at each of n / 10 turns q / (1 − q)² of them
    frames = 300_000
    expected = frames / HALF_FRAMES * staying / (1.0 - staying) ** 2 / (frames / 2) ** 2
    assert shared_by_halves([frames], 4.0) == pytest.approx(expected, rel=0.15)
