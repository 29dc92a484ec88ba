"""What looks suspicious about a result, in plain words.

Each rule looks at one thing and says nothing when it is in order or not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from deep_storm.psf.table import PsfTable
from deep_storm.quality.drift import DriftCurve
from deep_storm.quality.stack_look import StackLook
from deep_storm.quality.survey import ONE_NEIGHBOUR_PER_UM2, Survey
from deep_storm.settings import Background, Emitters, Psf
from deep_storm.words import counted

FEW_ROWS = 100
PILED_UP, CONSTANT = 0.01, 0.01
PHOTONS_OFF, SIGMA_OFF = 0.25, 0.1
BACKGROUND_OFF = (0.7, 1.4)
BACKGROUND_SLACK_PHOTON = 3.0
TOO_DEEP = 0.1
DENSITY_FACTOR = {True: 3.0, False: 10.0}
"""How much denser than the trained density is still trained for: uniform, or structured."""
NEAR_THRESHOLD, NEAR_SHARE = 0.1, 0.3
FADED = 0.5
CHANCE_SIGMAS = 2.0
DRIFT_NM, DRIFT_UNCERTAINTIES = 20.0, 1.0
COLUMNS = {
    "intensity_photon": ("photons", "{:.4g}"),
    "sigma_nm": ("PSF sigma", "{:.4g} nm"),
    "background_photon": ("background", "{:.3g} photons"),
    "uncertainty_xy_nm": ("uncertainty", "{:.3g} nm"),
}


@dataclass(frozen=True)
class TrainedFor:
    """The conditions that the model was trained for, or given; None where unknown."""

    psf: Psf | None = None
    emitters: Emitters | None = None
    background: Background | None = None
    threshold: float | None = None
    densest_per_um2: float = 0.0
    """A general model, and what came from it, has learnt densities up to this."""
    table: PsfTable | None = None
    """The PSF, where it is no Gaussian and is still known."""


def suspicions(
    found: Survey,
    trained: TrainedFor,
    drift: DriftCurve | None = None,
    look: StackLook | None = None,
) -> list[str]:
    """Return what looks suspicious, each a sentence.

    Parameters
    ----------
    found
        The localizations.
    trained
        What the model expects.
    drift
        How far the localizations have moved.
    look
        Some frames of the stack.

    Returns
    -------
    Sentences; none when nothing is suspicious.
    """
    if found.rows < FEW_ROWS:
        return [
            f"Only {counted(found.rows, 'localization')}: the figures below are unreliable.",
            *_saturation(look),
        ]
    return [
        *_unlike_training(found, trained),
        *_too_deep(found, trained),
        *_crowded(found, trained),
        *_piled_up(found),
        *_near_threshold(found, trained),
        *_fading(found),
        *_moving(found, drift),
        *_saturation(look),
    ]


def median_photon(emitters: Emitters) -> float:
    """Return the median photons of emitters, less than the mean where bright ones are rare."""
    mean, deviation = emitters.intensity_photon, emitters.intensity_std_photon
    if emitters.spread != "gamma" or deviation <= 0.0:
        return mean
    from scipy.special import gammaincinv  # scipy

    shape = (mean / deviation) ** 2
    return float(mean * gammaincinv(shape, 0.5) / shape)


def _unlike_training(found: Survey, trained: TrainedFor) -> Iterator[str]:
    """Compare medians with what the model was trained for."""
    photons, sigma_nm = found.median("intensity_photon"), found.median("sigma_nm")
    background = found.median("background_photon")
    again = "estimate the molecules again (deep-storm estimate) and train for that"
    if trained.emitters is not None and photons is not None:
        expected = median_photon(trained.emitters)
        if abs(photons / expected - 1) > PHOTONS_OFF:
            yield (
                f"The median localization has {photons:.4g} photons, the model expects "
                f"{expected:.4g}: counting overlapping emitters depends on that; {again}."
            )
    # over depths, sigma is wider than in focus by as much as they reach
    if trained.psf is not None and sigma_nm is not None and not trained.psf.depth_reach_nm:
        ratio = sigma_nm / trained.psf.sigma_nm
        if abs(ratio - 1) > SIGMA_OFF:
            yield (
                f"The median PSF sigma is {sigma_nm:.4g} nm, the model expects "
                f"{trained.psf.sigma_nm:.4g} nm: the focus or the pixel size may differ; {again}."
            )
    if trained.background is not None and background is not None:
        expected = trained.background.background_photon
        low, high = (expected * factor for factor in BACKGROUND_OFF)
        slack = BACKGROUND_SLACK_PHOTON
        if not min(low, expected - slack) <= background <= max(high, expected + slack):
            yield (
                f"The median background is {background:.3g} photons, the model expects "
                f"{expected:.3g}: check the camera's baseline; {again}."
            )


def _too_deep(found: Survey, trained: TrainedFor) -> Iterator[str]:
    """Count the localizations at or beyond the end of the depths that the model knows."""
    reach_nm, z_nm = trained.psf.depth_reach_nm if trained.psf else 0.0, found.values("z_nm")
    if not reach_nm or not z_nm.size:
        return
    share = float(np.mean(np.abs(z_nm) >= reach_nm))
    if share > TOO_DEEP:
        yield (
            f"{share:.0%} of the localizations lie at or beyond the end of the depths of "
            f"± {reach_nm:.0f} nm that the model expects, where z cannot be relied on: train with "
            "a larger --depth-reach-nm, or filter by z and its uncertainty."
        )


def _crowded(found: Survey, trained: TrainedFor) -> Iterator[str]:
    """Compare the density around localizations with that of training."""
    if trained.emitters is None or not found.crowding_per_um2.size:
        return
    expected = trained.emitters.density_per_um2
    most = expected * DENSITY_FACTOR[trained.emitters.structure == "uniform"]
    most = max(most, trained.densest_per_um2)
    # Neighbours are few, and so many of them may be there by chance.
    chance = CHANCE_SIGMAS * math.sqrt(most * ONE_NEIGHBOUR_PER_UM2)
    share = float(np.mean(found.crowding_per_um2 > most + chance))
    if share > 0.1:
        yield (
            f"{share:.0%} of the localizations lie in regions with more than {most:.3g} emitters "
            "per µm² and frame, for which the model was not trained: emitters are missed there. "
            "Train for a higher density."
        )


def _piled_up(found: Survey) -> Iterator[str]:
    """Look for values at the limits of their range."""
    for column, (name, form) in COLUMNS.items():
        values = found.values(column)
        if values.size < FEW_ROWS:
            continue
        low, high = float(values.min()), float(values.max())
        step = 1e-3 * (high - low)
        if high - low < CONSTANT * abs(high):
            continue
        for end, side, share in (
            (low, "lower", float(np.mean(values <= low + step))),
            (high, "upper", float(np.mean(values >= high - step))),
        ):
            # A skewed distribution is dense near its end; one that is cut off is densest there.
            near = np.abs(values - end) <= 10 * step
            if share > PILED_UP and share > 0.5 * float(np.mean(near)) and end > 0:
                yield (
                    f"{share:.0%} of the values of {name} lie at the {side} end of their range "
                    f"({form.format(end)}): values beyond it were clipped."
                )


def _near_threshold(found: Survey, trained: TrainedFor) -> Iterator[str]:
    """Look for a result that depends strongly on the threshold."""
    confidence = found.values("confidence")
    if trained.threshold is None or not confidence.size:
        return
    share = float(np.mean(confidence < trained.threshold + NEAR_THRESHOLD))
    if share > NEAR_SHARE:
        yield (
            f"{share:.0%} of the localizations are barely above the threshold of "
            f"{trained.threshold:.3g}: their number depends strongly on it. Filter on "
            "confidence, or check the camera and the model."
        )


def _fading(found: Survey) -> Iterator[str]:
    """Look for bleaching and for frames without localizations."""
    counts = found.per_frame
    if counts.size < 20:
        return
    tenth = max(counts.size // 10, 1)
    first, last = float(counts[:tenth].mean()), float(counts[-tenth:].mean())
    if first > 0 and last < FADED * first:
        yield (
            f"The number of localizations falls from {first:.3g} to {last:.3g} per frame between "
            "the first and the last tenth of the movie, as with bleaching: early frames dominate "
            "the image, and a model for the mean density fits neither end."
        )
    empty = float(np.mean(counts == 0))
    if empty > 0.05 and counts.mean() > 3:
        yield f"{empty:.0%} of the frames have no localization, although others have many."


def _moving(found: Survey, drift: DriftCurve | None) -> Iterator[str]:
    """Look for drift larger than the localizations' uncertainty."""
    if drift is None:
        return
    uncertainty_nm = found.median("uncertainty_xy_nm") or 0.0
    least = max(DRIFT_NM, DRIFT_UNCERTAINTIES * uncertainty_nm, 4 * drift.error_nm)
    if drift.extent_nm > least:
        yield (
            f"The structures move by about {drift.extent_nm:.0f} nm during the movie: there is "
            "residual drift. Correct it (deep-storm correct-drift) before measuring anything."
        )


def _saturation(look: StackLook | None) -> Iterator[str]:
    """Look for frames with saturated pixels."""
    if look is not None and look.saturated_frames:
        yield (
            f"{look.saturated_frames} of {len(look.frames)} frames examined have saturated pixels: "
            "there, photons are too low and positions wrong. Lower the exposure or the gain."
        )
