"""Which PSFs tell depth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deep_storm.psf.depth import tells_depth
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
