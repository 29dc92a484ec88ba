"""Where emitters are, from maps of noise."""

import numpy as np

from deep_storm.estimation.density import local_density


def test_noise_makes_no_density_negative():
    """Too high a background leaves a map below zero, of which one place seems to hold light."""
    rng = np.random.default_rng(1)
    halves = rng.normal(-20.0, 4.0, (2, 16, 16))
    halves[0, 8, 8] = 200.0
    found = local_density(halves, 0.0, 1000.0, 100.0, 1.2)
    assert min(found.percentiles_per_um2) >= 0.0
