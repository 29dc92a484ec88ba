"""Emitters in scenes: found in the residual, merged, and removed."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

from deep_storm.psf.convolution import convolved

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

OUTSIDE_PX = 1.5
"""Emitters so far outside of a scene are still fitted: their light comes in."""
MIN_SIGNIFICANCE = 5.0
"""An emitter with fewer photons than so many standard deviations is given up."""
CLOSEST_SIGMAS = 0.9
"""Emitters closer than this are one."""
BORN_SIGMAS = 1.3
"""What is left over closer than this to an emitter is put down to its place, not to another one."""
CORE_SIGMAS = 2.5
"""Half the window of the filter that emitters are looked for with."""
CLIP_BELOW, CLIP_ABOVE = -6.0, 10.0
"""Residuals count up to so many standard deviations."""


@dataclass
class Emitters:
    """Emitters of some scenes, sorted by scene.

    Attributes
    ----------
    scene
        int64 of shape (n,).
    x_px, y_px
        Positions in the scene (corner rule).
    photons
        Photoelectrons.
    start_x_px, start_y_px
        Where each was found first; NaN for one that has no say in where the PSF's centre is.
    error
        Standard deviations of photons, x and y, float64 of shape (n, 3).
    """

    scene: Integers
    x_px: FloatArray
    y_px: FloatArray
    photons: FloatArray
    start_x_px: FloatArray
    start_y_px: FloatArray
    error: FloatArray

    def __len__(self) -> int:
        return self.scene.size

    @classmethod
    def at(
        cls, scene: Integers, x_px: FloatArray, y_px: FloatArray, photons: FloatArray
    ) -> Emitters:
        """Return emitters at given positions, in any order."""
        order = np.argsort(scene, kind="stable")
        x, y, light = (np.array(v, np.float64)[order] for v in (x_px, y_px, photons))
        unknown = np.full((order.size, 3), np.inf)
        scenes = np.array(scene, np.int64)[order]
        return cls(scenes, x, y, light, x.copy(), y.copy(), unknown)

    @classmethod
    def none(cls) -> Emitters:
        """Return no emitters."""
        nothing = np.empty(0)
        return cls.at(np.empty(0, np.int64), nothing, nothing, nothing)

    def kept(self, which: Flags | Integers) -> Emitters:
        """Return a subset of the emitters."""
        return Emitters(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def with_more(self, other: Emitters) -> Emitters:
        """Return these and other emitters, sorted by scene."""
        joined = {
            f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)])
            for f in fields(self)
        }
        return Emitters(**joined).kept(np.argsort(joined["scene"], kind="stable"))

    def starts(self, scenes: int) -> Integers:
        """Return where each scene's emitters begin, and the end; int64 of shape (scenes + 1,)."""
        return np.searchsorted(self.scene, np.arange(scenes + 1)).astype(np.int64)

    def begin_here(self) -> None:
        """Take the present positions as those that define the PSF's centre."""
        self.start_x_px, self.start_y_px = self.x_px.copy(), self.y_px.copy()

    def drift_px(self, within_px: float) -> tuple[float, float]:
        """Return the mean displacement of the emitters since they were found.

        Parameters
        ----------
        within_px
            Those that have moved farther have become other emitters and are left out.
        """
        x, y = self.x_px - self.start_x_px, self.y_px - self.start_y_px
        same = np.hypot(x, y) < within_px
        return (float(x[same].mean()), float(y[same].mean())) if same.any() else (0.0, 0.0)

    def near(self, other: Emitters, distance_px: float) -> Flags:
        """Return which of these have one of the others within a distance, in the same scene."""
        if not len(self) or not len(other):
            return np.zeros(len(self), bool)
        tree = cKDTree(_places(other, distance_px))
        far = tree.query(_places(self, distance_px), distance_upper_bound=distance_px)[0]
        return np.asarray(np.isfinite(far))

    def joined(self, sigma_px: float) -> Emitters:
        """Return the emitters, with those merged that are too close to be resolved.

        It has their light, and is in the middle of it.
        """
        if len(self) < 2:
            return self
        near_px = CLOSEST_SIGMAS * sigma_px
        pairs = cKDTree(_places(self, near_px)).query_pairs(near_px, output_type="ndarray")
        pairs = pairs[np.argsort(-self.photons[pairs].max(axis=1), kind="stable")]
        gone = np.zeros(len(self), bool)
        result = self.kept(np.arange(len(self)))
        for a, b in pairs.tolist():
            if gone[a] or gone[b]:
                continue
            first, second = (a, b) if result.photons[a] >= result.photons[b] else (b, a)
            _take_over(result, first, second)
            gone[second] = True
        return result.kept(~gone)


def _places(emitters: Emitters, distance_px: float) -> FloatArray:
    """Return positions in three dimensions: scenes are farther apart than the distance."""
    apart = 2.0 * distance_px * emitters.scene
    return np.stack([emitters.x_px, emitters.y_px, apart], axis=1)


def _take_over(emitters: Emitters, first: int, second: int) -> None:
    """Add the second emitter's light to the first, in place."""
    light = emitters.photons[[first, second]]
    for position in (emitters.x_px, emitters.y_px):
        position[first] = np.average(position[[first, second]], weights=light)
    emitters.photons[first] = light.sum()
    emitters.start_x_px[first] = emitters.start_y_px[first] = np.nan


def significant(
    emitters: Emitters,
    light: FloatArray,
    peak: float,
    misfit: float,
) -> Flags:
    """Return which emitters exceed the noise, and the residual that a wrong PSF leaves.

    Parameters
    ----------
    emitters
        With errors.
    light
        Expected photons of all emitters, float64 of shape (s, y, x).
    peak
        Largest share of the photons in a pixel.
    misfit
        Relative error that the PSF may have.
    """
    _, height, width = light.shape
    x, y = emitters.x_px, emitters.y_px
    column = np.clip(x.astype(np.int64), 0, width - 1)
    row = np.clip(y.astype(np.int64), 0, height - 1)
    others = np.maximum(light[emitters.scene, row, column] - emitters.photons * peak, 0.0)
    error = np.hypot(emitters.error[:, 0], misfit * others / peak)
    near = (x > -OUTSIDE_PX) & (x < width + OUTSIDE_PX)
    near &= (y > -OUTSIDE_PX) & (y < height + OUTSIDE_PX)
    found: Flags = near & (emitters.photons > MIN_SIGNIFICANCE * error)
    return found


def look_for(
    residual: FloatArray, variance: FloatArray, shares: FloatArray, threshold: float
) -> Emitters:
    """Find emitters in the residual.

    Parameters
    ----------
    residual, variance
        Photons that are not explained, and their variance (infinite: unknown), (s, y, x).
    shares
        PSF at the centres of pixels around an emitter, float64 of shape (n, n), n odd.
    threshold
        Standard deviations that an emitter must stand out.

    Returns
    -------
    Emitters at the centres of pixels, with no say in where the PSF's centre is.
    """
    deviation = np.sqrt(variance)
    clipped = np.clip(residual, CLIP_BELOW * deviation, CLIP_ABOVE * deviation)
    clipped[np.isinf(variance)] = 0.0
    turned = np.maximum(shares, 0.0)[None, ::-1, ::-1]
    seen = convolved(clipped / variance, turned, "same")
    information = convolved(1.0 / variance, turned**2, "same")
    information = np.maximum(information, 1e-12)
    height = seen / np.sqrt(information)
    found = (height > threshold) & (height == maximum_filter(height, (1, 3, 3)))
    scene, row, column = (at.astype(np.int64) for at in np.nonzero(found))
    photons = (seen / information)[found]
    emitters = Emitters.at(
        scene, column.astype(np.float64) + 0.5, row.astype(np.float64) + 0.5, photons
    )
    emitters.start_x_px[:] = emitters.start_y_px[:] = np.nan
    return emitters
