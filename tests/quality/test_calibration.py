import math

import numpy as np
import pytest

from deep_storm.errors import ModelError
from deep_storm.quality.calibration import (
    calibration_error,
    choose_threshold,
    fit_isotonic,
    jaccard_curve,
    reliability,
)


def drawn(n: int, seed: int, power: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores of which the share score**power is right."""
    rng = np.random.default_rng(seed)
    score = rng.beta(0.6, 0.6, n)
    return score, rng.random(n) < score**power


def test_calibration_error_of_a_hand_made_case():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.25, 0.25])
    correct = np.array([True, True, False, False, False, False])
    assert calibration_error(confidence, correct) == pytest.approx(4 / 6 * 0.45 + 2 / 6 * 0.25)


def test_confidences_of_zero_and_one_fall_into_the_outer_bins():
    assert calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0


def test_calibration_error_without_localizations_is_nan():
    assert math.isnan(calibration_error(np.empty(0), np.empty(0, bool)))


def test_reliability_marks_empty_bins():
    counts, mean, share = reliability(np.array([0.05, 0.15]), np.array([True, False]), bins=4)
    assert counts.tolist() == [2, 0, 0, 0]
    assert mean[0] == pytest.approx(0.1)
    assert share[0] == 0.5
    assert np.isnan(share[1:]).all()


def test_isotonic_calibrates_fresh_data():
    score, correct = drawn(30_000, 0)
    knots = fit_isotonic(score, correct)
    fresh, fresh_correct = drawn(30_000, 1)
    assert calibration_error(fresh, fresh_correct) > 0.1
    assert calibration_error(np.interp(fresh, *knots), fresh_correct) < 0.02


@pytest.mark.parametrize("n", [1, 7, 200, 20_000])
def test_knots_are_few_rising_and_never_certain(n):
    x, y = fit_isotonic(*drawn(n, 2))
    assert len(x) == len(y) <= 64
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) > 0).all()
    assert y.min() >= 0.001
    assert y.max() <= 0.999


def test_calibration_keeps_the_ranking():
    score, _ = drawn(5000, 3)
    noise = np.random.default_rng(3).random(5000) < 0.5  # a score that says nothing
    calibrated = np.interp(np.sort(score), *fit_isotonic(score, noise))
    assert (np.diff(calibrated)[np.diff(np.sort(score)) > 0] > 0).all()
    assert abs(calibrated - 0.5).max() < 0.2


def test_equal_scores_get_their_share():
    score = np.repeat([0.2, 0.8], 500)
    correct = np.concatenate([np.arange(500) < 50, np.arange(500) < 450])
    calibrated = np.interp([0.2, 0.8], *fit_isotonic(score, correct))
    assert calibrated == pytest.approx([0.1, 0.9], abs=0.003)


def test_scores_need_not_be_probabilities():
    score = np.linspace(-5, 40, 1000)
    x, y = fit_isotonic(score, score > 10)
    assert x[0] == -5
    assert x[-1] == 40
    assert np.interp([-100.0, 100.0], x, y) == pytest.approx([0.001, 0.999])


def test_jaccard_curve_of_a_hand_made_case():
    confidence = np.array([0.9, 0.3, 0.6, 0.6])
    correct = np.array([True, False, True, False])
    thresholds, jaccard = jaccard_curve(confidence, correct, number_of_emitters=4)
    assert thresholds.tolist() == [0.3, 0.6, 0.9]
    assert jaccard == pytest.approx([2 / (4 + 4 - 2), 2 / (4 + 3 - 2), 1 / (4 + 1 - 1)])


def test_threshold_lies_between_right_and_wrong():
    confidence = np.concatenate([np.linspace(0.7, 0.9, 50), np.linspace(0.1, 0.3, 50)])
    correct = np.arange(100) < 50
    assert choose_threshold(confidence, correct, 50) == pytest.approx(0.5, abs=0.01)


def test_threshold_is_steadier_than_the_highest_point_of_the_curve():
    chosen, highest, limit = [], [], []
    for seed in range(8):
        score, correct = drawn(5000, seed, power=1.0)
        emitters = int(correct.sum() * 1.1)
        thresholds, jaccard = jaccard_curve(score, correct, emitters)
        chosen.append(choose_threshold(score, correct, emitters))
        highest.append(thresholds[np.argmax(jaccard)])
        # Keeping a candidate pays when its chance to be right is above J / (1 + J).
        limit.append(jaccard.max() / (1 + jaccard.max()))
    assert np.std(chosen) < np.std(highest)
    assert np.mean(chosen) == pytest.approx(np.mean(limit), abs=0.02)


def test_chosen_threshold_is_close_to_the_best():
    score, correct = drawn(5000, 9)
    thresholds, jaccard = jaccard_curve(score, correct, 3000)
    chosen = choose_threshold(score, correct, 3000)
    assert jaccard[np.searchsorted(thresholds, chosen)] >= jaccard.max() - 0.002


def test_rounding_leaves_nobody_out():
    """Isotonic regression gives many the same confidence, to the last digit."""
    alike = np.full(200, 0.8505734)
    chosen = choose_threshold(alike, np.arange(200) % 7 > 0, 200)
    assert chosen == 0.8505
    assert (alike >= chosen).all()


@pytest.mark.parametrize(
    ("confidence", "correct", "words"),
    [
        ([], [], "no candidate"),
        ([0.5, np.nan], [True, False], "not finite"),
        ([0.5, 0.6], [False, False], "none of 2 candidates is right"),
    ],
)
def test_refuses_to_choose_from_nothing(confidence, correct, words):
    with pytest.raises(ModelError, match=words):
        choose_threshold(np.array(confidence, float), np.array(correct, bool), 5)


def test_refuses_to_calibrate_nothing():
    with pytest.raises(ModelError, match="no candidate"):
        fit_isotonic(np.empty(0), np.empty(0, bool))
