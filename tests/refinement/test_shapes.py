"""What the fourth parameter of an emitter is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from deep_storm.psf.elliptical import Widths, elliptical_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.refinement import search
from deep_storm.refinement.prior import COLUMNS, Prior, reach_of
from deep_storm.refinement.refiner import Proposals, Refiner
from deep_storm.refinement.scene import add_light
from deep_storm.refinement.shapes import UNDRAWN, depth_shape, gaussian_shape, width_shape
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
            np.ones(count), np.full(count, np.inf),
        )  # fmt: skip
        return Refiner(prior, shape, 0.0, BACKGROUND).refine(seen, proposals)

    right = refined_with(depth_shape(table, 200.0))
    assert right.x_px.size == count
    assert right.sigma_px.max() > 1.3 * usual_px
    assert refined_with(width_shape(table, usual_px, 0.15 * usual_px)).x_px.size > count


class Astigmatic(NamedTuple):
    """A frame of emitters at known depths, and a refiner that knows the PSF."""

    seen: np.ndarray
    x: np.ndarray
    y: np.ndarray
    z_nm: np.ndarray
    refiner: Refiner

    def proposed(self, z_px, std_px, confidence=1.0):
        """Return proposals at the right places."""
        full = (np.full(self.x.size, v) for v in (z_px, BACKGROUND, confidence, std_px))
        z, background, sure, std = full
        return Proposals(self.x, self.y, np.full(self.x.size, PHOTONS), z, background, sure, std)

    def off(self, refined):
        """Return the errors of the depths in nm and over their standard deviations."""
        right = refined.photons > 0.2 * PHOTONS
        assert right.sum() == self.x.size
        columns = (refined.x_px, refined.y_px, refined.z_px, refined.z_spread_px)
        x, y, z, std = (column[right] for column in columns)
        order, wanted = (
            np.lexsort((a.round(-1), b.round(-1))) for a, b in ((x, y), (self.x, self.y))
        )
        off_nm = 100.0 * z[order] - self.z_nm[wanted]
        return off_nm, off_nm / (100.0 * std[order])


@pytest.fixture(scope="module")
def astigmatic():
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
    shape = depth_shape(table, 290.0)
    assert shape.tells_depth
    usual_px = table.effective_sigma_nm / 100.0
    prior = Prior(PHOTONS, 1500.0, usual_px, 1.0, float(np.log(0.01)), **shape.fields)
    refiner = Refiner(prior, shape, 0.0, BACKGROUND)
    return Astigmatic(rng.poisson(light[0]).astype(np.float32), x, y, z_nm, refiner)


@pytest.mark.parametrize("confidence", [1.0, 0.3, 0.0])
def test_depth_is_found_on_either_side_of_the_focus(astigmatic, confidence):
    """From proposals that know nothing of it, sure ones or not, or from none; as well as is said.

    Those that begin on the wrong side stay there, if nothing else is tried.
    """
    proposals = astigmatic.proposed(3.0, np.inf, confidence)
    off_nm, off = astigmatic.off(astigmatic.refiner.refine(astigmatic.seen, proposals))
    assert np.sqrt(np.mean(off**2)) < 1.6
    assert np.abs(off_nm).max() < 80.0


def test_a_depth_that_is_wrong_though_said_to_be_known_is_put_right(astigmatic, monkeypatch):
    wrong = astigmatic.proposed(-astigmatic.z_nm / 100.0, 0.5)
    off_nm, _ = astigmatic.off(astigmatic.refiner.refine(astigmatic.seen, wrong))
    assert np.abs(off_nm).max() < 80.0
    monkeypatch.setattr(search, "refocus", lambda *_: None)
    refined = astigmatic.refiner.refine(astigmatic.seen, wrong)
    assert (refined.photons > 0.2 * PHOTONS).sum() > astigmatic.x.size  # two for one that is wrong


def test_emitters_are_looked_for_within_the_depths_that_they_have(table):
    shape = depth_shape(table, 230.0, 400.0)
    assert shape.fields["shape_reach"] == pytest.approx(4.0)
    assert shape.fields["shape_std"] == pytest.approx(0.4)
    assert (shape.fields["min_shape"], shape.fields["max_shape"]) == (-6.0, 6.0)
    assert np.abs(shape.starts).max() < 4.0
    assert np.abs(depth_shape(table, 230.0).starts).max() > 4.0


@pytest.fixture(scope="module")
def broad():
    """Two widths as of a cylindrical lens, from 1.4 px up."""
    z_nm = np.linspace(-600.0, 600.0, 25)
    x_nm, y_nm = (140.0 * np.sqrt(1.0 + ((z_nm - f) / 290.0) ** 2) for f in (-205.0, 205.0))
    return elliptical_table(Widths(z_nm, x_nm, y_nm), 100.0)


def prior_of(shape, photons, sigma_px):
    return Prior(photons, 0.1 * photons, sigma_px, 1.0, float(np.log(0.01)), **shape.fields)


def alone_in(shape, z_px, sigma_px, size=48):
    """Return the light of one emitter of a photon, as the refinement draws it."""
    p = np.zeros((1, COLUMNS))
    p[0, :4] = 24.3, 23.9, 1.0, z_px
    image = np.zeros((size, size))
    add_light(image, 0, 0, p, 1.0, prior_of(shape, 1000.0, sigma_px))
    return image


@pytest.mark.parametrize("z_px", [-6.0, -3.1, 0.2, 1.7, 5.99])
def test_emitters_are_drawn_as_far_as_there_is_light(broad, z_px):
    shape = depth_shape(broad, 200.0)
    prior = prior_of(shape, 1000.0, 1.7)
    drawn = alone_in(shape, z_px, 1.7)
    share = np.interp(z_px, broad.z_nm / 100.0, broad.share_within)
    assert share - drawn.sum() < 2.0 * UNDRAWN
    rows, columns = np.nonzero(drawn)
    reach_px = reach_of(z_px, prior)
    assert np.abs(columns + 0.5 - 24.3).max() <= reach_px + 0.5
    assert np.abs(rows + 0.5 - 23.9).max() <= reach_px + 0.5
    # In focus, where it is narrow, by far not as far as at the ends.
    assert reach_of(0.2, prior) < 0.5 * broad.radius_px <= reach_of(6.0, prior)


@pytest.mark.parametrize("z_px", [-9.0, 9.0])
def test_beyond_its_depths_an_emitter_is_drawn_as_at_the_last(broad, z_px):
    shape = depth_shape(broad, 200.0)
    np.testing.assert_allclose(
        alone_in(shape, z_px, 1.7), alone_in(shape, np.clip(z_px, -6.0, 6.0), 1.7), atol=1e-7
    )


def test_a_broad_psf_has_a_coarser_table_and_a_narrow_one_does_not(table, broad):
    assert depth_shape(broad, 200.0).fields["samples_per_px"] == 1
    assert depth_shape(table, 200.0).fields["samples_per_px"] == 2


def test_the_coarse_table_does_not_move_bright_emitters(broad):
    """Without noise: what is left is the table's error, for 20,000 photons far below the spread."""
    rng = np.random.default_rng(2)
    shape = depth_shape(broad, 200.0, 400.0)
    own = Refiner(prior_of(shape, 20_000.0, 1.7), shape, 0.0, 5.0)
    psf = Psf(sigma_nm=broad.effective_sigma_nm, depth_reach_nm=400.0)
    for z_nm in np.linspace(-350.0, 350.0, 8):
        x, y = rng.uniform(15.0, 17.0, (2, 1))
        drawn = EmitterSet(np.zeros(1, np.int64), x, y, np.full(1, 1.7), np.full(1, 20_000.0))
        light = np.full((1, 32, 32), 5.0, np.float32)
        Light.of(psf, broad, 100.0).add(light, drawn.at_depths(np.full(1, z_nm), np.full(1, 1.7)))
        one = [np.full(1, v) for v in (20_000.0, z_nm / 100.0 + 0.3, 5.0, 1.0, 0.5)]
        found = own.refine(light[0], Proposals(x + 0.1, y - 0.1, *one))
        assert found.x_px.size == 1
        assert np.hypot(found.x_px - x, found.y_px - y)[0] < 0.1 * found.spread_px[0]
        assert abs(100.0 * found.z_px[0] - z_nm) < 0.2 * 100.0 * found.z_spread_px[0]
