"""Aberrations that theory does not know are found in a movie, or it is said why not."""

from __future__ import annotations

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import PsfError
from deep_storm.estimation.pupil.fit import fit_pupil
from deep_storm.estimation.pupil.molecules import MODES, waves_of, whole_table, with_waves
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.psf.window import fill_table_window
from deep_storm.settings import Background, Emitters, Psf, Simulation, TheoryPsf
from deep_storm.simulation.frames import simulate

CAMERA = ds.Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5, read_noise_adu=3.0)
FRAMES = 150
OBJECTIVE = {"numerical_aperture": 1.3, "wavelength_nm": 670.0, "z_reach_nm": 720.0}
TRUE = TheoryPsf(
    **OBJECTIVE, astigmatism_waves=0.12, horizontal_coma_waves=0.05, spherical_waves=0.05
)
ROUGH = TheoryPsf(**OBJECTIVE, astigmatism_waves=0.096)
"""The astigmatism is off by a fifth; coma and spherical aberration are not known."""


def movie(theory=TRUE, frames=FRAMES, reach_nm=400.0, density=0.1, photons=2500.0):
    table = whole_table(theory, 100.0)
    made = simulate(
        CAMERA, Psf(sigma_nm=table.effective_sigma_nm, depth_reach_nm=reach_nm),
        Emitters(density_per_um2=density, intensity_photon=photons),
        Background(background_photon=15.0),
        Simulation(frames=frames, width_px=56, height_px=56, seed=4), table=table,
    )  # fmt: skip
    return made.stack


def fitted(stack, theory=ROUGH):
    return fit_pupil(ArrayFrames(stack, name="movie"), CAMERA, theory, range(len(stack)))


@pytest.fixture(scope="module")
def found():
    return fitted(movie())


def shape_error(table, true):
    """Return the relative RMS difference over the depths of the molecules."""
    pair = [np.stack([t.plane(z) for z in range(-400, 401, 100)]) for t in (table, true)]
    return np.linalg.norm(pair[0] - pair[1]) / np.linalg.norm(pair[1])


def z_bias_nm(table, true):
    """Return what a fit with one PSF makes of the depths of another's light, less the truth."""
    size, bias = 15, []
    light = np.empty((4, size, size))

    def drawn(psf, place):
        fill_table_window(
            0, 0, size, size, *place, psf.coefficients, psf.samples_per_px, psf.radius_px,
            psf.z0_nm, psf.dz_nm, light,
        )  # fmt: skip
        return light.reshape(4, -1).copy()

    for z_nm in range(-350, 351, 100):
        seen = 2000.0 * drawn(true, (7.6, 7.4, float(z_nm)))[0] + 10.0
        at = np.array([7.6, 7.4, float(z_nm), 2000.0, 10.0])
        for _ in range(15):
            now = drawn(table, at[:3])
            mean = np.maximum(at[3] * now[0] + at[4], 0.1)
            slopes = np.vstack([at[3] * now[1:], now[:1], np.ones((1, size**2))])
            at += np.linalg.solve((slopes / mean) @ slopes.T, (slopes / mean) @ (seen - mean))
        bias.append(at[2] - z_nm)
    return float(np.abs(bias).max())


def test_astigmatism_coma_and_spherical_aberration_are_found(found):
    true = whole_table(TRUE, 100.0)
    assert shape_error(found.given, true) > 0.25
    assert shape_error(found.table, true) < 0.03
    assert z_bias_nm(found.given, true) > 60.0
    assert z_bias_nm(found.table, true) < 8.0
    off = waves_of(found.theory) - waves_of(TRUE)
    assert np.abs(off).max() < 0.006
    assert found.chi2 == pytest.approx(1.0, abs=0.06)


def test_what_is_said_of_the_error_is_true(found):
    true = whole_table(TRUE, 100.0)
    assert shape_error(found.table, true) < 2.0 * found.uncertainty < 0.1
    assert all(c.determined for c in found.coefficients)
    assert found.change == pytest.approx(shape_error(found.given, true), rel=0.3)
    said = found.summary()
    assert "isolated molecules" in said
    assert "given: +0.096" in said
    assert len(found.to_json()["coefficients"]) == len(MODES)


def test_coefficients_are_set_by_their_noll_index():
    waves = np.arange(1, len(MODES) + 1) / 100.0
    changed = with_waves(ROUGH, waves)
    assert changed.modes() == pytest.approx(dict(zip(MODES, waves, strict=True)))
    np.testing.assert_allclose(waves_of(changed), waves)


def test_a_psf_that_tells_no_depth_is_refused():
    with pytest.raises(PsfError, match="looks the same on both sides"):
        fitted(movie(frames=2), TheoryPsf(**OBJECTIVE))


def test_too_few_molecules_are_refused():
    with pytest.raises(PsfError, match=r"\d+ isolated molecules in 20 frames"):
        fitted(movie(frames=20))


def test_molecules_in_one_plane_are_refused():
    with pytest.raises(PsfError, match="one plane says nothing"):
        fitted(movie(reach_nm=40.0, photons=6000.0))


def test_light_of_another_objective_is_refused():
    other = TheoryPsf(numerical_aperture=0.9, wavelength_nm=670.0, astigmatism_waves=0.12)
    with pytest.raises(PsfError, match="no aberrations of this pupil can explain"):
        fitted(movie(other, photons=20_000.0))
