"""What is gathered for a report."""

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.psf.pupil import pupil_table
from deep_storm.quality.suspicions import TrainedFor
from deep_storm.report.gathering import drift_left, simulated_frames
from deep_storm.settings import Pupil


def moving(drift_nm, frames=1000, rows=8000, seed=0, points=300):
    """Points seen again and again while the sample moves along a straight line."""
    rng = np.random.default_rng(seed)
    where = rng.uniform(500, 6000, (points, 2))
    frame = np.sort(rng.integers(0, frames, rows))
    seen = where[rng.integers(0, points, rows)] + rng.normal(0, 12, (rows, 2))
    seen += np.outer(frame / frames, drift_nm)
    return pd.DataFrame({"frame": frame, "x_nm": seen[:, 0], "y_nm": seen[:, 1]})


@pytest.mark.parametrize("drift_nm", [(346.0, 200.0), (-60.0, 30.0), (0.0, 0.0)])
def test_drift_that_is_left_is_found(drift_nm):
    found = drift_left(moving(np.array(drift_nm)))
    np.testing.assert_allclose(found.x_nm, drift_nm[0] * found.frame / 1000, atol=6)
    np.testing.assert_allclose(found.y_nm, drift_nm[1] * found.frame / 1000, atol=6)
    assert found.extent_nm == pytest.approx(np.hypot(*drift_nm), abs=10)
    assert found.error_nm < 5


def test_there_is_no_answer_when_nothing_is_seen_twice():
    rng = np.random.default_rng(1)
    x_nm, y_nm = rng.uniform(0, 6000, (2, 8000))
    frame = np.sort(rng.integers(0, 1000, 8000))
    assert drift_left(pd.DataFrame({"frame": frame, "x_nm": x_nm, "y_nm": y_nm})) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t[:100],
        lambda t: t[:0],
        lambda t: t.assign(frame=0),
        lambda t: t.assign(x_nm=1.0, y_nm=1.0),
    ],
    ids=["few", "none", "one frame", "one place"],
)
def test_there_is_no_answer_from_too_little(change):
    assert drift_left(change(moving(np.zeros(2)))) is None


def test_frames_are_simulated_with_the_psf_that_the_model_knows():
    pupil = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, immersion_index=1.515)
    table = pupil_table(pupil, 100.0)
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
    parts = (
        ds.Psf(sigma_nm=table.effective_sigma_nm, sigma_std_nm=0.0),
        ds.Emitters(density_per_um2=1, intensity_photon=2000),
        ds.Background(background_photon=10),
    )
    gaussian, airy = (
        simulated_frames(TrainedFor(*parts, table=known), camera, None) for known in (None, table)
    )
    assert (gaussian != airy).any()
