import json
import math
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from deep_storm import localizations as tables
from deep_storm.errors import SettingsError, TableError
from deep_storm.io.tables.thunderstorm import read_table
from deep_storm.quality.scores import evaluate
from deep_storm.settings import Evaluation


def table(*rows: tuple[int, float, float], **columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["frame", "x_nm", "y_nm"]).assign(**columns)


def at(tolerance_nm: float = 100.0, **settings: object) -> Evaluation:
    return Evaluation(tolerance_nm=(tolerance_nm,), **settings)


TRUTH = table((0, 1000, 1000), (0, 2000, 1000), (1, 1000, 3000), (1, 4000, 4000))
FOUND = table((0, 1030, 1040), (0, 2000, 990), (1, 3000, 3000))


def test_scores_of_a_hand_made_case():
    comparison = evaluate(FOUND, TRUTH, at(100))
    (scores,) = comparison.scores
    assert (scores.true_positives, scores.false_positives, scores.false_negatives) == (2, 1, 2)
    assert scores.jaccard == pytest.approx(2 / 5)
    assert scores.recall == pytest.approx(2 / 4)
    assert scores.precision == pytest.approx(2 / 3)
    assert scores.rmse_nm == pytest.approx(math.sqrt((2500 + 100) / 2))
    assert (scores.bias_x_nm, scores.bias_y_nm) == pytest.approx((15.0, 15.0))
    assert scores.efficiency == pytest.approx(1 - math.hypot(0.6, scores.rmse_nm / 100))
    assert (comparison.localizations, comparison.emitters) == (3, 4)


def test_several_tolerances_are_scored_in_order():
    scores = evaluate(FOUND, TRUTH, Evaluation(tolerance_nm=(20.0, 100.0))).scores
    assert [s.tolerance_nm for s in scores] == [20.0, 100.0]
    assert [s.true_positives for s in scores] == [1, 2]


def test_thunderstorms_own_answer_scores_as_measured():
    folder = files("deep_storm") / "demo_data"
    found = read_table(str(folder / "cmos_d2_first30_memle.csv"))
    truth = read_table(str(folder / "cmos_d2_first30_gt.csv"))
    (scores,) = evaluate(found, truth, at(100, frames="1:30")).scores
    assert scores.jaccard == pytest.approx(0.680, abs=5e-4)
    assert scores.recall == pytest.approx(0.707, abs=5e-4)
    assert scores.precision == pytest.approx(0.947, abs=5e-4)
    assert scores.rmse_nm == pytest.approx(19.1, abs=0.06)
    assert abs(scores.bias_x_nm) < 0.5 > abs(scores.bias_y_nm)
    assert scores.photon_ratio == pytest.approx(1, abs=0.02)


def test_photons_uncertainty_and_confidence_are_scored_when_there():
    found = FOUND.assign(
        intensity_photon=[900.0, 1100.0, 5.0],
        uncertainty_xy_nm=[50 / math.sqrt(2), 10 / math.sqrt(2), 1.0],
        confidence=[1.0, 1.0, 0.0],
    )
    (scores,) = evaluate(found, TRUTH.assign(intensity_photon=1000.0), at()).scores
    assert scores.photon_ratio == pytest.approx(1.0)
    assert scores.error_over_uncertainty == pytest.approx(1.0)
    assert scores.calibration_error == pytest.approx(0.0)
    (bare,) = evaluate(FOUND, TRUTH, at()).scores
    assert all(
        math.isnan(v)
        for v in (bare.photon_ratio, bare.error_over_uncertainty, bare.calibration_error)
    )


@pytest.mark.parametrize("empty", ["found", "truth", "both"])
def test_empty_tables_score_zero(empty):
    found = tables.empty() if empty != "truth" else FOUND
    truth = tables.empty() if empty != "found" else TRUTH
    comparison = evaluate(found, truth, at())
    (scores,) = comparison.scores
    assert scores.true_positives == 0
    assert scores.jaccard == scores.recall == scores.precision == scores.efficiency == 0
    assert math.isnan(scores.rmse_nm)
    assert math.isnan(scores.bias_x_nm)
    assert json.loads(json.dumps(comparison.to_json(), allow_nan=False))


def test_json_has_frames_from_one_and_null_for_nan():
    result = evaluate(FOUND, TRUTH, at()).to_json()
    assert result["frames"] == "1:2"
    assert result["scores"][0]["photon_ratio"] is None
    assert json.dumps(result, allow_nan=False)


def test_frames_are_counted_from_one_and_inclusive():
    truth = table(*[(f, 1000, 1000) for f in range(10)])
    comparison = evaluate(truth, truth, at(frames="3:5"))
    assert (comparison.first_frame, comparison.last_frame) == (2, 4)
    assert comparison.emitters == 3
    assert comparison.emitters_left_out == comparison.localizations_left_out == 7
    assert evaluate(truth, truth, at(frames="7")).emitters == 1
    assert evaluate(truth, truth, at(frames="9:")).emitters == 2
    assert evaluate(truth, truth, at(frames=":4")).emitters == 4


def test_by_default_the_frames_of_both_tables_are_compared():
    truth = table(*[(f, 1000, 1000) for f in range(10)])
    found = truth.iloc[[2, 3, 6]]
    comparison = evaluate(found, truth, at())
    assert (comparison.first_frame, comparison.last_frame) == (2, 6)
    # Frames in between without a localization count as missed.
    assert comparison.scores[0].false_negatives == 2


def test_no_frames_in_common_names_the_frames_of_both():
    with pytest.raises(TableError, match=r"hold frames 1 to 2.*holds frames 11 to 12"):
        evaluate(FOUND, TRUTH.assign(frame=TRUTH["frame"] + 10), at())
    with pytest.raises(TableError, match=r"among the frames asked for \(5:9\)"):
        evaluate(FOUND, TRUTH, at(frames="5:9"))


@pytest.mark.parametrize("frames", ["0:5", "5:3", "0"])
def test_refuses_frames_that_cannot_be(frames):
    with pytest.raises(SettingsError, match="counted from 1"):
        evaluate(FOUND, TRUTH, at(frames=frames))


def test_a_border_leaves_out_rows_of_both_tables():
    truth = table((0, 50, 500), (0, 500, 500), (0, 940, 500), (0, 500, 990), (0, 1000, 1000))
    comparison = evaluate(truth, truth, at(border_nm=60))  # field from the truth: 1000 × 1000
    assert comparison.localizations == comparison.emitters == 2
    wide = evaluate(truth, truth, at(border_nm=60), field_nm=(2000, 2000))
    assert wide.emitters == 4


def test_refuses_a_border_that_fills_the_field():
    with pytest.raises(SettingsError, match="4000 × 4000 nm"):
        evaluate(FOUND, TRUTH, at(border_nm=2000))


@pytest.mark.parametrize("in_pixels", ["truth", "localizations"])
def test_refuses_a_table_in_pixels(in_pixels):
    rng = np.random.default_rng(3)
    nm = pd.DataFrame({"frame": 0, "x_nm": rng.uniform(0, 6400, 50)})
    nm["y_nm"] = rng.uniform(0, 6400, 50)
    pixels = nm.assign(x_nm=nm["x_nm"] / 100, y_nm=nm["y_nm"] / 100)
    pair = (nm, pixels) if in_pixels == "truth" else (pixels, nm)
    with pytest.raises(TableError, match=f"the {in_pixels} may be in pixels"):
        evaluate(*pair, at())


def test_localizations_in_a_corner_only_are_not_taken_for_pixels():
    rng = np.random.default_rng(4)
    truth = pd.DataFrame({"frame": 0, "x_nm": rng.uniform(0, 9000, 400)})
    truth["y_nm"] = rng.uniform(0, 9000, 400)
    corner = table((0, 100, 120), (0, 300, 80), (0, 200, 290))
    truth = pd.concat([truth, corner], ignore_index=True)
    assert evaluate(corner, truth, at()).scores[0].true_positives == 3


def test_refuses_no_tolerance():
    with pytest.raises(SettingsError, match="at least one"):
        evaluate(FOUND, TRUTH, Evaluation(tolerance_nm=()))


DEEP_TRUTH = TRUTH.assign(z_nm=[0.0, 100.0, 0.0, 300.0])
DEEP_FOUND = FOUND.assign(z_nm=[40.0, 90.0, 0.0], uncertainty_z_nm=[40.0, 10.0, 5.0])


def test_depths_are_scored_where_both_have_them():
    (scores,) = evaluate(DEEP_FOUND, DEEP_TRUTH, at(100)).scores
    assert scores.rmse_z_nm == pytest.approx(math.sqrt((1600 + 100) / 2))
    assert scores.bias_z_nm == pytest.approx(15.0)
    assert scores.z_error_over_uncertainty == pytest.approx(1.0)
    (flat,) = evaluate(FOUND, DEEP_TRUTH, at(100)).scores
    assert math.isnan(flat.rmse_z_nm)


def test_an_axial_tolerance_counts_as_well():
    (scores,) = evaluate(DEEP_FOUND, DEEP_TRUTH, at(100, axial_tolerance_nm=20.0)).scores
    assert scores.true_positives == 1
    assert scores.rmse_z_nm == pytest.approx(10.0)


def test_the_nearer_depth_is_matched():
    truth = table((0, 1000, 1000), (0, 1000, 1000), z_nm=[-200.0, 200.0])
    found = table((0, 1000, 1000), (0, 1000, 1000), z_nm=[190.0, -190.0])
    (scores,) = evaluate(found, truth, at(100, axial_tolerance_nm=500.0)).scores
    assert scores.rmse_z_nm == pytest.approx(10.0)


def test_an_axial_tolerance_needs_depths():
    with pytest.raises(TableError, match=r"localization table has no column 'z \[nm\]'"):
        evaluate(FOUND, DEEP_TRUTH, at(100, axial_tolerance_nm=20.0))
    with pytest.raises(TableError, match=r"ground truth has no column 'z \[nm\]'"):
        evaluate(DEEP_FOUND, TRUTH, at(100, axial_tolerance_nm=20.0))
