"""The depths of molecules, found by the pupil behind their mean PSF."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deep_storm.estimation.psf.over_depth import NODES, USUAL, OverDepth
from deep_storm.estimation.psf.retrieval import Retrieved, retrieve
from deep_storm.psf.fitting import fit_gaussian, offsets_px, profile
from deep_storm.psf.pupil import pupil_table
from deep_storm.psf.table import PsfTable
from deep_storm.robust import robust_std
from deep_storm.settings import Pupil

DEPTHS_NM = np.linspace(-600.0, 600.0, 13)
PUPIL = Pupil(
    numerical_aperture=1.3,
    wavelength_nm=600.0,
    spherical_waves=0.05,
    horizontal_coma_waves=-0.04,
)


def mean_psf(depth_std_nm, pupil=PUPIL):
    """Return the true PSF over depth, its mean with a little noise, and the spread of widths."""
    true = pupil_table(pupil, 100.0, DEPTHS_NM, radius_px=8)
    mean = true.averaged(depth_std_nm)
    rng = np.random.default_rng(3)
    noise = 0.01 * np.sqrt(np.mean(mean**2)) * rng.normal(size=mean.shape)
    widths = true.sigma_at_nm(rng.normal(0.0, max(depth_std_nm, 1e-6), 4000))
    spread = robust_std(widths) / np.median(widths)
    table = PsfTable((mean + noise)[None], [0.0], 100.0, source="measured", uncertainty=0.012)
    return true, table, float(spread)


@pytest.fixture(scope="module")
def deep():
    """Return the true PSF over depth, its mean, and what was found of it.

    With another numerical aperture and wavelength than the usual objective has.
    """
    true, mean, width_std = mean_psf(150.0)
    return true, mean, retrieve(mean, width_std).over_depth


def test_depths_and_aberrations_are_those_of_the_simulation(deep):
    true, _, found = deep
    assert found is not None
    assert found.misfit < 0.03
    assert found.pupil.horizontal_coma_waves == pytest.approx(-0.04, abs=0.01)
    assert abs(found.pupil.spherical_waves) == pytest.approx(0.05, abs=0.015)
    # As wide at each depth as it is; which side is which, nobody knows.
    shares = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    seen = found.table.sigma_at_nm(shares * found.depth_std_nm)
    wanted = true.sigma_at_nm(shares * 150.0)
    errors = [np.abs(seen / w - 1.0).max() for w in (wanted, wanted[::-1])]
    assert min(errors) < 0.03


def test_the_mean_over_depth_is_the_measured_psf(deep):
    _, mean, found = deep
    again = found.table.averaged(found.depth_std_nm)
    off = again - mean.values[0]
    assert np.sqrt(np.sum(off**2) / np.sum(again**2)) < 0.02


def test_no_depth_has_more_light_than_there_is():
    """How much of the light is in a window is measured to some percent; in focus it is most."""
    _, mean, width_std = mean_psf(150.0)
    values = mean.values / mean.share_within
    found = retrieve(PsfTable(values, [0.0], 100.0, source="measured"), width_std).over_depth
    assert found.table.share_within.max() == pytest.approx(1.0, abs=1e-5)
    assert found.table.averaged(found.depth_std_nm) == pytest.approx(
        values[0], abs=0.03 * values.max()
    )


@pytest.mark.parametrize("model", ["scalar", "vectorial"])
@pytest.mark.parametrize("numerical_aperture", [1.3, 1.49])
def test_molecules_in_focus_have_no_depth(model, numerical_aperture):
    """Polarized light makes a PSF softer, and noise seems to spread widths: both are no depths."""
    pupil = Pupil(
        numerical_aperture=numerical_aperture,
        wavelength_nm=650.0,
        astigmatism_waves=-0.03,
        spherical_waves=0.03,
        model=model,
    )
    _, mean, _ = mean_psf(0.0, pupil)
    assert retrieve(mean, 0.02).over_depth is None


def test_depths_are_seen_in_polarized_light():
    pupil = Pupil(
        numerical_aperture=1.45, wavelength_nm=650.0, spherical_waves=0.04, model="vectorial"
    )
    _, mean, width_std = mean_psf(170.0, pupil)
    found = retrieve(mean, width_std).over_depth
    assert found.pupil.model == "vectorial"
    assert found.depth_std_nm == pytest.approx(170.0, rel=0.2)


def test_what_no_pupil_explains_says_nothing_of_depth():
    _, mean, width_std = mean_psf(150.0)
    double = np.roll(mean.values, 10, axis=2) + np.roll(mean.values, -10, axis=2)
    found = retrieve(PsfTable(double / 2, [0.0], 100.0, source="measured"), width_std)
    assert found == Retrieved(None, None)


@pytest.mark.parametrize("depth_std_nm", [0.0, 150.0])
@pytest.mark.parametrize("model", ["scalar", "vectorial"])
def test_the_molecule_is_found_in_a_lopsided_psf(depth_std_nm, model):
    """Coma moves the bright core; seen from there, the molecule is on the other side."""
    waves = {
        "vertical_coma_waves": 0.08,
        "oblique_trefoil_waves": -0.05,
        "astigmatism_waves": 0.03,
        "oblique_astigmatism_waves": -0.03,
    }
    _, mean, width_std = mean_psf(depth_std_nm, Pupil(**USUAL, **waves, model=model))
    core = fit_gaussian(mean.values[0], mean.samples_per_px)
    x_px, y_px = retrieve(mean.shifted(core.x_px, core.y_px), width_std).origin_px
    away = math.hypot(core.x_px, core.y_px)
    assert away > 0.07
    assert math.hypot(core.x_px + x_px, core.y_px + y_px) < 0.5 * away


def test_how_much_molecules_differ_at_their_depths():
    """Gaussians, 10 % wider for each standard deviation of depth.

    By its width s, less by its light, a Gaussian changes as (u - 1), u = (r / sigma)², with weights
    exp(-u): where u is below 2 ln(1 / 0.15), the standard deviation of u is 0.81.
    """
    along = offsets_px(81, 8)
    depths = np.linspace(-300.0, 300.0, 25)
    rows = [profile(along, 0.0, 1.5 * (1.0 + 0.1 * z / 100.0)) for z in depths]
    table = PsfTable(np.stack([np.outer(r, r) for r in rows]), depths, 100.0, 8, "measured")
    found = OverDepth(table, 100.0, PUPIL, 0.01)
    assert found.difference == pytest.approx(0.081 * NODES.std(), rel=0.1)
    assert OverDepth(table, 1e-3, PUPIL, 0.01).difference < 1e-3
