"""How many dim emitters are expected."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.quality.emitter_causes import share_dimmed
from deep_storm.settings import Emitters


@pytest.mark.parametrize("spread", ["normal", "gamma", "uniform"])
def test_share_of_dim_emitters(spread):
    emitters = Emitters(
        density_per_um2=2, intensity_photon=1500, intensity_std_photon=750, spread=spread
    )
    rng = np.random.default_rng(1)
    draw = {
        "normal": rng.normal(1500, 750, 100_000),
        "gamma": rng.gamma(4.0, 375.0, 100_000),
        "uniform": rng.uniform(1500 - 750 * 3**0.5, 1500 + 750 * 3**0.5, 100_000),
    }[spread]
    assert share_dimmed(emitters) == pytest.approx(np.mean(draw < 750), abs=0.01)
