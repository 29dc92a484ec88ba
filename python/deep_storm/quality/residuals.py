"""What is left over of frames when a fit has explained them, in numbers that tell causes apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deep_storm.quality.lines import Lines

NO_LINES = Lines()
Values = npt.NDArray[np.float64]

MAX_SQUARED = 12.0
"""A pixel further off counts as this much: one missed emitter must not decide."""
MAX_OUTLIER = 60.0
DIM, BRIGHT = 0.4, 0.8
"""Pixels with less expected light than this share of all are dim; with more, bright."""
CONCENTRATED = 0.45
"""Share of all that is off in the worst eighth of the regions: more is not the PSF, which is wrong
everywhere (0.21 to 0.35; debris: 0.54 to 0.80)."""
WORST = 8
MIN_PER_REGION = 1.0
"""Emitters in a region, without which a wrong PSF shows in few regions too."""


@dataclass(frozen=True)
class Residuals:
    """Residuals of some frames after the fit.

    Attributes
    ----------
    squared, mean
        ``(n,)``: squared residual over expected variance, and expected photons, of each pixel.
    neighbours
        Correlation of the residuals of neighbouring pixels.
    sigma
        Median of the free sigma of isolated emitters, over the expected one.
    frames, regions
        Reduced χ² of each frame and of each region of 16 × 16 pixels.
    emitters
        Number of emitters.
    area_um2
        Of all frames together.
    shape
        Residual that emitters standing alone have in common, relative to their light.
    tail
        95th percentile of their sigma above the median, over the 5th below it.
    dimmed
        Share of them with less than half of the expected photons.
    photons
        Their photons over the expected mean: median and 90th percentile.
    background_photon
        Background of the fit, which begins at the expected one and stays nearer to it than the true
        one is, and the expected one.
    lines
        How much pixels of the same row or column are alike.
    """

    squared: Values
    mean: Values
    neighbours: float
    sigma: float
    frames: Values
    regions: Values
    emitters: int
    area_um2: float
    shape: float = 0.0
    tail: float = 1.0
    dimmed: float = 0.0
    photons: tuple[float, float] = (1.0, 1.0)
    background_photon: tuple[float, float] = (0.0, 0.0)
    lines: Lines = NO_LINES

    def chi2(self, low: float, high: float) -> float:
        """Mean χ² of the pixels between two shares by expected light, without far outliers."""
        return float(np.minimum(self._within(low, high), MAX_SQUARED).mean())

    def kurtosis(self) -> float:
        """Mean fourth power over the squared mean square of dim pixels, 3 for normal noise."""
        squared = np.minimum(self._within(0.0, DIM), MAX_OUTLIER)
        return float((squared**2).mean() / squared.mean() ** 2)

    def concentrated(self, usual: float) -> bool:
        """Whether most of what is off lies in few regions, although emitters lie in all of them.

        ``usual``: χ² of a region in the drawn stack.
        """
        if not self.regions.size or self.emitters < MIN_PER_REGION * self.regions.size:
            return False
        excess = np.sort(np.maximum(self.regions - usual, 0.0))[::-1]
        worst = excess[: max(1, excess.size // WORST)]
        return float(worst.sum()) > CONCENTRATED * float(excess.sum())

    def _within(self, low: float, high: float) -> Values:
        ends = np.quantile(self.mean, (low, high))
        inside: Values = self.squared[(self.mean >= ends[0]) & (self.mean <= ends[1])]
        return inside
