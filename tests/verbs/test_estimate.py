"""``estimate``: its answer is the settings of a matched simulation."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import CameraError, SettingsError, StackError, TableError
from deep_storm.estimation import movie_psf
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

DATA = Path(__file__).resolve().parents[1] / "data"
CAMERA = {"pixel_size_nm": 100.0, "baseline_adu": 100.0, "photons_per_adu": 0.5,
          "read_noise_adu": 2.0}  # fmt: skip


@pytest.fixture(autouse=True)
def shape_is_not_measured(monkeypatch):
    """Save the time: how the PSF comes into an estimate is tested in tests/estimation/psf."""
    monkeypatch.setattr(movie_psf, "MIN_FRAMES", 10_000)


@pytest.fixture(scope="module")
def made():
    return _simulated(seed=3)


def _simulated(seed, **changed):
    parts = {
        "psf": Psf(sigma_nm=130.0),
        "emitters": Emitters(
            density_per_um2=1.0, intensity_photon=1500.0, intensity_std_photon=300.0
        ),
        "background": Background(background_photon=15.0),
        "simulation": Simulation(frames=120, width_px=64, height_px=64, seed=seed),
        **changed,
    }
    return simulate(ds.Camera(**CAMERA), *parts.values())


def test_the_answer_simulates_frames_like_the_data(made, tmp_path):
    output = tmp_path / "matched.toml"
    found = ds.estimate(made.stack, output=output, **CAMERA)
    assert found.psf.sigma_nm == pytest.approx(130.0, rel=0.03)
    assert output.with_suffix(".png").stat().st_size > 10_000
    again = _simulated(9, psf=found.psf, emitters=found.emitters, background=found.background)
    assert again.stack.mean() == pytest.approx(made.stack.mean(), rel=0.02)
    assert again.stack.std() == pytest.approx(made.stack.std(), rel=0.08)


def test_a_table_beside_the_stack_is_a_cross_check(made):
    found = ds.estimate(made.stack, localizations=made.truth, **CAMERA)
    assert found.estimate.table is not None
    assert "Table: " in found.summary()
    assert found.emitters.density_per_um2 == pytest.approx(1.0, rel=0.15)


def test_a_table_of_another_movie_is_refused(made):
    wrong = made.truth.assign(frame=made.truth["frame"] + 500)
    with pytest.raises(TableError, match="120 frames"):
        ds.estimate(made.stack, localizations=wrong, **CAMERA)
    wrong = made.truth.assign(x_nm=made.truth["x_nm"] * 10)
    with pytest.raises(TableError, match="6400"):
        ds.estimate(made.stack, localizations=wrong, **CAMERA)


def test_a_table_alone_is_enough():
    found = ds.estimate(localizations=DATA / "filaments_drift_first20_thunderstorm.csv", **CAMERA)
    assert 90 < found.psf.sigma_nm < 200
    assert found.emitters.density_per_um2 > 0


def test_the_optics_are_held_against_the_psf(made):
    found = ds.estimate(made.stack, wavelength_nm=670.0, numerical_aperture=0.6, **CAMERA)
    assert "0.21" in found.summary()


def test_without_anything_to_measure_it_says_so():
    with pytest.raises(SettingsError, match="neither a stack nor a table"):
        ds.estimate(**CAMERA)


def test_frames_in_which_nothing_blinks_are_refused():
    noise = np.random.default_rng(0).normal(100, 2, (60, 32, 32)).astype(np.float32)
    with pytest.raises(StackError):
        ds.estimate(noise, **CAMERA)


def test_a_table_alone_takes_the_camera_of_its_protocol(tmp_path):
    name = "filaments_drift_first20_thunderstorm"
    for ending in (".csv", "-protocol.txt"):
        shutil.copy(DATA / f"{name}{ending}", tmp_path)
    file = tmp_path / f"{name}.csv"
    known = ds.estimate(localizations=file, **CAMERA).estimate
    for source in (file, ds.read_table(file)):
        found = ds.estimate(localizations=source, camera={"read_noise_adu": 1.0}).estimate
        assert found.camera == known.camera.model_copy(update={"read_noise_adu": 1.0})
        assert found.emitters == known.emitters
        assert "The camera is that of the table's protocol" in found.notes
    with pytest.raises(CameraError, match="pixels of 160 nm"):
        ds.estimate(localizations=file, pixel_size_nm=160)
    (tmp_path / f"{name}-protocol.txt").unlink()
    with pytest.raises(SettingsError, match="is missing"):
        ds.estimate(localizations=file, pixel_size_nm=100)
