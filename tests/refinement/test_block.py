"""The joint fit of a block: derivatives, precision, and what the evidence prefers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from deep_storm.psf.cholesky import solve
from deep_storm.refinement.block import derive, expect, fit
from deep_storm.refinement.light import fill_profile
from deep_storm.refinement.moves import NEVER
from deep_storm.refinement.prior import (
    COLUMNS,
    Prior,
    add_prior,
    height_of_photons,
    log_of_photons,
)
from deep_storm.refinement.shapes import gaussian_shape

PRIOR = Prior(1500.0, 300.0, 1.3, 1.0, float(np.log(0.02)), **gaussian_shape(1.3, 0.1).fields)


def rows(*emitters):
    """Return emitters of whose places the frames beside say nothing."""
    return np.array([[*emitter, *np.zeros(COLUMNS - 4)] for emitter in emitters])


TWO = rows([8.2, 7.1, 1400.0, 1.25], [9.9, 8.4, 1700.0, 1.35])
BESIDE = TWO.copy()
BESIDE[0, 4:] = 8.4, 7.3, 40.0, 30.0, 1.4, 25.0
"""The frames beside say that there is one near the first."""


def expected(p, size=16, background=15.0):
    image = np.full((size, size), background)
    profiles = np.empty((2, 3, size))
    for x, y, photons, sigma, *_ in p:
        fill_profile(0, size, x, sigma, profiles[0])
        fill_profile(0, size, y, sigma, profiles[1])
        image += photons * np.outer(profiles[1, 0], profiles[0, 0])
    return image


def test_a_profile_is_right_to_ten_billionths_of_the_light():
    row = np.empty((3, 40))
    for centre, sigma in ((0.3, 1.2), (-0.77, 0.8), (5.01, 2.3)):
        fill_profile(-20, 40, centre, sigma, row)
        edges = (np.arange(-20, 21) - centre) / sigma
        np.testing.assert_allclose(row[0], np.diff(ndtr(edges)), atol=1e-8)


def test_a_profile_is_the_psf_integrated_over_pixels():
    row = np.empty((3, 40))
    fill_profile(-20, 40, 0.3, 1.2, row)
    assert row[0].sum() == pytest.approx(1.0, abs=1e-9)
    assert (row[0] * (np.arange(-20, 20) + 0.5)).sum() == pytest.approx(0.3, abs=1e-6)


EVEN = PRIOR._replace(shape_reach=0.05, shape_std=0.02)
"""Of its two emitters, at 1.3 and 1.4, one lies where every sigma is as likely."""
GAMMA = PRIOR._replace(photons_std=1000.0, photons_order=2.25)


@pytest.mark.parametrize(
    ("prior", "two"), [(PRIOR, TWO), (EVEN, TWO), (GAMMA, TWO), (PRIOR, BESIDE)]
)
def test_gradient_is_the_slope_of_the_log_posterior(prior, two):
    rng = np.random.default_rng(1)
    data, base = rng.poisson(expected(TWO)).astype(float), np.full((16, 16), 15.0)
    shares, mean = np.empty((2, 4, 16, 16), np.float32), np.empty((16, 16))
    slopes = np.empty((8, 256), np.float32)
    at = two + rows([0.2, -0.1, 150.0, 0.05])
    expect(data, base, 0, 0, at, prior, shares, mean)
    gradient, _ = derive(data, mean, at, prior, shares, slopes)
    for k in range(2):
        for a, step in enumerate((1e-4, 1e-4, 1e-2, 1e-4)):
            ends = []
            for sign in (-1, 1):
                p = at.copy()
                p[k, a] += sign * step
                ends.append(expect(data, base, 0, 0, p, prior, shares, mean))
            assert (ends[1] - ends[0]) / (2 * step) == pytest.approx(gradient[4 * k + a], rel=1e-3)


@pytest.mark.parametrize("edge", [8, 13, 17])
def test_information_is_that_of_the_pixels(edge):
    """Whatever number of pixels and emitters the loops take at a time."""
    p = rows([3.2, 4.1, 1400.0, 1.25], [5.9, 4.4, 1700.0, 1.35], [4.4, 6.9, 1100.0, 1.3])
    data, base = np.full((edge, edge), 30.0), np.full((edge, edge), 15.0)
    shares, mean = np.empty((3, 4, edge, edge), np.float32), np.empty((edge, edge))
    slopes = np.empty((12, edge * edge), np.float32)
    expect(data, base, 0, 0, p, PRIOR, shares, mean)
    gradient, information = derive(data, mean, p, PRIOR, shares, slopes)
    np.testing.assert_allclose(mean, expected(p, edge), rtol=1e-5)
    light = shares.astype(float)
    light[:, 1:] *= p[:, 2, None, None, None]
    every = light[:, [1, 2, 0, 3]].reshape(12, -1)
    nothing, known = np.zeros(12), np.zeros((12, 12))
    add_prior(p, PRIOR, nothing, known)
    wanted = (every / mean.ravel()) @ every.T + known
    np.testing.assert_allclose(information, wanted, rtol=1e-4, atol=1e-5 * wanted.max())
    pull = every @ ((data - mean) / mean).ravel() + nothing
    np.testing.assert_allclose(gradient, pull, rtol=1e-3, atol=1e-4 * np.abs(pull).max())


@pytest.mark.parametrize("prior", [PRIOR, GAMMA])
def test_the_density_of_photons_is_one_in_all(prior):
    photons = np.arange(0.5, 20_000.0)
    logs = np.array([log_of_photons(n, prior) for n in photons])
    density = np.exp(logs + height_of_photons(prior)) / np.sqrt(2.0 * np.pi)
    assert density.sum() == pytest.approx(1.0, abs=1e-3)
    assert (density * photons).sum() == pytest.approx(prior.photons, rel=1e-3)
    assert (density * photons**2).sum() - prior.photons**2 == pytest.approx(
        prior.photons_std**2, rel=0.01
    )


@pytest.mark.parametrize("excess", [1.0, 2.0])
def test_errors_are_as_large_as_the_information_says(excess):
    """With and without EM gain, whose excess noise halves the information."""
    rng = np.random.default_rng(2)
    prior = PRIOR._replace(excess=excess)
    off = []
    for _ in range(300):
        true = TWO.copy()
        true[:, 2] = rng.normal(prior.photons, prior.photons_std, 2)
        true[:, 3] = rng.normal(prior.shape, prior.shape_std, 2)
        signal = rng.poisson(expected(true)).astype(float)
        data = rng.gamma(np.maximum(signal, 1e-9)) if excess == 2.0 else signal
        p, mean = TWO + rows([0.1, -0.1, 0.0, 0.0]), np.empty((16, 16))
        _, factor = fit(data, np.full((16, 16), 15.0), 0, 0, p, prior, 10, NEVER, True, mean)
        for k in range(2):
            unit = np.zeros(8)
            unit[4 * k] = 1.0
            solve(factor, unit)
            off.append((p[k, 0] - TWO[k, 0]) / np.sqrt(unit[4 * k]))
    assert np.std(off) == pytest.approx(1.0, abs=0.15)
    assert abs(np.mean(off)) < 0.15


def test_within_the_reach_every_shape_is_as_likely():
    data = base = np.full((16, 16), 15.0)
    shares, mean = np.empty((1, 4, 16, 16), np.float32), np.empty((16, 16))

    def value(sigma, prior):
        none = rows([-90.0, -90.0, 1500.0, sigma])  # its light is nowhere in the window
        return expect(data, base, 0, 0, none, prior, shares, mean)

    inside = value(1.3, EVEN)
    assert value(1.34, EVEN) == pytest.approx(inside, abs=1e-9)
    assert value(1.39, EVEN) == pytest.approx(inside - 0.5 * (0.04 / 0.02) ** 2, abs=1e-6)
    assert value(1.34, PRIOR) == pytest.approx(value(1.3, PRIOR) - 0.08, abs=1e-6)


def evidence(data, p):
    p = rows(*(emitter[:4] for emitter in p))
    base, mean = np.full(data.shape, 15.0), np.empty(data.shape)
    return fit(data, base, 0, 0, p, PRIOR, 15, NEVER, True, mean)[0]


def test_evidence_prefers_the_true_number():
    """Two emitters 1.6 pixels apart are two; one of the usual brightness is one."""
    rng = np.random.default_rng(3)
    both = rng.poisson(expected([[7.2, 8, 1500, 1.3], [8.8, 8, 1500, 1.3]])).astype(float)
    one = rng.poisson(expected([[8, 8, 1500, 1.3]])).astype(float)
    single, pair = [[8, 8, 1500, 1.3]], [[7.4, 8, 1000, 1.3], [8.6, 8, 1000, 1.3]]
    assert evidence(both, pair) > evidence(both, single) + 20
    assert evidence(one, single) > evidence(one, pair) + 2


def test_a_bright_emitter_is_two_where_brightness_is_known():
    rng = np.random.default_rng(4)
    data = rng.poisson(expected([[8, 8, 3000, 1.3]])).astype(float)
    pair = [[7.7, 8, 1500, 1.3], [8.3, 8, 1500, 1.3]]
    assert evidence(data, pair) > evidence(data, [[8, 8, 3000, 1.3]]) + 3


def test_a_fit_that_does_not_promise_enough_ends_early():
    data = np.random.default_rng(3).poisson(expected(TWO)).astype(float)
    base, mean = np.full(data.shape, 15.0), np.empty(data.shape)
    both = evidence(data, TWO)
    alone, hopeless = (TWO[:1] + rows([0.9, 0.6, 0.0, 0.0]) for _ in range(2))
    best, _ = fit(data, base, 0, 0, alone, PRIOR, 15, NEVER, True, mean)
    ended, _ = fit(data, base, 0, 0, hopeless, PRIOR, 15, both + 1e4, True, mean)
    assert best < both - 20.0
    assert ended <= best
    assert np.abs(hopeless - alone).max() > 1e-3  # not where a whole fit ends


def test_even_light_that_the_background_lacks_is_not_taken_for_photons():
    data, mean = expected(TWO, background=25.0), np.empty((16, 16))

    def fitted(background, uneven_photon):
        p, prior = TWO.copy(), PRIOR._replace(uneven_photon=uneven_photon)
        base = np.full((16, 16), background)
        _, factor = fit(data, base, 0, 0, p, prior, 20, NEVER, True, mean)
        unit = np.eye(8)[2]
        solve(factor, unit)
        return p[:, 2], np.sqrt(unit[2])

    right, spread = fitted(25.0, 0.0)
    assert (fitted(15.0, 0.0)[0] > right + 100.0).all()
    np.testing.assert_allclose(fitted(15.0, 20.0)[0], right, rtol=0.03)
    assert fitted(25.0, 20.0)[1] > spread


def test_even_light_takes_its_part_of_the_slope():
    """To first order: a pixel weighs as its expected photons say."""
    rng = np.random.default_rng(4)
    prior = PRIOR._replace(uneven_photon=8.0)
    data, base = rng.poisson(expected(TWO)).astype(float), np.full((16, 16), 12.0)
    shares, mean = np.empty((2, 4, 16, 16), np.float32), np.empty((16, 16))
    slopes = np.empty((8, 256), np.float32)
    at = TWO + rows([0.3, -0.2, 250.0, 0.05])
    expect(data, base, 0, 0, at, prior, shares, mean)
    gradient, _ = derive(data, mean, at, prior, shares, slopes)
    for a, step in enumerate((1e-4, 1e-4, 1e-2, 1e-4)):
        ends = []
        for sign in (-1, 1):
            p = at.copy()
            p[0, a] += sign * step
            ends.append(expect(data, base, 0, 0, p, prior, shares, mean))
        assert (ends[1] - ends[0]) / (2 * step) == pytest.approx(gradient[a], rel=0.15)


def test_what_the_frames_beside_say_is_evidence_and_information():
    """A dim emitter is there where one is expected; elsewhere it is judged as without that."""
    rng = np.random.default_rng(6)
    dim = [8.0, 8.0, 60.0, 1.3]
    data = rng.poisson(expected([dim])).astype(float)
    prior = PRIOR._replace(photons=300.0, photons_std=200.0)

    def fitted(certainty, odds, there=8.1):
        p, mean = rows(dim), np.empty((16, 16))
        p[0, 4:8] = there, 8.0, certainty, odds
        base = np.full((16, 16), 15.0)
        value, factor = fit(data, base, 0, 0, p, prior, 15, NEVER, True, mean)
        unit = np.eye(4)[0]
        solve(factor, unit)
        return value, np.sqrt(unit[0]), p[0, 0]

    without, spread, _ = fitted(0.0, 0.0)
    expected_there, sharper, x = fitted(400.0, 1000.0)
    assert expected_there > without + 1.0
    assert sharper < 0.06 < spread
    assert x == pytest.approx(8.1, abs=0.05)
    value, same, _ = fitted(400.0, 1000.0, there=12.0)
    assert value == pytest.approx(without, abs=1e-6)
    assert same == pytest.approx(spread, rel=1e-6)


@pytest.mark.parametrize(("photons", "expected_shape"), [(60.0, 1.45), (6000.0, 1.3)])
def test_the_shape_that_the_frames_beside_tell_is_believed_where_the_frame_does_not_know_better(
    photons, expected_shape
):
    rng = np.random.default_rng(8)
    data = rng.poisson(expected([[8.0, 8.0, photons, 1.3]])).astype(float)
    prior = PRIOR._replace(photons=photons, photons_std=0.5 * photons)

    def fitted(shape_certainty):
        p, mean = rows([8.0, 8.0, photons, 1.42]), np.empty((16, 16))
        p[0, 4:] = 8.0, 8.0, 400.0, 1000.0, 1.45, shape_certainty
        base = np.full((16, 16), 15.0)
        value, _ = fit(data, base, 0, 0, p, prior, 15, NEVER, False, mean)
        return value, p[0, 3]

    (without, _), (told, shape) = fitted(0.0), fitted(2500.0)
    assert shape == pytest.approx(expected_shape, abs=0.03)
    assert (told > without) == (photons < 1000.0)
