"""Which PSFs tell depth, and depth as a network states it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deep_storm.psf.depth import DepthCode, reach_of, tells_depth
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil

DEPTHS_NM = np.linspace(-400.0, 400.0, 9)


def table(**aberrations):
    pupil = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, **aberrations)
    return pupil_table(pupil, 100.0, DEPTHS_NM, radius_px=8)


@pytest.mark.parametrize("mode", ["astigmatism_waves", "oblique_astigmatism_waves"])
def test_an_astigmatic_psf_does(mode):
    assert tells_depth(table(**{mode: 0.12}))


def test_one_that_is_alike_above_and_below_the_focus_does_not():
    assert not tells_depth(table())


def test_one_plane_or_depths_found_in_a_movie_do_not():
    astigmatic = table(astigmatism_waves=0.12)
    assert not tells_depth(replace(astigmatic, source="measured"))
    assert not tells_depth(replace(astigmatic, values=astigmatic.values[4:5], z_nm=[0.0]))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_depths_come_back_from_their_code(kind):
    code = DepthCode(400.0)
    z_nm = np.array([-470.0, -400.0, 0.0, 400.0], kind)
    stated = code.of(z_nm)
    assert (stated > np.exp(-2.0)).all()  # as far as the network's output for it goes
    np.testing.assert_allclose(stated[1:], [0.5, 2.5, 4.5])
    np.testing.assert_allclose(code.depth_nm(stated), z_nm, atol=1e-3)
    assert code.depth_nm(stated).dtype == kind
    np.testing.assert_allclose(code.spread_nm(np.array([0.1], kind)), 20.0, rtol=1e-6)


def test_depths_are_looked_for_as_far_as_emitters_and_psf_go():
    astigmatic = table(astigmatism_waves=0.12)
    assert reach_of(astigmatic, 300.0, 0.0) == 300.0
    assert reach_of(astigmatic, 0.0, 100.0) == 250.0
    assert reach_of(astigmatic, 0.0, 300.0) == 400.0
    assert reach_of(astigmatic, 0.0, 0.0) is None
    assert reach_of(table(), 300.0, 0.0) is None
