"""Does the model suit the stack? Residuals after the fit, compared with those of a drawn stack.

What was found is drawn again through the camera model and fitted once more, in the same way. That
shows what residuals look like when everything is right: with as many emitters, as crowded. What
differs then tells causes apart:

- **PSF**: the sigma of emitters that stand alone, when it is left free,
- **baseline**: the variance of the residuals is off by the same number of photons everywhere, so by
  a larger share where it is dim,
- **photons per ADU**: it is off by the same factor everywhere,
- **density**: more emitters are found than the model was trained for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.settings import Emitters, Psf

Values = npt.NDArray[np.float64]
MAX_SQUARED = 12.0
"""A pixel further off counts as this much: one missed emitter must not decide."""
DIM, BRIGHT = 0.4, 0.8
"""Pixels with less expected light than this share of all are dim; with more, bright."""
LEVELS = 8
MIN_EMITTERS = 10
SIGMA_OFF = 0.06
"""The PSF does not fit when its sigma is off by this share (right settings: 0.01),"""
VARIANCE_OFF = (0.88, 1.13)
"""the camera when the variance of dim pixels is off by these factors (right: 0.97 to 1.03),"""
DENSITY_OFF = 2.0
"""the density when there are so many times more emitters."""
REGIONS_OFF = 0.1
"""Share of regions that may be off for other reasons."""
PIXEL_SCATTER, SIGMA_SCATTER = 9.0, 0.4
"""Few pixels or emitters, as in a preview, scatter more: limits are at least these over the root of
their number, 4.5 and 4 standard deviations."""


@dataclass(frozen=True)
class Residuals:
    """What is left of some frames after the fit.

    Attributes
    ----------
    squared, mean
        ``(n,)``: squared residual over expected variance, and expected photons, of each pixel.
    neighbours
        Correlation of the residuals of neighbouring pixels.
    sigma
        Median of the free sigma of emitters that stand alone, over the expected one.
    frames, regions
        Reduced χ² of each frame and of each region of 16 × 16 pixels.
    emitters
        Number of emitters.
    area_um2
        Of all frames together.
    """

    squared: Values
    mean: Values
    neighbours: float
    sigma: float
    frames: Values
    regions: Values
    emitters: int
    area_um2: float

    def chi2(self, low: float, high: float) -> float:
        """Mean χ² of the pixels between two shares by expected light, without far outliers."""
        ends = np.quantile(self.mean, (low, high))
        within = (self.mean >= ends[0]) & (self.mean <= ends[1])
        return float(np.minimum(self.squared[within], MAX_SQUARED).mean())


@dataclass(frozen=True)
class Fits:
    """Whether camera, PSF and density suit a stack, in numbers and words.

    Attributes
    ----------
    chi2
        Mean squared residual over expected variance, 1 when all is right.
    chi2_dim, chi2_bright
        The same over dim and over bright pixels, over that of a drawn stack.
    neighbour_correlation
        Of the residuals, less that of a drawn stack.
    sigma_ratio
        PSF sigma of the stack over the one expected.
    density_per_um2
        Emitters found.
    frames_off, regions_off
        Share of frames and of regions (16 × 16 pixels) that do not fit.
    sentences
        What does not suit, with what to do; empty when all is well.
    """

    chi2: float
    chi2_dim: float
    chi2_bright: float
    neighbour_correlation: float
    sigma_ratio: float
    density_per_um2: float
    frames_off: float
    regions_off: float
    sentences: tuple[str, ...]

    def summary(self) -> str:
        """Return the verdict in words."""
        if not self.sentences:
            return f"The frames fit camera, PSF and density (reduced χ² {self.chi2:.2f})"
        frames, regions = 100 * self.frames_off, 100 * self.regions_off
        lead = (
            f"The frames do not fit (reduced χ² {self.chi2:.2f}, too large in {frames:.0f} % of "
            f"frames and {regions:.0f} % of regions): "
        )
        return "\n".join([lead + self.sentences[0], *self.sentences[1:]])

    def to_json(self) -> dict[str, Any]:
        """Return the numbers and the sentences."""
        values = {k: round(float(v), 4) for k, v in vars(self).items() if k != "sentences"}
        return {**values, "verdict": list(self.sentences) or ["fits"]}


def judge(
    seen: Residuals, drawn: Residuals, camera: Camera, psf: Psf, emitters: Emitters
) -> Fits | None:
    """Compare a stack with what was drawn from its emitters.

    Parameters
    ----------
    seen, drawn
        Residuals of the stack, and of the drawn one.
    camera, psf, emitters
        What the model was trained for.

    Returns
    -------
    The verdict; None when there are too few emitters to say.
    """
    if min(seen.emitters, drawn.emitters) < MIN_EMITTERS:
        return None
    density = seen.emitters / seen.area_um2
    sigma = seen.sigma
    dim = seen.chi2(0.0, DIM) / drawn.chi2(0.0, DIM)
    regions = float((seen.regions > _limit(drawn.regions)).mean())
    sentences = _sentences(seen, drawn, camera, psf, emitters, dim, sigma, density)
    if not sentences and regions > REGIONS_OFF:
        sentences = (
            f"{100 * regions:.0f} % of the regions hold light that neither emitters nor a smooth "
            "background explain: look at them in the preview",
        )
    return Fits(
        chi2=float(seen.squared.mean()),
        chi2_dim=dim,
        chi2_bright=seen.chi2(BRIGHT, 1.0) / drawn.chi2(BRIGHT, 1.0),
        neighbour_correlation=seen.neighbours - drawn.neighbours,
        sigma_ratio=sigma,
        density_per_um2=density,
        frames_off=float((seen.frames > _limit(drawn.frames)).mean()),
        regions_off=regions,
        sentences=sentences,
    )


def _limit(usual: Values) -> float:
    """Return the χ² that a frame or region that fits stays below."""
    return float(usual.mean() + max(4.0 * usual.std(), 0.1))


def _sentences(
    seen: Residuals,
    drawn: Residuals,
    camera: Camera,
    psf: Psf,
    emitters: Emitters,
    dim: float,
    sigma: float,
    density: float,
) -> tuple[str, ...]:
    """Say what is wrong: the camera first, for all else follows from it."""
    said = []
    scatter = PIXEL_SCATTER / np.sqrt(DIM * seen.mean.size)
    low, high = min(VARIANCE_OFF[0], 1.0 - scatter), max(VARIANCE_OFF[1], 1.0 + scatter)
    if not low < dim < high:
        gain, baseline_error_photon, is_gain = variance_cause(seen, drawn)
        if is_gain:
            return (
                f"the noise is {gain:.2g} times what the camera settings say: photons per ADU are "
                f"about {camera.photons_per_adu / gain:.2g} instead of "
                f"{camera.photons_per_adu:g}; check the camera settings, then estimate and train "
                "anew",
            )
        error_adu = baseline_error_photon / camera.photons_per_count
        said.append(
            f"noise and background do not match: the baseline is about "
            f"{camera.baseline_adu + error_adu:.0f} instead of {camera.baseline_adu:g} ADU; "
            "measure it with measure-background"
        )
    if abs(sigma - 1.0) > max(SIGMA_OFF, SIGMA_SCATTER / np.sqrt(seen.emitters)):
        how = "wider" if sigma > 1.0 else "narrower"
        said.append(
            f"the PSF is about {100 * abs(sigma - 1.0):.0f} % {how} than the model was trained "
            f"for: retrain with --sigma-nm {sigma * psf.sigma_nm:.0f}"
        )
    if not said and density > DENSITY_OFF * emitters.density_per_um2:
        said.append(
            f"{density:.2g} emitters per µm² instead of {emitters.density_per_um2:.2g}, which the "
            f"model was trained for: retrain with --density-per-um2 {density:.2g}"
        )
    return tuple(said)


def variance_cause(seen: Residuals, drawn: Residuals) -> tuple[float, float, bool]:
    """Tell a wrong gain from a wrong baseline by how the variance goes with the light.

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
