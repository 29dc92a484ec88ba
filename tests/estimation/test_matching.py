import numpy as np
import pandas as pd
import pytest

from deep_storm.errors import TableError
from deep_storm.estimation import match_settings

FRAMES, FIELD_UM2 = 400, 41.0


def truth_of(counts: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    n = int(counts.sum())
    return pd.DataFrame(
        {
            "frame": np.repeat(np.arange(len(counts)), counts),
            "sigma_nm": rng.uniform(100, 140, n),
            "intensity_photon": rng.uniform(500, 1500, n),
            "bkgstd_photon": np.sqrt(20.0),
        }
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_finds_the_settings_of_a_simulation(rng):
    truth = truth_of(rng.poisson(2 * FIELD_UM2, FRAMES), rng)
    psf, emitters, background = match_settings(truth, FIELD_UM2, FRAMES)
    assert psf.sigma_nm == pytest.approx(120, rel=0.01)
    assert psf.sigma_std_nm == pytest.approx(40 / np.sqrt(12), rel=0.02)
    assert emitters.density_per_um2 == pytest.approx(2, rel=0.02)
    assert emitters.density_std_per_um2 == 0
    assert emitters.intensity_std_photon == pytest.approx(1000 / np.sqrt(12), rel=0.02)
    assert emitters.spread == "uniform"
    assert background.background_photon == pytest.approx(20)
    assert background.background_std_photon == 0


def test_tells_a_density_that_changes_from_chance(rng):
    densities = rng.normal(2, 0.5, FRAMES).clip(0)
    truth = truth_of(rng.poisson(densities * FIELD_UM2), rng)
    emitters = match_settings(truth, FIELD_UM2, FRAMES).emitters
    assert emitters.density_std_per_um2 == pytest.approx(0.5, rel=0.1)


def test_counts_frames_without_emitters(rng):
    truth = truth_of(np.array([40, 0, 0, 0]), rng)
    assert match_settings(truth, 10.0, 4).emitters.density_per_um2 == pytest.approx(1)


def test_tells_a_normal_spread_from_a_uniform_one(rng):
    truth = truth_of(rng.poisson(40, FRAMES), rng)
    truth["intensity_photon"] = rng.normal(1000, 200, len(truth))
    assert match_settings(truth, FIELD_UM2, FRAMES).emitters.spread == "normal"


def test_counts_the_frames_in_a_row_that_molecules_are_seen_in(rng):
    truth = truth_of(rng.poisson(2 * FIELD_UM2, FRAMES), rng)
    truth["x_nm"], truth["y_nm"] = rng.uniform(0, 6400, (2, len(truth)))
    assert match_settings(truth, FIELD_UM2, FRAMES).emitters.seen_frames == 1
    stays = truth[rng.random(len(truth)) < 0.5]
    both = pd.concat([truth, stays.assign(frame=stays["frame"] + 1, intensity_photon=700.0)])
    emitters = match_settings(both, FIELD_UM2, FRAMES + 1).emitters
    assert emitters.seen_frames == pytest.approx(len(both) / len(truth), rel=1e-4)


def test_emitters_that_never_go_off_are_seen_for_as_long_as_a_simulation_can_have(rng):
    frames = 1200
    truth = truth_of(np.ones(frames, int), rng).assign(x_nm=100.0, y_nm=200.0)
    assert match_settings(truth, FIELD_UM2, frames).emitters.seen_frames == 1000


def test_refuses_a_truth_without_photons(rng):
    truth = truth_of(np.array([4, 4]), rng)
    with pytest.raises(TableError, match="no column intensity_photon"):
        match_settings(truth.drop(columns="intensity_photon"), FIELD_UM2, 2)
    with pytest.raises(TableError, match="no emitters"):
        match_settings(truth.iloc[:0], FIELD_UM2, 2)
