"""Which brightness makes simulated frames most like a movie."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deep_storm.training.likeness import ANYWHERE, known_before, most_alike

TRUE = np.array([-0.3, 0.8, 0.05])


def answers(place):
    """Number, mean photons and spread of what a network would find."""
    share, spread, light = place
    merged = 0.2 * math.exp(-share)
    number = math.exp(light - share) * (1.0 - merged)
    photons = math.exp(share) * (1.0 + merged)
    return number, photons, 0.8 * spread + 0.1 * merged


def tried():
    return np.array(
        [
            (math.log(share), spread, light)
            for k, share in enumerate((0.5, 0.7, 0.9, 1.15))
            for n, spread in enumerate((0.1, 0.45, 0.8, 1.2))
            for light in [(-0.08, 0.15)[(k + n) % 2]]
        ]
    )


def found(seen, known):
    places = tried()
    given = np.array([answers(place) for place in places])
    return most_alike(places, given, np.array(seen), known)


def test_the_brightness_whose_answers_are_the_movies():
    share, spread, light = found(answers(TRUE), ANYWHERE._replace(spread=0.7))
    assert share == pytest.approx(-0.3, abs=0.05)
    assert spread == pytest.approx(0.8, abs=0.05)
    assert light == pytest.approx(0.05, abs=0.03)


def test_a_part_of_the_field_that_is_denser_is_not_taken_for_dimmer_molecules():
    number, photons, spread = answers(TRUE)
    seen = 1.4 * number, photons, spread
    taken = known_before(0.7, uniform=False, estimated=None)
    assert found(seen, taken)[0] < -0.4
    assert found(seen, taken._replace(density_error=0.3))[0] == pytest.approx(-0.3, abs=0.02)


def test_how_strongly_light_fluctuates_tells_bright_ones_from_many():
    number, photons, spread = answers(TRUE)
    misled = 0.9 * number, 1.1 * photons, spread  # as where molecules lie closer than simulated
    known = known_before(0.7, uniform=False, estimated=None)
    logarithm = TRUE[2] + TRUE[0] + math.log1p(TRUE[1] ** 2)
    told = known._replace(fluctuating=(logarithm, 0.02))
    without, with_it = (found(misled, k) for k in (known, told))
    beyond = [
        s + light + math.log1p(spread**2) - logarithm for s, spread, light in (without, with_it)
    ]
    assert beyond[0] > 0.05
    assert abs(beyond[1]) < 0.4 * beyond[0]


def test_an_estimate_is_believed_as_far_as_it_is_known():
    sure, unsure = (known_before(0.4, uniform=True, estimated=e) for e in (0.0, 0.5))
    assert sure.spread == unsure.spread == 0.4
    assert sure.errors[0] == 0.05
    assert unsure.errors[0] > 0.5
