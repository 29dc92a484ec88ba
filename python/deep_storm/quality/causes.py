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
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.quality.residuals import DIM, Residuals
from deep_storm.settings import Emitters, Psf

Values = npt.NDArray[np.float64]
Name = Literal[
    "PSF shape",
    "depth",
    "background",
    "pixel noise",
    "photons per ADU",
    "baseline",
    "PSF width",
    "density",
    "brightness",
    "blinking",
    "processing",
    "saturation",
    "unlike emitters",
    "passing light",
    "standing light",
    "unknown",
]

LEVELS = 8
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
OUTLIERS = 1.15
"""Kurtosis of dim pixels over the drawn stack's (right: 0.98 to 1.06)."""
SIGMA_OFF = 0.06
"""The PSF does not fit when its sigma is off by this share (right settings: 0.01),"""
VARIANCE_OFF = (0.88, 1.13)
"""the camera when the variance of dim pixels is off by these factors (right: 0.97 to 1.03),"""
DENSITY_OFF = 2.0
"""the density when there are so many times more emitters,"""
BRIGHTER, DIMMER_ALL = 1.2, 0.72
"""the brightness when the median of those that stand alone is so many times the expected photons
(right: 0.97 to 1.04), or their 90th percentile less than this share of the expected one,"""
NINE_OF_TEN = 1.2816
"""Standard deviations of a normal distribution above its mean."""
DIMMER = 0.15
"""on-times when so much more of the emitters than expected have half of the usual photons."""
BACKGROUND_OFF, BACKGROUND_SLACK_PHOTON = 1.5, 3.0
"""The background is what does not fit when that of the fit is off by this factor and so many
photons (right: 1.06), although it may seem to be one of these:"""
FROM_BACKGROUND = ("PSF width", "PSF shape", "depth", "background")
PIXEL_SCATTER, OUTLIER_SCATTER, SIGMA_SCATTER, TOGETHER_SCATTER = 9.0, 12.0, 0.4, 5.0
PHOTON_SCATTER = 3.0
"""Few pixels or emitters, as in a preview, scatter more: limits are at least these over the root of
their number, 4 to 5 standard deviations."""
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


class Cause(NamedTuple):
    """What does not fit, and a sentence about it with advice."""

    name: Name
    sentence: str


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
    structured = _structured(seen, drawn)
    if structured is not None:
        return (structured,)
    found = []
    noise = _noise(seen, drawn, camera, camera_agrees)
    if noise is not None:
        found.append(noise)
        if noise.name != "baseline":
            return (noise,)
    width = _width(seen, psf)
    if width is not None:
        found.append(width)
    if not found:
        photons = _brightness(seen, emitters, "emitters" in estimated)
        others = (_density(seen, emitters), None if photons else _blinking(seen, emitters))
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
        f"the background is {bound} {_number(fitted, 2)} photons, and {_said(expected, estimated)}"
        f": {advice}",
    )


def _structured(seen: Residuals, drawn: Residuals) -> Cause | None:
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


def _noise(seen: Residuals, drawn: Residuals, camera: Camera, camera_agrees: bool) -> Cause | None:
    """Look for noise that the camera does not explain."""
    count = DIM * seen.mean.size
    dim = seen.chi2(0.0, DIM) / drawn.chi2(0.0, DIM)
    scatter = PIXEL_SCATTER / math.sqrt(count)
    low, high = min(VARIANCE_OFF[0], 1.0 - scatter), max(VARIANCE_OFF[1], 1.0 + scatter)
    if low < dim < high:
        return None
    outliers = seen.kurtosis() / drawn.kurtosis()
    if dim > high and outliers > max(OUTLIERS, 1.0 + OUTLIER_SCATTER / math.sqrt(count)):
        return Cause(
            "pixel noise",
            "some pixels are much noisier than others, as in an sCMOS camera without its maps: "
            "give --camera-maps (deep-storm measure-background --dark makes them from dark frames)",
        )
    gain, baseline_error_photon, is_gain = variance_cause(seen, drawn)
    if camera_agrees:
        return Cause(
            "unknown",
            f"the noise is {dim:.2g} times what it should be where the light is dim, although the "
            "camera's gain and baseline agree with the noise from pixel to pixel: the frames may "
            "have been averaged or filtered, or the light may change during the movie",
        )
    if is_gain:
        return Cause(
            "photons per ADU",
            f"the noise is {gain:.2g} times what the camera settings say: photons per ADU are "
            f"about {camera.photons_per_adu / gain:.2g} instead of {camera.photons_per_adu:g}; "
            "check the camera settings, then estimate and train again",
        )
    error_adu = baseline_error_photon / camera.photons_per_count
    return Cause(
        "baseline",
        f"noise and background do not match: the baseline is about "
        f"{camera.baseline_adu + error_adu:.0f} instead of {camera.baseline_adu:g} ADU; "
        "measure it with measure-background",
    )


def variance_cause(seen: Residuals, drawn: Residuals) -> tuple[float, float, bool]:
    """Distinguish a wrong gain from a wrong baseline by how the variance depends on the light.

    Returns
    -------
    Factor of the variance if it is the gain; photons that the frames are too bright by if it is
    the baseline; and whether it is the gain.
    """
    edges = np.linspace(0.0, 1.0, LEVELS + 1)
    ratio, light = np.empty(LEVELS), np.empty(LEVELS)
    for k in range(LEVELS):
        ratio[k] = seen.chi2(edges[k], edges[k + 1]) / drawn.chi2(edges[k], edges[k + 1])
        light[k] = np.quantile(seen.mean, (edges[k] + edges[k + 1]) / 2.0)
    gain = float(np.exp(np.log(ratio).mean()))
    shape = 1.0 / light
    offset = float(-(shape @ (ratio - 1.0)) / (shape @ shape))
    by_offset = np.maximum(1.0 - offset * shape, 0.05)
    off = [float(np.square(np.log(ratio / m)).sum()) for m in (gain, by_offset)]
    return gain, offset, off[0] < off[1]


def _width(seen: Residuals, psf: Psf) -> Cause | None:
    sigma = seen.sigma
    if abs(sigma - 1.0) <= max(SIGMA_OFF, SIGMA_SCATTER / math.sqrt(seen.emitters)):
        return None
    how = "wider" if sigma > 1.0 else "narrower"
    return Cause(
        "PSF width",
        f"the PSF is about {100 * abs(sigma - 1.0):.0f} % {how} than the model expects: give the "
        f"general model --sigma-nm {sigma * psf.sigma_nm:.0f}, or train a model for that",
    )


def _density(seen: Residuals, emitters: Emitters) -> Cause | None:
    density = seen.emitters / seen.area_um2
    if density <= DENSITY_OFF * emitters.density_per_um2:
        return None
    return Cause(
        "density",
        f"{density:.2g} emitters per µm² instead of {emitters.density_per_um2:.2g}, which the "
        f"model expects: give the general model --density-per-um2 {density:.2g}, or train a model "
        "for that",
    )


def _brightness(seen: Residuals, emitters: Emitters, estimated: bool) -> Cause | None:
    """Look for other photons: with fewer expected, a bright emitter is taken for several."""
    usual, most = seen.photons
    expected = emitters.intensity_photon
    spread = NINE_OF_TEN * emitters.intensity_std_photon / expected
    bright = usual > max(BRIGHTER, 1.0 + PHOTON_SCATTER / math.sqrt(max(seen.emitters, 1)))
    if not bright and most >= DIMMER_ALL * (1.0 + spread):
        return None
    how = ("at least " if bright else "about ") + _number(usual * expected, 2)
    advice = (
        "emitters too close to be told apart may be counted as one, or they are not equally bright "
        "everywhere"
        if estimated
        else "have it estimated from the movie (leave --intensity-photon out), or train a model "
        "with it"
    )
    return Cause(
        "brightness",
        f"isolated emitters have {how} photons, and {_said(expected, estimated)}: {advice}",
    )


def _said(expected: float, estimated: bool) -> str:
    """Return what a model expects, and whether it knows that from the movie."""
    value = _number(expected, 3)
    return f"{value} were estimated from the movie" if estimated else f"the model expects {value}"


def _number(value: float, digits: int) -> str:
    """Return a number with so many digits, without a power of ten."""
    return f"{float(f'{value:.{digits}g}'):g}"


def _blinking(seen: Residuals, emitters: Emitters) -> Cause | None:
    expected = share_dimmed(emitters)
    if emitters.on_time_frames > 0 or seen.dimmed <= expected + DIMMER:
        return None
    return Cause(
        "blinking",
        f"{seen.dimmed:.0%} of the emitters have less than half of the expected photons, instead "
        f"of {expected:.0%}: they are on for parts of frames, or their photons are spread more "
        "widely; train with --on-time-frames and --spread gamma",
    )


def share_dimmed(emitters: Emitters) -> float:
    """Return the expected share of emitters with less than half of the mean photons."""
    relative = emitters.intensity_std_photon / emitters.intensity_photon
    if relative <= 0.0:
        return 0.0
    if emitters.spread == "gamma":
        from scipy.special import gammainc

        shape = relative**-2.0
        return float(gammainc(shape, 0.5 * shape))
    if emitters.spread == "uniform":
        return max(0.0, 0.5 - 0.25 / (math.sqrt(3.0) * relative))
    return 0.5 * math.erfc(0.5 / (math.sqrt(2.0) * relative))
