"""Whether a movie's PSF is measured at all, and what of the estimate it replaces."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.estimation.movie_psf import keeps_estimate, matched_psf, scenes_of
from deep_storm.estimation.psf.light import MovieLight
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Psf, Pupil

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)


def test_a_movie_with_a_narrow_lit_part_keeps_the_gaussian():
    frames = np.random.default_rng(1).poisson(120, (80, 32, 32)).astype(np.uint16)
    used = np.ones((32, 32), bool)
    used[:, 16:] = False
    found, notes = scenes_of(ArrayFrames(frames), CAMERA, used)
    assert found is None
    assert "the largest part that is measured and lit is 32 × 16 px" in notes[0]


def found(table, unevenness=0.0):
    """A PSF as it was measured."""
    return MeasuredPsf(
        table,
        noise=0.005,
        molecules=2000,
        frames=60,
        photons=1200.0,
        background=20.0,
        level=24.0,
        chi2=1.0,
        difference=0.02,
        rounds=5,
        left_over=np.zeros((5, 5)),
        light=MovieLight(0.02, 300.0, unevenness, 0.0, 0.0, "uniform"),
    )


GAUSSIAN = replace(gaussian_table(112.0, 100.0), uncertainty=0.02)
KNOWN, UNSURE = SimpleNamespace(photons_error=0.03), SimpleNamespace(photons_error=0.4)


def test_the_light_of_an_estimate_holds_for_a_gaussian_on_even_background():
    airy = pupil_table(Pupil(numerical_aperture=1.4, wavelength_nm=670.0), 100.0)
    assert keeps_estimate(found(GAUSSIAN), KNOWN)
    assert not keeps_estimate(found(GAUSSIAN), UNSURE)
    assert not keeps_estimate(found(GAUSSIAN, unevenness=0.4), KNOWN)
    assert not keeps_estimate(found(airy), KNOWN)


def test_the_better_known_sigma_counts_more():
    estimated = Psf(sigma_nm=108.0, sigma_std_nm=2.0)
    measured_nm = found(GAUSSIAN).sigma_nm
    assert matched_psf(found(GAUSSIAN), estimated).sigma_nm == pytest.approx(measured_nm, abs=0.01)
    # 2 % of the shape are 1.4 % of sigma
    both = matched_psf(found(GAUSSIAN), estimated, sigma_error=0.02 / np.sqrt(2.0)).sigma_nm
    assert both == pytest.approx((108.0 + measured_nm) / 2, abs=0.01)
    sure = matched_psf(found(GAUSSIAN), estimated, sigma_error=0.001).sigma_nm
    assert sure == pytest.approx(108.0, abs=0.05)
