"""Refinement of a frame: births, splits, deaths, background, and being the same every time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from deep_storm.psf.pupil import pupil_table
from deep_storm.refinement.prior import COLUMNS, Prior
from deep_storm.refinement.refiner import Proposals, Refiner
from deep_storm.refinement.residuals import settle_background
from deep_storm.refinement.scene import draw, make_scene
from deep_storm.refinement.shapes import gaussian_shape, width_shape
from deep_storm.settings import Psf, Pupil
from deep_storm.simulation.emitters import EmitterSet
from deep_storm.simulation.light import Light
from deep_storm.simulation.psf import add_emitters

PHOTONS, SIGMA_PX, BACKGROUND = 1500.0, 1.3, 20.0


def refiner(read_noise_photon=0.0):
    shape = gaussian_shape(SIGMA_PX, 0.05)
    prior = Prior(PHOTONS, 200.0, SIGMA_PX, 1.0, float(np.log(0.02)), **shape.fields)
    return Refiner(prior, shape, read_noise_photon, BACKGROUND)


def frame(places, seed=1, size=32, background=BACKGROUND, read_noise_photon=0.0):
    rng = np.random.default_rng(seed)
    light = np.zeros((1, size, size), np.float32) + np.float32(background)
    x, y = np.array(places, float).reshape(-1, 2).T
    n = x.size
    add_emitters(light, np.zeros(n, np.int64), x, y, np.full(n, SIGMA_PX), np.full(n, PHOTONS))
    noise = rng.normal(0, read_noise_photon, light.shape[1:]) if np.any(read_noise_photon) else 0.0
    return (rng.poisson(light[0]) + noise).astype(np.float32)


def proposed(places, confidence=1.0, background=BACKGROUND):
    x, y = np.array(places, float).reshape(-1, 2).T
    full = [np.full(x.size, v) for v in (PHOTONS, SIGMA_PX, background)]
    sure = np.broadcast_to(np.asarray(confidence, float), x.shape).copy()
    return Proposals(x, y, *full, sure, np.full(x.size, np.inf))


def found(refined):
    return sorted(zip(refined.x_px.round(1), refined.y_px.round(1), strict=True))


def near(refined, places, px=0.25):
    assert refined.x_px.size == len(places)
    for (x, y), (a, b) in zip(found(refined), sorted(places), strict=True):
        assert np.hypot(x - a, y - b) < px


def test_one_proposal_for_two_emitters_is_split():
    true = [(15.0, 16.0), (16.8, 17.0), (25.0, 8.0)]
    refined = refiner().refine(frame(true), proposed([(15.9, 16.5), (25.0, 8.0)]))
    near(refined, true)
    assert (refined.evidence > 10).all()
    # Where it was split, the proposal stands for neither half.
    assert sorted(refined.proposed) == [0, 0, 1]


def test_a_wrong_proposal_dies_and_a_forgotten_emitter_is_born():
    true = [(10.0, 10.0), (22.0, 20.0)]
    refined = refiner().refine(frame(true), proposed([(10.0, 10.0), (11.0, 24.0)]))
    near(refined, true)


def test_an_unsure_proposal_is_kept_when_the_light_needs_it():
    true = [(10.0, 10.0), (11.6, 11.2)]
    refined = refiner().refine(
        frame(true), proposed([(10.0, 10.0), (11.6, 11.2), (24.0, 24.0)], [0.9, 0.3, 0.3])
    )
    near(refined, true)
    assert sorted(refined.proposed) == [0.3, 0.9]


def test_without_proposals_emitters_are_found_all_the_same():
    true = [(8.0, 8.0), (20.0, 24.0)]
    near(refiner().refine(frame(true), proposed([])), true)
    empty = refiner().refine(frame([]), proposed([]))
    assert empty.x_px.size == 0


def test_an_emitter_beyond_the_border_gives_light_but_no_row():
    true = [(-0.6, 16.0), (16.0, 16.0)]
    refined = refiner().refine(frame(true), proposed([(0.2, 16.0), (16.0, 16.0)]))
    near(refined, [(16.0, 16.0)])


def test_background_follows_the_frame():
    """Stated 20 everywhere, truly rising from 15 to 35 along x; photons are not biased."""
    size = 64
    rising = np.broadcast_to(np.linspace(15, 35, size), (size, size))
    rng = np.random.default_rng(5)
    true = [
        (x + rng.uniform(0, 3), y + rng.uniform(0, 3))
        for x in (6, 22, 38, 54)
        for y in (6, 22, 38, 54)
    ]
    refined = refiner().refine(frame(true, 5, size, rising), proposed(true))
    near(refined, true)
    slope = np.polyfit(refined.x_px, refined.background_photon, 1)[0]
    assert slope == pytest.approx(20 / 64, rel=0.3)
    assert refined.photons.mean() == pytest.approx(PHOTONS, rel=0.03)


@pytest.mark.parametrize("uneven_photon", [0.0, 6.0])
def test_the_background_moves_with_the_expected_photons(uneven_photon):
    """Both are what drawing everything anew gives."""
    prior = refiner().prior._replace(uneven_photon=uneven_photon)
    p = np.zeros((2, COLUMNS))
    p[:, :4] = (10.2, 11.1, PHOTONS, SIGMA_PX), (20.7, 18.3, PHOTONS, SIGMA_PX)
    background = np.full((32, 32), BACKGROUND)
    seen = frame(p[:, :2], background=35.0).astype(float)
    scene = make_scene(seen, background, p, 4, prior, np.zeros(1, np.int8))
    settle_background(scene, background, prior)
    assert background.mean() == pytest.approx(35.0, rel=0.1)
    moved = scene.mean.copy()
    draw(scene, background, prior)
    np.testing.assert_allclose(moved, scene.mean, rtol=1e-9)


def test_read_noise_widens_the_uncertainty():
    true = [(16.2, 15.7)]
    quiet = refiner().refine(frame(true), proposed(true))
    loud = refiner(6.0).refine(frame(true, read_noise_photon=6.0), proposed(true))
    assert loud.spread_px[0] > 1.15 * quiet.spread_px[0]
    near(loud, true)


def test_uncertainty_is_true_for_isolated_emitters():
    off = []
    for seed in range(40):
        rng = np.random.default_rng([7, seed])
        true = rng.uniform(7, 25, (1, 2))
        refined = refiner().refine(frame(true, 100 + seed), proposed(true + 0.2))
        near(refined, [tuple(true[0])])
        for got, at in ((refined.x_px, true[0, 0]), (refined.y_px, true[0, 1])):
            off.append((got[0] - at) / refined.spread_px[0])
    assert np.std(off) == pytest.approx(1.0, abs=0.25)


def test_threads_change_nothing():
    rng = np.random.default_rng(8)
    places = [rng.uniform(2, 30, (40, 2)) for _ in range(6)]
    frames = [frame(p, seed) for seed, p in enumerate(places)]
    work = refiner()

    def one(k):
        return work.refine(frames[k], proposed(places[k] + 0.3))

    alone = [one(k) for k in range(6)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(one, range(6)))
    for a, b in zip(alone, together, strict=True):
        for left, right in zip(a, b, strict=True):
            np.testing.assert_array_equal(left, right)


def test_stopping_ends_the_work():
    work = refiner()
    work.stop()
    assert work.stopped
    work.refine(frame([(8.0, 8.0)]), proposed([(8.0, 8.0)]))


def test_rings_of_a_measured_psf_are_not_taken_for_emitters():
    pupil = Pupil(
        numerical_aperture=1.4,
        wavelength_nm=670.0,
        immersion_index=1.515,
        spherical_waves=0.07,
        vertical_coma_waves=0.06,
    )
    table = pupil_table(pupil, 100.0)
    sigma_px = table.effective_sigma_nm / 100.0
    rng = np.random.default_rng(4)
    x, y = np.meshgrid(np.arange(10.0, 60.0, 12.0), np.arange(10.0, 60.0, 12.0))
    places = np.stack([x.ravel(), y.ravel()], 1) + rng.uniform(-1.5, 1.5, (25, 2))
    drawn = EmitterSet(
        np.zeros(25, np.int64), *places.T, np.full(25, sigma_px), np.full(25, 4 * PHOTONS)
    )
    light = np.full((1, 64, 64), BACKGROUND, np.float32)
    Light.of(Psf(sigma_nm=100.0 * sigma_px, sigma_std_nm=0.0), table, 100.0).add(light, drawn)
    seen = rng.poisson(light[0]).astype(np.float32)
    full = [np.full(25, v) for v in (4 * PHOTONS, sigma_px, BACKGROUND)]
    proposals = Proposals(*places.T, *full, np.ones(25), np.full(25, np.inf))

    def refined_with(shape):
        prior = Prior(4 * PHOTONS, 1000.0, sigma_px, 1.0, float(np.log(0.01)), **shape.fields)
        return Refiner(prior, shape, 0.0, BACKGROUND).refine(seen, proposals)

    right = refined_with(width_shape(table, sigma_px, 0.03))
    assert right.x_px.size == 25
    order = np.argsort(right.x_px + 100 * right.y_px.round(-1))
    assert right.photons[order].mean() == pytest.approx(4 * PHOTONS, rel=0.02)
    assert refined_with(gaussian_shape(sigma_px, 0.03)).x_px.size > 35


def test_noisy_pixels_are_not_taken_for_emitters():
    true = [(10.3, 10.0), (22.0, 20.4)]
    noise = np.ones((32, 32), np.float32)
    noise[::5, ::4] = 150.0
    seen = frame(true, seed=3, read_noise_photon=noise)
    refined = refiner(1.0).refine(seen, proposed(true), noise)
    near(refined, true)
    np.testing.assert_allclose(refined.background_photon, BACKGROUND, rtol=0.4)
    assert refiner(1.0).refine(seen, proposed(true)).x_px.size > 10


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_blurred_light_is_background_and_no_emitters(seed):
    true = [(8.0, 9.0), (24.0, 22.0), (9.5, 23.5)]
    light = np.full((1, 32, 32), BACKGROUND, np.float32)
    add_emitters(light, *(np.array([v]) for v in (0, 17.0, 14.0, 4.0, 3000.0)))
    x, y = np.array(true).T
    alike = (np.full(3, SIGMA_PX), np.full(3, PHOTONS))
    add_emitters(light, np.zeros(3, np.int64), x, y, *alike)
    photons = np.random.default_rng(seed).poisson(light[0]).astype(np.float32)
    even = refiner()
    uneven = Refiner(even.prior._replace(uneven_photon=15.0), even.shape, 0.0, BACKGROUND)
    assert even.refine(photons, proposed(true)).x_px.size > 3
    near(uneven.refine(photons, proposed(true)), true)


@pytest.mark.parametrize("photons", [5_000.0, 20_000.0])
def test_bright_emitters_are_no_even_light(photons):
    """What a bright emitter leaves without it is no background that is uneven, however much."""
    usual = refiner()
    prior = usual.prior._replace(photons=photons, photons_std=0.5 * photons, uneven_photon=3.0)
    rng = np.random.default_rng(1)
    true = [(8.0, 9.0), (16.0, 16.3), (24.4, 8.0)]
    x, y = np.array(true).T
    light = np.full((1, 32, 32), 5.0, np.float32)
    each = np.full(3, photons)
    add_emitters(light, np.zeros(3, np.int64), x, y, np.full(3, SIGMA_PX), each)
    data = rng.poisson(light[0]).astype(np.float32)
    proposals = proposed(true, background=5.0)._replace(photons=each)
    uneven = Refiner(prior, usual.shape, 0.0, 5.0)
    near(uneven.refine(data, proposals), true, px=0.05)


def test_where_no_molecules_lie_beyond_the_border_none_is_put_there():
    # Light that is strongest outside: of a molecule that a simulator would not have put there.
    photons = frame([(-0.4, 12.0), (20.0, 20.0)])
    proposals = proposed([(0.3, 12.0), (20.0, 20.0)])
    near(refiner().refine(photons, proposals), [(20.0, 20.0)])
    inside = replace(refiner(), beyond_border=False).refine(photons, proposals)
    assert found(inside) == [(0.0, pytest.approx(12.0, abs=0.3)), (20.0, 20.0)]
