"""What isolated emitters say of what a model expects: their widths, number, photons, blinking."""

from __future__ import annotations

import math

from scipy.special import gammainc

from deep_storm.quality.cause import Cause, expectation
from deep_storm.quality.residuals import Residuals
from deep_storm.settings import Emitters, Psf
from deep_storm.words import rounded

SIGMA_OFF = 0.06
"""The PSF does not fit when its sigma is off by this share (right settings: 0.01),"""
DENSITY_OFF = 2.0
"""the density when there are so many times more emitters,"""
BRIGHTER, DIMMER_ALL = 1.2, 0.72
"""the brightness when the median of those that stand alone is so many times the expected photons
(right: 0.97 to 1.04), or their 90th percentile less than this share of the expected one,"""
DIMMER = 0.15
"""and on-times when so much more of the emitters than expected have half of the usual photons."""
NINE_OF_TEN = 1.2816
"""90th percentile of a normal distribution, in standard deviations from its mean."""
SIGMA_SCATTER, PHOTON_SCATTER = 0.4, 3.0
"""Few emitters, as in a preview, scatter more: limits are at least these over the root of their
number, 4 to 5 standard deviations."""


def width_cause(seen: Residuals, psf: Psf, estimated: bool) -> Cause | None:
    """Look for another sigma; ``estimated``: whether the movie itself gave the expected one."""
    sigma = seen.sigma
    if abs(sigma - 1.0) <= max(SIGMA_OFF, SIGMA_SCATTER / math.sqrt(seen.emitters)):
        return None
    how = "wider" if sigma > 1.0 else "narrower"
    off = f"about {100 * abs(sigma - 1.0):.0f} % {how} than the model expects"
    if psf.depth_reach_nm:
        where = "closer to the focus" if sigma < 1.0 else "deeper (a larger --depth-reach-nm)"
        return Cause(
            "PSF width",
            f"emitters are {off} at depths of ± {psf.depth_reach_nm:.0f} nm: they lie {where}, or "
            "the PSF over depth is not that of the movie; calibrate it again (deep-storm "
            "calibrate-psf)",
        )
    if estimated:
        return Cause(
            "PSF width",
            f"isolated emitters are about {100 * abs(sigma - 1.0):.0f} % {how} than the PSF that "
            "was estimated from the movie: the focus or the density may change in it, or emitters "
            "too close to be told apart are counted as one; reconstruct parts of it as movies of "
            f"their own, or give --sigma-nm {sigma * psf.sigma_nm:.0f} if that is the PSF of beads",
        )
    return Cause(
        "PSF width",
        f"the PSF is {off}: give the general model --sigma-nm {sigma * psf.sigma_nm:.0f}, or train "
        "a model for that",
    )


def density_cause(seen: Residuals, emitters: Emitters) -> Cause | None:
    """Look for more emitters than are expected."""
    density = seen.emitters / seen.area_um2
    if density <= DENSITY_OFF * emitters.density_per_um2:
        return None
    return Cause(
        "density",
        f"{density:.2g} emitters per µm² instead of {emitters.density_per_um2:.2g}, which the "
        f"model expects: give the general model --density-per-um2 {density:.2g}, or train a model "
        "for that",
    )


def brightness_cause(seen: Residuals, emitters: Emitters, estimated: bool) -> Cause | None:
    """Look for other photons: with fewer expected, a bright emitter is taken for several."""
    usual, most = seen.photons
    expected = emitters.intensity_photon
    spread = NINE_OF_TEN * emitters.intensity_std_photon / expected
    bright = usual > max(BRIGHTER, 1.0 + PHOTON_SCATTER / math.sqrt(max(seen.emitters, 1)))
    if not bright and most >= DIMMER_ALL * (1.0 + spread):
        return None
    how = f"{'at least' if bright else 'about'} {rounded(usual * expected, 2):g}"
    advice = (
        "emitters too close to be told apart may be counted as one, or they are not equally bright "
        "everywhere"
        if estimated
        else "have it estimated from the movie (leave --intensity-photon out), or train a model "
        "with it"
    )
    return Cause(
        "brightness",
        f"isolated emitters have {how} photons, and {expectation(expected, estimated)}: {advice}",
    )


def blinking_cause(seen: Residuals, emitters: Emitters) -> Cause | None:
    """Look for emitters that are on for parts of frames."""
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
        shape = relative**-2.0
        return float(gammainc(shape, 0.5 * shape))
    if emitters.spread == "uniform":
        return max(0.0, 0.5 - 0.25 / (math.sqrt(3.0) * relative))
    return 0.5 * math.erfc(0.5 / (math.sqrt(2.0) * relative))
