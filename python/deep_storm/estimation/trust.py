"""When an estimate from a stack cannot be trusted, in words."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from deep_storm.camera import Camera
from deep_storm.estimation.blind.crowd import Crowd
from deep_storm.estimation.isolated import IsolatedFits
from deep_storm.estimation.sampling import Sample
from deep_storm.estimation.shapes import modes
from deep_storm.estimation.spread import typical
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.words import counted

FEW_FRAMES = 50
FEW_EMITTERS = 300
UNSURE = {"sigma": 0.03, "photons": 0.07, "background": 0.1, "density": 0.1}
"""Relative standard errors beyond which a number is called uncertain."""
MISFIT = 3.0
SIGNIFICANT = 4.0
DISAGREEMENT = 0.1
LONG_MEMORY_FRAMES = 1.5
NOT_GAUSSIAN = "the frames do not look like independently blinking emitters of a Gaussian PSF"
SEEN_ADU = 1.0
"""Standard error up to which the frames are said to show the baseline."""
SATURATED_SHARE = 1e-5


class Evidence(NamedTuple):
    """The evidence that an estimate is judged by."""

    stream: FrameStream
    camera: Camera
    sample: Sample
    crowd: Crowd
    fits: IsolatedFits
    emitters: int


class Warnings(NamedTuple):
    """Warnings about each number, and about all of them."""

    sigma: tuple[str, ...]
    photons: tuple[str, ...]
    background: tuple[str, ...]
    density: tuple[str, ...]
    on_time: tuple[str, ...]
    baseline: tuple[str, ...]
    general: tuple[str, ...]


def warnings_of(evidence: Evidence) -> Warnings:
    """Judge an estimate."""
    light, errors = evidence.crowd.fit.light, evidence.crowd.fit.errors
    return Warnings(
        sigma=_unsure("sigma", errors.sigma_px / light.sigma_px),
        photons=_photons(evidence),
        background=_unsure("background", errors.background),
        density=_unsure("density", errors.density),
        on_time=_on_time(evidence.crowd),
        baseline=_baseline(evidence.camera, evidence.crowd),
        general=_general(evidence),
    )


def _unsure(name: str, relative: float) -> tuple[str, ...]:
    if relative < UNSURE[name]:
        return ()
    return (f"known to {relative:.0%} only; more frames or a larger field would help",)


def _photons(evidence: Evidence) -> tuple[str, ...]:
    crowd, fits = evidence.crowd, evidence.fits
    light = crowd.fit.light
    texts = list(_unsure("photons", crowd.fit.errors.photons))
    if crowd.fit.family == "gamma":
        texts.append(
            "they have a long tail towards bright emitters, which the simulation cuts short"
        )
    if typical(crowd, fits):
        own = float(np.median(fits.photons))
        apart = own / light.photons - 1.0
        chance = 1.25 * float(np.std(fits.photons)) / math.sqrt(fits.photons.size) / own
        if abs(apart) > DISAGREEMENT + SIGNIFICANT * math.hypot(chance, crowd.fit.errors.photons):
            texts.append(
                f"{fits.photons.size} isolated emitters have a median of "
                f"{own / evidence.camera.quantum_efficiency:.0f} photons: is the PSF a Gaussian?"
            )
        peaks = modes(fits.photons)
        if len(peaks) > 1:
            values = " and ".join(f"{p / evidence.camera.quantum_efficiency:.0f}" for p in peaks)
            texts.append(f"their distribution has several maxima (near {values}): several dyes?")
    return tuple(texts)


def _on_time(crowd: Crowd) -> tuple[str, ...]:
    if crowd.on_time_frames < LONG_MEMORY_FRAMES:
        return ()
    return (
        f"emitters are on for {crowd.on_time_frames:.1f} frames on average (merge the table "
        "afterwards)",
    )


def _baseline(camera: Camera, crowd: Crowd) -> tuple[str, ...]:
    electrons = camera.photons_per_count * camera.quantum_efficiency
    apart, sure = crowd.baseline_error / electrons, crowd.baseline_uncertainty / electrons
    if abs(apart) < max(1.0, SIGNIFICANT * sure):
        return hidden_baseline(sure)
    return (
        f"the camera has {camera.baseline_adu:g} ADU; if its gain and read noise are right, the "
        f"noise of the frames suggests {camera.baseline_adu + apart:.1f} ± {sure:.1f} ADU",
    )


def hidden_baseline(error_adu: float) -> tuple[str, ...]:
    """Warn where the frames do not determine the baseline to an ADU."""
    if error_adu <= SEEN_ADU:
        return ()
    return (
        f"it can be seen here only to within ± {error_adu:.1f} ADU: emitters hide it; dark frames "
        "or a dark corner would show it",
    )


def _general(evidence: Evidence) -> tuple[str, ...]:
    sample, crowd = evidence.sample, evidence.crowd
    texts = []
    if sample.frames < FEW_FRAMES:
        texts.append(
            f"only {counted(sample.frames, 'frame')}: 100 or more give more reliable numbers"
        )
    if evidence.emitters < FEW_EMITTERS:
        texts.append(f"only about {evidence.emitters} emitters were seen")
    if sample.saturated > SATURATED_SHARE:
        texts.append(
            f"{sample.saturated:.2%} of the pixel values are at the largest value that the file "
            "can hold: the camera was saturated"
        )
    if crowd.excluded > 0:
        texts.append(f"{crowd.excluded:.2%} of the pixels are always bright and were left out")
    if crowd.fit.chi2 > MISFIT:
        texts.append(
            f"{NOT_GAUSSIAN} "
            f"(χ² {crowd.fit.chi2:.1f} instead of about 1): drift, another PSF or a wrong camera?"
        )
    return tuple(texts)
