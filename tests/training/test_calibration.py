"""Confidence, spread and threshold that a model learns on fresh simulation."""

from __future__ import annotations

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.extraction.candidates import Candidates
from deep_storm.model import Model
from deep_storm.model_card import Calibration
from deep_storm.quality.matching import Points
from deep_storm.training import calibration
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)


def shadowed(emitters: int) -> calibration.Simulated:
    """Emitters far apart, each with a sure candidate 40 nm and an unsure one 10 nm away."""
    x_px = 10.0 + 10.0 * np.arange(emitters)
    near, far = x_px + 0.1, x_px + 0.4
    count = 2 * emitters
    candidates = Candidates(
        np.zeros(count, np.int64),
        *(
            np.asarray(v, np.float32)
            for v in (
                np.concatenate([far, near]),
                np.full(count, 5.0),
                np.full(count, 0.2),
                np.repeat([0.9, 0.2], emitters),
                np.ones(count),
                np.ones(count),
                np.ones(count),
            )
        ),
    )
    frame = np.zeros(emitters, np.int64)
    truth = Points(frame, 100 * x_px, np.full(emitters, 500.0))
    return calibration.Simulated(
        candidates, truth, np.repeat([0.9, 0.0], emitters), np.full(emitters, 1.2)
    )


def test_a_reported_candidate_is_right_though_an_unreported_one_lies_nearer():
    simulated = shadowed(50)
    learnt = calibration._learn(simulated, 100.0, simulated.candidates.score > 0.5)
    sure, unsure = learnt.confidence_of(np.array([0.9, 0.2]))
    assert sure > 0.99
    assert unsure < 0.01


def test_the_spread_is_that_of_the_reported_candidates():
    simulated = shadowed(50)
    learnt = calibration._learn(simulated, 100.0, simulated.candidates.score > 0.5)
    # 40 nm in one of two axes against 20 nm.
    assert learnt.spread_factor_of(np.array([0.9])) == pytest.approx(np.sqrt(40**2 / 2) / 20)


def test_the_spread_of_the_depth_is_that_of_the_reported_candidates():
    simulated = shadowed(50)
    count = simulated.candidates.frame.size
    deep = simulated.candidates._replace(
        z_px=np.full(count, 1.5, np.float32), z_spread_px=np.full(count, 0.5, np.float32)
    )
    truth = simulated.truth._replace(z_nm=np.full(50, 50.0))
    simulated = simulated._replace(candidates=deep, truth=truth)
    learnt = calibration._learn(simulated, 100.0, deep.score > 0.5)
    assert learnt.depth_factor_of(np.array([0.9])) == pytest.approx(100.0 / 50.0)
    off = simulated._replace(truth=truth._replace(z_nm=np.full(50, 800.0)))
    # farther off than any emitter may be: none is right
    assert calibration._learn(off, 100.0, deep.score > 0.5) == Calibration()


def test_photons_and_background_are_those_of_the_right_candidates():
    simulated = shadowed(50)
    learnt = calibration._learn(simulated, 100.0, simulated.candidates.score > 0.5)
    assert learnt.background_factor == pytest.approx(0.9)
    assert learnt.photon_factor == pytest.approx(1.2)


def test_a_network_that_states_neither_has_no_factors():
    simulated = shadowed(50)
    none = np.empty(0, np.float32)
    simulated = simulated._replace(
        candidates=simulated.candidates._replace(background=none, photons=none)
    )
    learnt = calibration._learn(simulated, 100.0, simulated.candidates.score > 0.5)
    assert learnt.background_factor is learnt.photon_factor is None


def test_a_network_that_finds_nothing_keeps_the_defaults():
    simulated = shadowed(3)
    learnt = calibration._learn(simulated, 100.0, simulated.candidates.score > 0.5)
    assert learnt == Calibration()


@pytest.mark.parametrize(("emitters", "shift_px"), [(600, 0.4), (300, 0.0)])
def test_how_far_off_places_are_in_the_mean_is_learnt_from_many(monkeypatch, emitters, shift_px):
    monkeypatch.setattr(calibration, "on_simulation", lambda *_: shadowed(emitters))
    card = calibration.calibrate(Model.load("general"), 1).card
    assert card.calibration.shift_px == pytest.approx((shift_px, 0.0), abs=1e-4)
    assert card.scores["rmse_nm"] == pytest.approx(40.0 - 100.0 * shift_px, abs=0.1)
    assert card.calibration.confidence_of(np.array([0.2])) < 0.01


def test_a_shift_of_more_than_a_small_pixel_can_be_read_again():
    far = Calibration(shift_x_px=2.5, shift_y_px=-4.0)  # 250 nm, as far as a depth's match
    assert Calibration.parse(far.model_dump(mode="json")).shift_px == (2.5, -4.0)


def test_scores_of_a_hardly_trained_network_are_found_where_they_are(monkeypatch):
    simulated = shadowed(100)
    low = simulated.candidates._replace(score=0.1 * simulated.candidates.score)
    monkeypatch.setattr(calibration, "on_simulation", lambda *_: simulated._replace(candidates=low))
    card = calibration.calibrate(Model.load("general"), 1).card
    assert card.scores["jaccard"] == 1.0
    assert card.calibration.confidence_of(np.array([0.09, 0.02])) == pytest.approx(
        [1.0, 0.0], abs=0.01
    )


def test_without_scores_half_is_simulated_and_all_else_is_the_same(monkeypatch):
    seeds = []

    def localize(model, seed, maps):
        seeds.append(seed)
        return shadowed(100)

    monkeypatch.setattr(calibration, "on_simulation", localize)
    general = Model.load("general")
    whole, plain = (calibration.calibrate(general, 1, scored=scored) for scored in (True, False))
    assert seeds[0] == seeds[2] != seeds[1]
    assert len(seeds) == 3
    assert whole.card.scores
    assert plain.card == whole.card.model_copy(update={"scores": {}})


@pytest.mark.parametrize("density", [1.0, 10.0])
def test_confidence_is_the_share_that_is_right_also_in_a_crowd(monkeypatch, density):
    monkeypatch.setitem(calibration.EMITTERS, "native", 3000)
    molecules = Molecules(
        CAMERA,
        ds.Psf(sigma_nm=130, sigma_std_nm=5),
        ds.Emitters(density_per_um2=density, intensity_photon=1500, intensity_std_photon=150),
        ds.Background(background_photon=10),
    )
    told = adapted(Model.load("general"), molecules)
    assert told.card.scores["emitters"] > 2000
    assert told.card.scores["calibration_error"] < 0.03
