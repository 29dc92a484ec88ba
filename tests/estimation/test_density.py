"""Where emitters are, from the mean of their light."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from deep_storm.estimation.density import filament_length, local_density
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
    longest = filament_length(1.0 + 1e-6, 0.02)
    assert Emitters(**EMITTERS, filament_um_per_um2=longest).filament_um_per_um2 == longest


def test_noise_makes_no_density_negative():
    """Too high a background leaves a map below zero, of which one place seems to hold light."""
    rng = np.random.default_rng(1)
    halves = rng.normal(-20.0, 4.0, (2, 16, 16))
    halves[0, 8, 8] = 200.0
    found = local_density(halves, 0.0, 1000.0, 100.0, 1.2)
    assert min(found.percentiles_per_um2) >= 0.0
