"""Why model and movie do not fit: the cause that the residuals suggest, in words.

A drawn stack shows what residuals look like when everything is right; what differs then tells
causes apart:

- **PSF shape**: the residuals around isolated emitters are alike, and neighbouring pixels
  are off together,
- **depth**: the same, and the widths of these emitters have a long tail,
- **background**: neighbouring pixels are off together, but not around emitters in the same way, or
  in a few places only, where something lies that is out of focus or no emitter,
- **pixel noise**: the variance is too large and dim pixels have outliers, because some are noisier
  than others; or whole rows or columns are off together, as the read-out of an sCMOS camera makes
  them, which is told by :mod:`~deep_storm.quality.lines`,
- **photons per ADU**: the variance is off by the same factor everywhere,
- **baseline**: it is off by the same number of photons everywhere, so by a larger share where it is
  dim,
- **PSF width**: the sigma of isolated emitters, when it is left free,
- **density**: more emitters are found than the model was trained for,
- **brightness**: isolated ones have other photons, even the usual or the brightest ones,
- **blinking**: more emitters than expected have less than half of the usual photons.

What is off and has no such sign has an unknown cause. That frames were processed (smoothed,
averaged) or bright values cut off, which is known before, takes the place of all of them; that
emitters are unlike the PSF is known before, too, and reported where nothing else is off; so is
light that passes, which the table shows (:mod:`~deep_storm.quality.passing`). It shows light that
stands, too, which looks like a density (:mod:`~deep_storm.quality.standing`). Limits were chosen on
simulation (``benchmarks/verdict.py`` counts how often the cause is the right one).
"""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np

from deep_storm.camera import Camera
from deep_storm.quality.camera_causes import noise_cause
from deep_storm.quality.cause import Cause, expectation
from deep_storm.quality.emitter_causes import (
    blinking_cause,
    brightness_cause,
    density_cause,
    width_cause,
)
from deep_storm.quality.residuals import Residuals
from deep_storm.settings import Emitters, Psf
from deep_storm.words import rounded

TOGETHER = 0.05
"""Correlation of neighbouring residuals beyond the drawn stack's (right settings: 0.01)."""
LINES_OFF = 0.04
"""Correlation of pixels of a row or column beyond the drawn stack's (light, edges of the background
included: 0.01), where it explains most of that of neighbours."""
EDGE_OFF = 0.025
"""How much more the mean over the lines is than their median (light: 0.01; a background of 20
photons beside one of 40: 0.04)."""
SHAPE_OFF = 0.035
"""Common residual of isolated emitters, relative to their light (right: 0.01)."""
WIDE_TAIL = 2.6
"""Upper over lower spread of their sigma, which is skewed where emitters are out of focus."""
BACKGROUND_OFF, BACKGROUND_SLACK_PHOTON = 1.5, 3.0
"""The background is what does not fit when that of the fit is off by this factor and so many
photons (right: 1.06), although it may seem to be one of these:"""
FROM_BACKGROUND = ("PSF width", "PSF shape", "depth", "background")
TOGETHER_SCATTER = 5.0
"""Few pixels, as in a preview, scatter more: the limit is at least this over the root of their
number."""
LINES = (
    "whole rows or columns of pixels are brighter or darker together, as the read-out of a camera "
    "makes them (row noise, unequal amplifiers): dim localizations along them may be false; switch "
    "on the camera's correction of rows or columns, or, where they are the same in all frames, "
    "give --camera-maps (deep-storm measure-background --dark makes them from dark frames)"
)
EDGE = (
    "a few rows or columns of pixels are brighter or darker than emitters and a smooth background "
    "explain: an edge of the background lies along them (two views on one chip, halves that are "
    "read out apart), or they are defective; localizations there may be false although their "
    "confidence is high: cut the views apart, or the edge off, and reconstruct each part by itself"
)


def causes(
    seen: Residuals,
    drawn: Residuals,
    camera: Camera,
    psf: Psf,
    emitters: Emitters,
    camera_agrees: bool = False,
    estimated: Collection[str] = (),
) -> tuple[Cause, ...]:
    """Return what does not fit; the first cause may be the reason for the others.

    Parameters
    ----------
    seen, drawn
        Residuals of the stack, and of the drawn one.
    camera, psf, emitters
        What the model was trained for.
    camera_agrees
        Whether the noise of the frames, looked at without any model, agrees with the camera.
    estimated
        Which of ``psf``, ``emitters`` and ``background`` the model expects as estimated from the
        movie: to leave them out is no advice then.
    """
    found = _causes(seen, drawn, camera, psf, emitters, camera_agrees, estimated)
    level = _level(seen, "background" in estimated)
    if level is not None and found and found[0].name in FROM_BACKGROUND:
        return (level,)
    return found


def _causes(
    seen: Residuals,
    drawn: Residuals,
    camera: Camera,
    psf: Psf,
    emitters: Emitters,
    camera_agrees: bool,
    estimated: Collection[str],
) -> tuple[Cause, ...]:
    """Return what does not fit, for a background that is expected rightly."""
    structured = _structured(seen, drawn, psf)
    if structured is not None:
        return (structured,)
    found = []
    noise = noise_cause(seen, drawn, camera, camera_agrees)
    if noise is not None:
        found.append(noise)
        if noise.name != "baseline":
            return (noise,)
    width = width_cause(seen, psf, "psf" in estimated)
    if width is not None:
        found.append(width)
    if not found:
        photons = brightness_cause(seen, emitters, "emitters" in estimated)
        others = (
            density_cause(seen, emitters),
            None if photons else blinking_cause(seen, emitters),
        )
        found += [c for c in (photons, *others) if c is not None]
    return tuple(found[:2])


def _level(seen: Residuals, estimated: bool) -> Cause | None:
    """Look for a background that is far from the expected one: fits take it for wide light."""
    fitted, expected = seen.background_photon
    low, high = sorted((fitted, expected))
    if high <= BACKGROUND_OFF * low + BACKGROUND_SLACK_PHOTON:
        return None
    bound = "at least" if fitted > expected else "at most"
    advice = (
        "it may differ from place to place or change in time, or light reaches farther than the "
        "PSF is known"
        if estimated
        else "have it estimated from the movie (leave --background-photon out), or train a model "
        "with it"
    )
    return Cause(
        "background",
        f"the background is {bound} {rounded(fitted, 2):g} photons, and "
        f"{expectation(expected, estimated)}: {advice}",
    )


def _structured(seen: Residuals, drawn: Residuals, psf: Psf) -> Cause | None:
    """Look for light that neither the PSF nor a flat background explains."""
    together = seen.neighbours - drawn.neighbours
    if together <= max(TOGETHER, TOGETHER_SCATTER / math.sqrt(2.0 * seen.mean.size)):
        return None
    lines = seen.lines.usual - drawn.lines.usual
    if lines > max(LINES_OFF, TOGETHER_SCATTER / math.sqrt(seen.mean.size), together / 2.0):
        return Cause("pixel noise", LINES)
    if (edge := edge_of(seen, drawn)) is not None:
        return edge
    if seen.shape <= SHAPE_OFF or seen.concentrated(float(np.median(drawn.regions))):
        return Cause(
            "background",
            "the background is uneven, or there is light from emitters far out of focus or from "
            "debris: localizations on its hills may be false; filter them by confidence, or train "
            "on matched light (deep-storm estimate, deep-storm train with --unevenness and "
            "--haze-per-um2)",
        )
    if psf.depth_reach_nm:
        return Cause(
            "PSF shape",
            f"the PSF over depth has another shape: {seen.shape:.0%} of an emitter's light is "
            "elsewhere and is mistaken for emitters; calibrate it again (deep-storm "
            f"calibrate-psf), or emitters lie deeper than ± {psf.depth_reach_nm:.0f} nm",
        )
    if seen.tail > WIDE_TAIL:
        return Cause(
            "depth",
            "emitters lie at different depths: some are wider than the PSF, and one may be "
            "counted twice; train with --depth-std-nm and the PSF (deep-storm measure-psf), or "
            "filter wide ones by sigma_nm",
        )
    return Cause(
        "PSF shape",
        f"the PSF has another shape: {seen.shape:.0%} of an emitter's light is elsewhere (rings, "
        "lobes) and is mistaken for emitters; measure the PSF (deep-storm measure-psf) and give "
        "it with --psf-file",
    )


def edge_of(seen: Residuals, drawn: Residuals) -> Cause | None:
    """Look for an edge of the background along the pixels: hardly any pixel is off by itself."""
    few = seen.lines.few - drawn.lines.few
    scatter = TOGETHER_SCATTER / math.sqrt(seen.mean.size)
    return Cause("background", EDGE) if few > max(EDGE_OFF, scatter) else None
