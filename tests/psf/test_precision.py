"""The limit of precision: known values, and what makes it better or worse."""

import numpy as np
import pytest

from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.precision import cramer_rao
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil


@pytest.fixture(scope="module")
def astigmatic():
    pupil = Pupil(numerical_aperture=1.2, wavelength_nm=670.0, astigmatism_waves=0.12)
    return pupil_table(pupil, 100.0, np.linspace(-600.0, 600.0, 13))


def test_a_gaussian_without_background_has_sigma_over_root_n():
    # Pixels of a fifth of sigma hardly matter.
    limit = cramer_rao(gaussian_table(100.0, 20.0), [0.0], 400.0, 1e-6)
    assert limit.x[0] == pytest.approx(100.0 / 20.0, rel=0.02)
    assert limit.y[0] == pytest.approx(limit.x[0], rel=1e-3)
    assert np.isnan(limit.z[0])


def test_noise_of_the_camera_costs_precision():
    table = gaussian_table(120.0, 100.0)
    plain = cramer_rao(table, [0.0], 500.0, 10.0).x[0]
    assert cramer_rao(table, [0.0], 500.0, 10.0, excess_noise=2.0).x[0] == pytest.approx(
        plain * np.sqrt(2.0)
    )
    assert cramer_rao(table, [0.0], 500.0, 10.0, read_noise_photon=3.0).x[0] > 1.1 * plain


def test_z_is_told_by_astigmatism_and_hardly_without(astigmatic):
    round_psf = pupil_table(
        Pupil(numerical_aperture=1.2, wavelength_nm=670.0), 100.0, np.linspace(-600, 600, 13)
    )
    told, hidden = (cramer_rao(t, [0.0], 1000.0, 10.0).z[0] for t in (astigmatic, round_psf))
    assert 10.0 < told < 60.0
    assert hidden > 5.0 * told


def test_the_limit_is_reached_by_a_fit(astigmatic):
    # A step of Gauss-Newton from the truth is the best estimate there is: its spread is the limit.
    from deep_storm.psf.window import fill_table_window

    table, rng = astigmatic, np.random.default_rng(1)
    edge, photons, background = 2 * table.radius_px + 1, 2000.0, 10.0
    window = np.empty((4, edge, edge))
    errors = []
    for _ in range(400):
        x, y = table.radius_px + rng.uniform(0.0, 1.0, 2)
        fill_table_window(
            0, 0, edge, edge, x, y, 150.0, table.coefficients, table.samples_per_px,
            table.radius_px, table.z0_nm, table.dz_nm, window,
        )  # fmt: skip
        mean = (photons * np.maximum(window[0], 0.0) + background).ravel()
        slopes = np.vstack([window.reshape(4, -1) * photons, np.ones(mean.size)])
        normal = (slopes / mean) @ slopes.T
        errors.append(np.linalg.solve(normal, slopes @ (rng.poisson(mean) / mean - 1.0))[1:4])
    spread = np.std(errors, axis=0) * (100.0, 100.0, 1.0)
    limit = cramer_rao(table, [150.0], photons, background)
    assert spread == pytest.approx([limit.x[0], limit.y[0], limit.z[0]], rel=0.12)
