"""The files of an estimate: settings that name the PSF beside them, and a model that knows it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.estimation.combined import estimate_table
from deep_storm.estimation.movie_psf import Attempt, matched_light, matched_psf, with_psf
from deep_storm.estimation.psf.light import MovieLight
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.inputs.training_data import matched_molecules
from deep_storm.io.config import load_toml
from deep_storm.io.outputs import Outputs
from deep_storm.io.psf_files import read_psf
from deep_storm.psf.fitting import fit_gaussian
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.runs.estimation import ESTIMATE_ENDINGS, write_estimate
from deep_storm.settings import Background, Emitters, Psf, Pupil

DATA = Path(__file__).resolve().parents[1] / "data"
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)


def measured(table):
    left_over = np.zeros((13, 13))
    table = replace(table, uncertainty=0.01)
    return MeasuredPsf(table, 0.01, 1200, 100, 2000.0, 15.0, 35.0, 1.0, 0.03, 5, left_over)


@pytest.fixture(scope="module")
def airy():
    pupil = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, immersion_index=1.515)
    return measured(pupil_table(pupil, 100.0))


@pytest.fixture(scope="module")
def estimate():
    table = ds.read_table(DATA / "filaments_drift_first20_thunderstorm.csv")
    return estimate_table(table, CAMERA)


def outputs(folder, overwrite=False):
    made = Outputs.of(folder / "matched.toml", ESTIMATE_ENDINGS, name="m", overwrite=overwrite)
    made.check()
    return made


def test_settings_name_the_psf_beside_them(estimate, airy, tmp_path, monkeypatch):
    made = outputs(tmp_path)
    write_estimate(with_psf(estimate, Attempt(airy, ("measured",))), None, made)
    names = [path.name for path in made.written]
    assert names == ["matched.toml", "matched.png", "matched-psf.toml", "matched-psf.npz",
                     "matched-psf.png"]  # fmt: skip
    settings = load_toml(tmp_path / "matched.toml")
    assert settings["psf"]["psf_file"] == "matched-psf.toml"
    assert settings["results"]["psf"]["molecules"] == 1200
    assert "measured" in settings["results"]["notes"]
    assert read_psf(tmp_path / "matched-psf.toml").fingerprint() == airy.table.fingerprint()


def test_training_takes_it_from_wherever_the_settings_lie(estimate, airy, tmp_path, monkeypatch):
    write_estimate(with_psf(estimate, Attempt(airy)), None, outputs(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    made = ds.simulate(
        config=tmp_path / "matched.toml", output="sim", frames=1, width_px=16, height_px=16
    )
    assert made.frames == 1
    from deep_storm.io.config import read_config

    parts = read_config(tmp_path / "matched.toml")
    given = {
        name: cls.parse(parts[name])
        for name, cls in (("camera", ds.Camera), ("psf", Psf), ("emitters", Emitters),
                          ("background", Background))
    }  # fmt: skip
    molecules = matched_molecules(given, None)
    assert molecules.table.fingerprint() == airy.table.fingerprint()
    assert molecules.psf.sigma_nm == pytest.approx(airy.sigma_nm, rel=1e-3)


def test_a_gaussian_needs_no_file(estimate, tmp_path):
    found = with_psf(estimate, Attempt(measured(gaussian_table(110.0, 100.0)), ("a Gaussian",)))
    assert found.psf == estimate.psf
    made = outputs(tmp_path)
    write_estimate(found, None, made)
    assert [path.name for path in made.written] == ["matched.toml", "matched.png"]
    assert load_toml(tmp_path / "matched.toml")["psf"]["psf_file"] == ""


def test_widths_spread_no_more_than_molecules_differ(airy):
    psf = matched_psf(airy, Psf(sigma_nm=100.0, sigma_std_nm=20.0))
    assert psf.sigma_nm == pytest.approx(airy.sigma_nm, rel=1e-3)
    assert psf.sigma_std_nm == pytest.approx(0.03 / 2**0.5 * airy.sigma_nm, rel=1e-3)
    assert matched_psf(airy, Psf(sigma_nm=100.0, sigma_std_nm=1.0)).sigma_std_nm < 1.1


def test_light_is_given_to_emitters_and_none_is_lost(airy):
    before = Emitters(density_per_um2=1.0, intensity_photon=1500, intensity_std_photon=500)
    after, background = matched_light(airy, CAMERA, before, Background(background_photon=20.0))
    assert after.intensity_photon == 2000
    assert after.intensity_std_photon == pytest.approx(500 * 2000 / 1500, rel=1e-3)
    light = after.density_per_um2 * after.intensity_photon * 0.01
    assert light + background.background_photon == pytest.approx(airy.level, rel=1e-3)
    # what the fit saw as background is that, and the light beyond the table's window
    beyond = (1.0 - airy.light_within) * light
    assert background.background_photon + beyond == pytest.approx(15.0, rel=1e-3)


def test_molecules_that_were_not_told_apart_are_no_bright_ones(airy):
    own = Emitters(
        density_per_um2=1.0,
        intensity_photon=800,
        intensity_std_photon=200,
        structure="filaments",
    )
    after, background = matched_light(airy, CAMERA, own, Background(background_photon=20.0))
    part = fit_gaussian(airy.table.values[0], airy.table.samples_per_px).share
    assert after.intensity_photon == pytest.approx(1.2 * 800 / part, rel=1e-3)
    assert after.intensity_photon < 0.7 * airy.photons
    light = after.density_per_um2 * after.intensity_photon * 0.01
    assert light + background.background_photon == pytest.approx(airy.level, rel=1e-3)


@pytest.mark.parametrize(
    ("fitted", "estimated", "taken"),
    [
        ("mixed", "filaments", "filaments"),  # parts with few frames are all spots
        ("filaments", "uniform", "filaments"),
        ("uniform", "filaments", "uniform"),  # an uneven background
        ("filaments", "clusters", "clusters"),
    ],
)
def test_what_molecules_lie_on_is_seen_in_all_of_the_field(airy, fitted, estimated, taken):
    length = 0.0 if fitted == "uniform" else 0.7
    found = replace(airy, light=MovieLight(0.05, 500.0, 0.0, 0.0, 0.0, fitted, length))
    values = {"density_per_um2": 1.0, "intensity_photon": 1500, "intensity_std_photon": 500}
    before = Emitters(**values, structure=estimated)
    after, _ = matched_light(found, CAMERA, before, Background(background_photon=20.0))
    assert after.structure == taken
    assert after.filament_um_per_um2 == (0.7 if taken == "filaments" else 0.0)


def test_haze_and_unevenness_of_the_movie_are_those_of_the_simulation(airy):
    light = MovieLight(0.05, 1500.0, 0.3, 0.5, 6.0, "filaments")
    hazy = replace(airy, light=light)
    before = Emitters(density_per_um2=1.0, intensity_photon=1500, intensity_std_photon=500)
    after, background = matched_light(hazy, CAMERA, before, Background(background_photon=20.0))
    assert (after.intensity_std_photon, after.spread) == (1500.0, "gamma")
    assert after.structure == "filaments"
    assert background.unevenness == 0.3
    assert background.haze_per_um2 == pytest.approx(6.0 / hazy.photons * 100, rel=1e-2)
    even = matched_light(airy, CAMERA, before, Background(background_photon=20.0))[1]
    assert even.background_photon == pytest.approx(background.background_photon + 6.0, rel=1e-3)
    lamp = replace(hazy, light=light._replace(changes=0.25))
    changing = matched_light(lamp, CAMERA, before, Background(background_photon=20.0))[1]
    mean = changing.background_photon
    assert changing.background_std_photon == pytest.approx(0.25 * mean, rel=1e-2)
    psf = matched_psf(hazy, Psf(sigma_nm=100.0, sigma_std_nm=1.0))
    assert psf.sigma_std_nm == pytest.approx(0.05 * airy.sigma_nm, rel=1e-3)
