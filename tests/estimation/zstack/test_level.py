"""How much light lies far out, from beads that are not equally bright."""

import math

import numpy as np
import pytest

from deep_storm.estimation.zstack.fit import BeadFit
from deep_storm.estimation.zstack.level import combined, seen_level

LEVEL = 8e-5


def fitted(photons, above, around=20.0):
    """Return a bead of a fit with so much background above that of the field."""
    at = np.array([0.0, 0.0, 0.0, math.log(photons), 0.0, around + above])
    return BeadFit(np.zeros((5, 3, 3)), np.zeros((3, 3)), 1.0, np.arange(5.0), at, around)


def test_backgrounds_that_rise_with_brightness_are_tails():
    rng = np.random.default_rng(1)
    photons = rng.uniform(2000, 20000, 12)
    around = rng.uniform(5, 80, 12)  # uneven light is none of it
    above = 0.3 + LEVEL * photons + rng.normal(0, 0.05, 12)
    above[3] += 3.0  # beside something
    found = seen_level([fitted(*values) for values in zip(photons, above, around, strict=True)])
    assert found.value == pytest.approx(LEVEL, rel=0.1)
    assert 0.1e-5 < found.error < 1e-5
    assert combined(found, 1e-5, 4e-5) == pytest.approx(found.value, rel=0.05)


def test_what_beads_do_not_show_is_that_of_a_perfect_lens():
    equal = [fitted(8000.0 + k, 0.1 * (-1) ** k) for k in range(8)]
    assert combined(seen_level(equal), 4e-5, 4e-5) == pytest.approx(4e-5, rel=0.05)
    assert seen_level(equal[:4]) is None
    assert combined(None, 4e-5, 4e-5) == 4e-5


def test_no_more_is_believed_than_a_lens_can_do():
    steep = [fitted(1000.0 * k, 5.0 * k) for k in range(1, 9)]
    assert combined(seen_level(steep), 4e-5, 4e-5) == pytest.approx(16e-5)
