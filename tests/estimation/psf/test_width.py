"""The width of the PSF that a measurement begins with."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from deep_storm.estimation.psf.width import blinking


@pytest.mark.filterwarnings("error")
def test_what_is_not_known_has_no_light():
    rng = np.random.default_rng(1)
    photons = rng.poisson(20.0, (6, 8, 8)).astype(float)
    window = np.array([0, 0, 0, 0, 1, 1])
    photons[1] = np.nan  # a frame in which all of the window is saturated,
    photons[4:] = np.nan  # a window of which nothing is known,
    photons[:, 3, 3] = np.nan  # and a pixel
    light = blinking(SimpleNamespace(photons=photons, window=window))
    assert not light[1].any()
    assert not light[4:].any()
    assert not light[:, 3, 3].any()
    assert light[[0, 2, 3]].mean() == pytest.approx(0.0, abs=0.1)
    assert light[[0, 2, 3]].std() > 1.0
