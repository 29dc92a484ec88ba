"""Widths of a PSF along x and y, and the focus that they tell."""

from dataclasses import replace

import numpy as np
import pytest

from deep_storm.psf.elliptical import at_focus, fitted_widths
from deep_storm.psf.fitting import offsets_px, profile
from deep_storm.psf.pupil import pupil_table
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Pupil


def test_the_widths_of_a_gaussian_are_its_own():
    offset = offsets_px(81, 4)
    across, down = profile(offset, 0.2, 1.1), profile(offset, -0.1, 1.9)
    table = PsfTable(np.outer(down, across)[None].astype(np.float32), np.zeros(1), 100.0)
    widths = fitted_widths(table)
    assert widths.x_nm[0] == pytest.approx(110.0, rel=1e-3)
    assert widths.y_nm[0] == pytest.approx(190.0, rel=1e-3)


@pytest.mark.parametrize("begin_nm", [-640.0, -600.0, -560.0])
def test_the_focus_of_an_astigmatic_psf_does_not_depend_on_its_planes(begin_nm):
    pupil = Pupil(numerical_aperture=1.2, wavelength_nm=670.0, astigmatism_waves=0.12)
    depths = begin_nm + np.arange(0.0, 1201.0, 80.0)
    table = pupil_table(pupil, 100.0, depths, radius_px=9, refocused=False)
    moved = at_focus(table)
    assert moved.z_nm[0] - table.z_nm[0] == pytest.approx(0.0, abs=3.0)


@pytest.mark.parametrize("begin_nm", [-720.0, -703.0, -686.0, -669.0, -652.0])
def test_the_focus_of_a_round_psf_does_not_depend_on_its_planes(begin_nm):
    pupil = Pupil(numerical_aperture=1.4, wavelength_nm=670.0)
    depths = begin_nm + 87.5 * np.arange(17.0)
    table = pupil_table(pupil, 100.0, depths, radius_px=10, refocused=False)
    moved = at_focus(replace(table, z_nm=depths + 40.0))
    np.testing.assert_allclose(moved.z_nm, depths, atol=1.5)


def test_the_focus_is_found_among_depths_far_beyond_it():
    pupil = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, astigmatism_waves=0.12)
    depths = np.linspace(-1200.0, 1200.0, 49)
    table = pupil_table(pupil, 100.0, depths, refocused=False)
    np.testing.assert_allclose(at_focus(table).z_nm, depths, atol=3.0)


def test_the_centre_of_two_spots_is_between_them_and_their_focus_where_they_are_brightest():
    pupil = Pupil(numerical_aperture=1.2, wavelength_nm=670.0, phase_mask="double helix")
    depths = np.linspace(-600.0, 600.0, 9)
    true = pupil_table(pupil, 100.0, depths, radius_px=14, refocused=False)
    moved = at_focus(replace(true.shifted(0.4, -0.3), z_nm=depths + 90.0))
    np.testing.assert_allclose(moved.z_nm, depths, atol=3.0)
    inner = (slice(None), slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(
        moved.values[inner], true.values[inner], atol=0.02 * true.values.max()
    )
