"""Score a localization table against the truth.

With TP matched pairs, FP localizations and FN emitters left over (see
:mod:`deep_storm.quality.matching`):

=====================  =========================================================================
Jaccard                TP / (TP + FP + FN)
recall, precision      TP / (TP + FN), TP / (TP + FP)
RMSE                   √(Σ(dx² + dy²) / TP), lateral, in nm
axial RMSE             √(Σ dz² / TP), in nm, where both tables have depths
bias                   *mean* of localization − emitter along an axis, in nm
efficiency             1 − √((1 − Jaccard)² + (RMSE / 100 nm)²), [1]_; negative when RMSE is large
photon ratio           median of estimated / true photons over the matched pairs
error / uncertainty    √mean((dx² + dy²) / 2u²) over the matched pairs; 1 when u is right
calibration error      expected calibration error of the confidence (10 bins)
=====================  =========================================================================

Which rows are compared is said in :mod:`deep_storm.quality.selection`.

References
----------
.. [1] D. Sage et al., "Super-resolution fight club: assessment of 2D and 3D single-molecule
   localization microscopy software", Nature Methods 16, 387 (2019), with α = 1/100 nm.
   https://doi.org/10.1038/s41592-019-0364-4
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import SettingsError
from deep_storm.localizations import validated
from deep_storm.quality.calibration import calibration_error
from deep_storm.quality.matching import Matches, match
from deep_storm.quality.selection import compared_frames, select_rows
from deep_storm.settings import Evaluation

EFFICIENCY_NM = 100.0
"""RMSE that costs as much efficiency as losing all matches (1/α of Sage 2019)."""


@dataclass(frozen=True)
class Scores:
    """Scores at one tolerance, as defined above; ``nan`` where they are undefined."""

    tolerance_nm: float
    true_positives: int
    false_positives: int
    false_negatives: int
    jaccard: float
    recall: float
    precision: float
    rmse_nm: float
    bias_x_nm: float
    bias_y_nm: float
    efficiency: float
    photon_ratio: float
    error_over_uncertainty: float
    calibration_error: float
    rmse_z_nm: float = math.nan
    bias_z_nm: float = math.nan
    z_error_over_uncertainty: float = math.nan

    def to_json(self) -> dict[str, float | int | None]:
        """Return plain numbers for JSON: ``None`` instead of ``nan``."""
        return {k: None if math.isnan(v) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class Comparison:
    """A table compared with the truth.

    Attributes
    ----------
    first_frame, last_frame
        Frames compared, 0-based and inclusive; ``last_frame`` is −1 when both tables are empty.
    localizations, emitters
        Rows compared.
    localizations_left_out, emitters_left_out
        Rows in other frames or in the border.
    scores
        One entry for each tolerance, in the order of the settings.
    """

    first_frame: int
    last_frame: int
    localizations: int
    emitters: int
    localizations_left_out: int
    emitters_left_out: int
    scores: tuple[Scores, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for JSON; frames are 1-based there (``"1:30"``)."""
        return {
            "frames": f"{self.first_frame + 1}:{self.last_frame + 1}",
            "localizations": self.localizations,
            "emitters": self.emitters,
            "localizations_left_out": self.localizations_left_out,
            "emitters_left_out": self.emitters_left_out,
            "scores": [scores.to_json() for scores in self.scores],
        }


def evaluate(
    localizations: pd.DataFrame,
    truth: pd.DataFrame,
    evaluation: Evaluation = Evaluation(),
    field_nm: tuple[float, float] | None = None,
) -> Comparison:
    """Compare a localization table with the truth.

    Parameters
    ----------
    localizations, truth
        Tables as in :mod:`deep_storm.localizations`; ``intensity_photon`` in both,
        ``uncertainty_xy_nm`` and ``confidence`` in the first are scored when they are there.
    evaluation
        Tolerances, border and frames.
    field_nm
        Width and height of the field, for the border.

    Returns
    -------
    Comparison. Empty tables give scores of zero and an RMSE of ``nan``.

    Raises
    ------
    TableError
        The tables have no frames in common, one is not in nm, or one has no depths for an axial
        tolerance.
    SettingsError
        A tolerance is not positive, the frames cannot be read, or the border fills the field.
    """
    if not evaluation.tolerance_nm:
        raise SettingsError("no tolerance is given", "at least one", "give --tolerance-nm 100")
    estimated = validated(localizations, "the localization table")
    true = validated(truth, "the ground truth", truth=True)
    first, last = compared_frames(estimated, true, evaluation.frames)
    kept, true_kept = select_rows(estimated, true, (first, last), evaluation, field_nm)
    return Comparison(
        first_frame=first,
        last_frame=last,
        localizations=len(kept),
        emitters=len(true_kept),
        localizations_left_out=len(estimated) - len(kept),
        emitters_left_out=len(true) - len(true_kept),
        scores=tuple(
            score(
                kept,
                true_kept,
                match(kept, true_kept, tolerance_nm, evaluation.axial_tolerance_nm),
                tolerance_nm,
            )
            for tolerance_nm in evaluation.tolerance_nm
        ),
    )


def score(
    localizations: pd.DataFrame, truth: pd.DataFrame, matches: Matches, tolerance_nm: float
) -> Scores:
    """Compute the scores of a matching of two whole tables."""
    found, missed = len(matches), len(truth) - len(matches)
    wrong = len(localizations) - found
    pairs = localizations.iloc[matches.localization], truth.iloc[matches.emitter]
    dx_nm, dy_nm = (_column(pairs[0], c) - _column(pairs[1], c) for c in ("x_nm", "y_nm"))
    squared_nm2 = dx_nm**2 + dy_nm**2
    jaccard = _ratio(found, found + wrong + missed)
    rmse_nm = math.sqrt(_mean(squared_nm2)) if found else math.nan
    loss = math.hypot(1 - jaccard, rmse_nm / EFFICIENCY_NM)
    return Scores(
        tolerance_nm=float(tolerance_nm),
        true_positives=found,
        false_positives=wrong,
        false_negatives=missed,
        jaccard=jaccard,
        recall=_ratio(found, found + missed),
        precision=_ratio(found, found + wrong),
        rmse_nm=rmse_nm,
        bias_x_nm=_mean(dx_nm),
        bias_y_nm=_mean(dy_nm),
        efficiency=1 - loss if found else 0.0,
        photon_ratio=_photon_ratio(*pairs),
        error_over_uncertainty=_error_over_uncertainty(pairs[0], squared_nm2),
        calibration_error=_calibration_error(localizations, matches),
        **_axial(*pairs),
    )


def _axial(found: pd.DataFrame, emitters: pd.DataFrame) -> dict[str, float]:
    """Return the scores of the depths; nothing where a table has none."""
    if "z_nm" not in found or "z_nm" not in emitters or not len(found):
        return {}
    dz_nm = _column(found, "z_nm") - _column(emitters, "z_nm")
    known = np.isfinite(dz_nm)
    scores = {"rmse_z_nm": math.sqrt(_mean(dz_nm[known] ** 2)), "bias_z_nm": _mean(dz_nm[known])}
    if "uncertainty_z_nm" in found:
        uncertainty_nm = _column(found, "uncertainty_z_nm")
        usable = known & (uncertainty_nm > 0)
        ratio = _mean((dz_nm[usable] / uncertainty_nm[usable]) ** 2)
        scores["z_error_over_uncertainty"] = math.sqrt(ratio)
    return scores


def _column(table: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    return table[name].to_numpy(dtype=np.float64)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan


def _photon_ratio(found: pd.DataFrame, emitters: pd.DataFrame) -> float:
    if "intensity_photon" not in found or "intensity_photon" not in emitters:
        return math.nan
    estimated, true = _column(found, "intensity_photon"), _column(emitters, "intensity_photon")
    usable = np.isfinite(estimated) & (true > 0)
    return float(np.median(estimated[usable] / true[usable])) if usable.any() else math.nan


def _error_over_uncertainty(found: pd.DataFrame, squared_nm2: npt.NDArray[np.float64]) -> float:
    if "uncertainty_xy_nm" not in found:
        return math.nan
    uncertainty_nm = _column(found, "uncertainty_xy_nm")
    usable = uncertainty_nm > 0
    return math.sqrt(_mean(squared_nm2[usable] / (2 * uncertainty_nm[usable] ** 2)))


def _calibration_error(localizations: pd.DataFrame, matches: Matches) -> float:
    if "confidence" not in localizations:
        return math.nan
    correct = np.zeros(len(localizations), bool)
    correct[matches.localization] = True
    confidence = _column(localizations, "confidence")
    usable = np.isfinite(confidence)
    return calibration_error(confidence[usable], correct[usable])
