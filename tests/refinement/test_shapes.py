"""What the fourth parameter of an emitter is."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.psf.pupil import pupil_table
from deep_storm.refinement.block import Prior
from deep_storm.refinement.refiner import Proposals, Refiner
from deep_storm.refinement.shapes import depth_shape, gaussian_shape, width_shape
from deep_storm.settings import Psf, Pupil
from deep_storm.simulation.emitters import EmitterSet
from deep_storm.simulation.light import Light

PHOTONS, BACKGROUND = 6000.0, 20.0


@pytest.fixture(scope="module")
def table():
    pupil = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, spherical_waves=0.05)
    return pupil_table(pupil, 100.0, np.linspace(-600.0, 600.0, 13), radius_px=8)


def test_sigma_is_itself_without_depth():
    sigma_px = np.array([1.1, 1.3])
    shape = gaussian_shape(1.2, 0.05)
    assert shape.of_sigma(sigma_px) is sigma_px
    assert shape.to_sigma(sigma_px) is sigma_px


def test_a_width_is_a_depth_that_has_it(table):
    shape = depth_shape(table, 150.0)
    wide = table.effective_sigma_nm / 100.0 * np.array([1.05, 1.3])
    depth_px = shape.of_sigma(wide)
    assert (depth_px > 0).all()
    np.testing.assert_allclose(shape.to_sigma(depth_px), wide, rtol=0.01)


def test_a_molecule_out_of_focus_is_one_and_not_three(table):
    """Where the fit knows how it looks there; one that is merely wide looks otherwise."""
    rng = np.random.default_rng(4)
    x, y = (v.ravel() + 0.3 for v in np.meshgrid(np.arange(10.0, 60.0, 12.0), [12.0, 28.0, 50.0]))
    count = x.size
    z_nm = np.resize([-350.0, 0.0, 350.0], count)
    sigma_px = table.sigma_at_nm(z_nm) / 100.0
    drawn = EmitterSet(np.zeros(count, np.int64), x, y, sigma_px, np.full(count, PHOTONS))
    light = np.full((1, 64, 64), BACKGROUND, np.float32)
    psf = Psf(sigma_nm=table.effective_sigma_nm, depth_std_nm=200.0)
    Light.of(psf, table, 100.0).add(light, drawn.at_depths(z_nm, sigma_px))
    seen = rng.poisson(light[0]).astype(np.float32)
    usual_px = table.effective_sigma_nm / 100.0

    def refined_with(shape):
        prior = Prior(PHOTONS, 1500.0, usual_px, 1.0, float(np.log(0.01)), **shape.fields)
        proposals = Proposals(
            x, y, np.full(count, PHOTONS), shape.of_sigma(sigma_px), np.full(count, BACKGROUND),
            np.ones(count),
        )  # fmt: skip
        return Refiner(prior, shape, 0.0, BACKGROUND).refine(seen, proposals)

    right = refined_with(depth_shape(table, 200.0))
    assert right.x_px.size == count
    assert right.sigma_px.max() > 1.3 * usual_px
    assert refined_with(width_shape(table, usual_px, 0.15 * usual_px)).x_px.size > count


def test_depth_is_found_on_either_side_of_the_focus():
    """Where a PSF tells it, from proposals that know nothing of it, as well as is said."""
    pupil = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, astigmatism_waves=0.12)
    table = pupil_table(pupil, 100.0, np.linspace(-700.0, 700.0, 15), radius_px=10)
    rng = np.random.default_rng(8)
    x, y = (v.ravel() + 0.4 for v in np.meshgrid(np.arange(12.0, 90.0, 16.0), [14.0, 34.0, 54.0]))
    count = x.size
    z_nm = rng.uniform(-450.0, 450.0, count)
    sigma_px = table.sigma_at_nm(z_nm) / 100.0
    drawn = EmitterSet(np.zeros(count, np.int64), x, y, sigma_px, np.full(count, PHOTONS))
    light = np.full((1, 70, 96), BACKGROUND, np.float32)
    psf = Psf(sigma_nm=table.effective_sigma_nm, depth_reach_nm=500.0)
    Light.of(psf, table, 100.0).add(light, drawn.at_depths(z_nm, sigma_px))
    seen = rng.poisson(light[0]).astype(np.float32)
    shape = depth_shape(table, 290.0)
    assert shape.tells_depth
    usual_px = table.effective_sigma_nm / 100.0
    prior = Prior(PHOTONS, 1500.0, usual_px, 1.0, float(np.log(0.01)), **shape.fields)
    unknown = shape.of_sigma(np.full(count, usual_px))
    proposals = Proposals(
        x, y, np.full(count, PHOTONS), unknown, np.full(count, BACKGROUND), np.ones(count)
    )
    refined = Refiner(prior, shape, 0.0, BACKGROUND).refine(seen, proposals)
    assert refined.x_px.size == count
    order = np.lexsort((refined.x_px.round(-1), refined.y_px.round(-1)))
    wanted = np.lexsort((x.round(-1), y.round(-1)))
    off = (100.0 * refined.z_px[order] - z_nm[wanted]) / (100.0 * refined.z_spread_px[order])
    assert np.sqrt(np.mean(off**2)) < 1.6
    assert np.abs(100.0 * refined.z_px[order] - z_nm[wanted]).max() < 80.0
