"""A PSF of any shape, as a table that is finer than a pixel.

``values[k, j, i]`` is the share of an emitter's photons that a *camera pixel* gets whose centre is
at the offset ``(x, y) = ((i − c) / s, (j − c) / s)`` in pixels from the emitter, when the emitter
is at the depth ``z_nm[k]``; ``s`` samples per pixel, ``c = radius_px · s``. The pixel is already
integrated over, so the shares of all pixels around an emitter sum to 1, or to ``share_within`` in
the window of ± ``radius_px``.

Between the samples the table is a cubic B-spline [1]_: along
y and x, and along z from four planes on; two or three planes are interpolated linearly. The ends
are mirrored along y and x, where next to no light is; along z the spline has no knot at the second
and the last but one plane. ``s`` is a whole number, so all pixels around one emitter lie at the
same fraction between samples.

**Centre.** Where in a lopsided PSF the emitter is, its pupil tells: where the image would be
without aberrations. That is x = y = 0 of a table from theory, and of one measured in one plane
whose pupil is found (:mod:`deep_storm.estimation.psf.retrieval`). Where no pupil is known, it is
the centre of the round, pixel-integrated Gaussian that fits the plane z = 0 best (least squares
over the whole window): where a program that fits Gaussians puts the emitter. **Focus.** z = 0 is
where that Gaussian is narrowest: the best focus, or the circle of least confusion between the two
foci of an astigmatic PSF (as long as these are not farther apart than both are long).
:meth:`PsfTable.centred` moves a table to the Gaussian's centre and focus.

References
----------
.. [1] M. Unser, "Splines: a perfect fit for signal and image processing", IEEE Signal Processing
   Magazine 16, 22 (1999). https://doi.org/10.1109/79.799930
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import spline_filter1d
from scipy.special import ndtri

from deep_storm.errors import PsfError
from deep_storm.psf.fitting import fit_gaussian
from deep_storm.psf.splines import MIN_CUBIC_PLANES, interpolation, spline_matrix

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
Source = Literal["gaussian", "theory", "measured", "beads"]

SAMPLES_PER_PX = 4
"""Fine enough for a pixel-integrated PSF of sigma 0.8 px: 1e-4 of the peak between samples."""

ROW_MULTIPLE = 32
"""Rows of coefficients are filled up with zeros to a multiple of this, for whole vectors."""
MIN_OF_PEAK = -0.02
"""Below zero by more than this share of the peak is no PSF, noise included."""
MAX_SHARE = 1.01
UNIFORM_NM = 1e-6
AVERAGED_DEPTHS = 25
"""Depths that stand for a normal distribution of depths."""


@dataclass(frozen=True, eq=False)
class PsfTable:
    """A PSF as a table; see the module for what the values mean.

    Attributes
    ----------
    values
        Share of the photons in a pixel, float32 of shape (z, y, x); y and x are equally long, and
        so that the window reaches a whole number of pixels to each side.
    z_nm
        Depth of each plane, float64 of shape (z,), rising by equal steps; one plane: a 2D PSF.
    pixel_size_nm
        Edge of a camera pixel.
    samples_per_px
        Samples per pixel along y and x.
    source
        Where it comes from.
    uncertainty
        RMS error of the values relative to their own RMS; None where it is not known.

    Raises
    ------
    PsfError
        The values cannot be a PSF's: wrong shape, not finite, clearly negative, more than all the
        light, or depths that do not rise by equal steps.
    """

    values: Float32Array
    z_nm: FloatArray
    pixel_size_nm: float
    samples_per_px: int = SAMPLES_PER_PX
    source: Source = "theory"
    uncertainty: float | None = None

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float32, order="C")
        z_nm = np.array(self.z_nm, dtype=np.float64)
        values.flags.writeable = z_nm.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "z_nm", z_nm)
        _check_shape(values, self.samples_per_px, self.pixel_size_nm)
        _check_depths(z_nm, len(values))
        _check_values(values, self.share_within)

    def fingerprint(self) -> str:
        """Return a checksum, to tell whether two tables are the same."""
        digest = hashlib.sha256(f"{self.pixel_size_nm} {self.samples_per_px}".encode())
        digest.update(self.z_nm.tobytes() + self.values.tobytes())
        return digest.hexdigest()

    def is_like(self, other: PsfTable) -> bool:
        """Whether another table has the same values at the same places, but for rounding."""
        return (
            self.samples_per_px == other.samples_per_px
            and self.values.shape == other.values.shape
            and bool(np.allclose(self.z_nm, other.z_nm, atol=UNIFORM_NM))
            and bool(np.allclose(self.values, other.values, atol=1e-6 * float(self.values.max())))
        )

    @property
    def radius_px(self) -> int:
        """How far the window reaches from the emitter to each side."""
        return (self.values.shape[1] - 1) // (2 * self.samples_per_px)

    @property
    def z0_nm(self) -> float:
        """Depth of the first plane."""
        return float(self.z_nm[0])

    @property
    def dz_nm(self) -> float:
        """Distance of the planes; 1 where there is but one."""
        return float(self.z_nm[-1] - self.z_nm[0]) / (len(self.z_nm) - 1 or 1) or 1.0

    @cached_property
    def share_within(self) -> FloatArray:
        """Share of all the light in the window, float64 of shape (z,)."""
        return light_within(self.values, self.samples_per_px)

    @cached_property
    def coefficients(self) -> Float32Array:
        """Coefficients of the B-spline, float32 of shape (z or z + 2, y + 2, at least x + 2).

        One coefficient more on each side along y and x, and from four planes on along z, so that
        no place in the table needs one that is not there. Rows are filled up with zeros.
        """
        filtered = self.values.astype(np.float64)
        for axis in (1, 2):
            filtered = spline_filter1d(filtered, 3, axis=axis, mode="mirror")
        if len(filtered) >= MIN_CUBIC_PLANES:
            filtered = np.tensordot(spline_matrix(len(filtered)), filtered, 1)
        return _whole_rows(np.pad(filtered, ((0, 0), (1, 1), (1, 1)), mode="reflect"))

    @cached_property
    def effective_sigmas_nm(self) -> FloatArray:
        """Sigma of the pixel-integrated Gaussian that fits each plane best, shape (z,)."""
        fits = [fit_gaussian(plane, self.samples_per_px) for plane in self.values]
        return np.array([fit.sigma_px for fit in fits]) * self.pixel_size_nm

    @cached_property
    def effective_sigma_nm(self) -> float:
        """Sigma of the pixel-integrated Gaussian that fits best in the plane z = 0."""
        return fit_gaussian(self.plane(0.0), self.samples_per_px).sigma_px * self.pixel_size_nm

    def sigma_at_nm(self, z_nm: npt.ArrayLike) -> FloatArray:
        """Return the effective sigma at some depths, shape of ``z_nm``."""
        return np.interp(np.asarray(z_nm), self.z_nm, self.effective_sigmas_nm)

    def share_beyond(self, z_nm: npt.ArrayLike) -> FloatArray:
        """Return the share of the light that is outside the window, shape of ``z_nm``."""
        return np.maximum(1.0 - np.interp(np.asarray(z_nm), self.z_nm, self.share_within), 0.0)

    def plane(self, z_nm: float) -> FloatArray:
        """Return the PSF at a depth (the nearest that the table has), float64 of shape (y, x)."""
        return self._mixed(self._depth_weights(np.array([z_nm]))[0])

    def averaged(self, depth_std_nm: float, depth_nm: float = 0.0) -> FloatArray:
        """Return the mean PSF of emitters whose depth is normally distributed.

        Parameters
        ----------
        depth_std_nm, depth_nm
            Standard deviation and mean. Depths beyond the table count as its first or last plane.

        Returns
        -------
        float64 of shape (y, x).
        """
        if depth_std_nm == 0 or len(self.z_nm) == 1:
            return self.plane(depth_nm)
        depths = depth_nm + normal_depths_nm(depth_std_nm)
        return self._mixed(self._depth_weights(depths).mean(axis=0))

    def centred(self, refocused: bool = True) -> PsfTable:
        """Return the table with its centre at x = y = 0 and its best focus at z = 0.

        Meant for small moves: over the edge of the window comes its last row or column.

        Parameters
        ----------
        refocused
            Whether the focus is moved, too; otherwise depths stay as they are.
        """
        moved = self.refocused() if refocused else self
        for _ in range(2):
            fit = fit_gaussian(moved.plane(0.0), self.samples_per_px)
            moved = moved.shifted(fit.x_px, fit.y_px)
        return moved

    def refocused(self) -> PsfTable:
        """Return the table with its best focus at z = 0: the same planes at other depths.

        The depths stay as they are where no plane but the first or last one is the sharpest.
        """
        return replace(self, z_nm=self.z_nm - self._best_focus_nm())

    def coarser(self, max_error: float) -> PsfTable:
        """Return the table with half the samples per pixel, if they say as much; else this one.

        Parameters
        ----------
        max_error
            Largest difference between the samples that are kept, as a share of the peak.
        """
        samples = self.samples_per_px
        if samples % 2:
            return self
        # With an even number of samples per pixel the middle one is kept.
        half = replace(self, values=self.values[:, ::2, ::2], samples_per_px=samples // 2)
        edge = half.values.shape[1]
        at: FloatArray = np.arange(self.values.shape[1], dtype=np.float64) / 2.0
        between = interpolation(at, edge)
        again = between @ half.values.astype(np.float64) @ between.T
        off = float(np.abs(again - self.values).max())
        return half if off <= max_error * float(self.values.max()) else self

    def turned(self, flip_x: bool, flip_y: bool, transpose: bool) -> PsfTable:
        """Return the table flipped along x, along y, and then with x and y exchanged."""
        there = _turned(self.values, flip_x, flip_y, transpose)
        turned = replace(self, values=there)
        # What is known of this table holds for the other one, or is turned as quickly.
        known = vars(self)
        for name in ("effective_sigmas_nm", "effective_sigma_nm"):
            if name in known:
                vars(turned)[name] = known[name]
        if "coefficients" in known:
            edge = self.coefficients.shape[1]
            inner = _turned(self.coefficients[:, :, :edge], flip_x, flip_y, transpose)
            vars(turned)["coefficients"] = _whole_rows(inner)
        return turned

    def check_pixel_size(self, pixel_size_nm: float) -> None:
        """Check that the table is for pixels of this size (to 0.1 %).

        Raises
        ------
        PsfError
            It is not.
        """
        if abs(pixel_size_nm - self.pixel_size_nm) > 1e-3 * self.pixel_size_nm:
            raise PsfError(
                f"a PSF for pixels of {self.pixel_size_nm:g} nm and a camera with pixels of "
                f"{pixel_size_nm:g} nm",
                "one pixel size",
                "measure the PSF with this camera, or correct the pixel size",
            )

    def _mixed(self, weights: FloatArray) -> FloatArray:
        mixed: FloatArray = np.tensordot(weights, self.values.astype(np.float64), 1)
        return mixed

    def _depth_weights(self, z_nm: FloatArray) -> FloatArray:
        """Return the weight of each plane at some depths, shape (depths, z)."""
        return interpolation((z_nm - self.z0_nm) / self.dz_nm, len(self.z_nm))

    def shifted(self, x_px: float, y_px: float) -> PsfTable:
        """Return the table with the place (x, y) in the middle."""
        edge = self.values.shape[1]
        down, across = (
            interpolation(np.arange(edge, dtype=np.float64) + by * self.samples_per_px, edge)
            for by in (y_px, x_px)
        )
        values = down @ self.values.astype(np.float64) @ across.T
        return replace(self, values=values.astype(np.float32))

    def _best_focus_nm(self) -> float:
        """Return the depth at which the effective sigma is smallest (parabola of three planes)."""
        sigmas = self.effective_sigmas_nm
        k = int(sigmas.argmin())
        if not 0 < k < len(sigmas) - 1:
            return 0.0
        before, least, after = sigmas[k - 1 : k + 2]
        bend = before - 2 * least + after
        return float(self.z_nm[k] + self.dz_nm * 0.5 * (before - after) / bend)


def normal_depths_nm(depth_std_nm: float) -> FloatArray:
    """Return depths that stand for a normal distribution around 0: equally likely, shape (n,)."""
    quantiles = (np.arange(AVERAGED_DEPTHS) + 0.5) / AVERAGED_DEPTHS
    depths: FloatArray = depth_std_nm * ndtri(quantiles)
    return depths


def light_within(values: npt.NDArray[np.floating], samples_per_px: int) -> FloatArray:
    """Return the light in the windows of a table's values (z, y, x), float64 of shape (z,).

    The mean over all positions of the emitter within a pixel (trapezoidal rule).
    """
    weights = np.ones(values.shape[1])
    weights[[0, -1]] = 0.5
    inside: FloatArray = weights @ values.astype(np.float64) @ weights
    return inside / samples_per_px**2


def _turned(
    values: Float32Array, flip_x: bool, flip_y: bool, transpose: bool
) -> npt.NDArray[np.float32]:
    there = values[:, :: -1 if flip_y else 1, :: -1 if flip_x else 1]
    return there.transpose(0, 2, 1) if transpose else there


def _whole_rows(coefficients: npt.NDArray[np.floating]) -> Float32Array:
    """Fill up the rows of coefficients with zeros."""
    fill = -coefficients.shape[2] % ROW_MULTIPLE
    return np.ascontiguousarray(np.pad(coefficients, ((0, 0), (0, 0), (0, fill))), np.float32)


def _check_shape(values: Float32Array, samples_per_px: int, pixel_size_nm: float) -> None:
    shape = values.shape
    whole = values.ndim == 3 and values.size > 0 and shape[1] == shape[2]
    if samples_per_px < 1 or not whole or shape[1] < 3 or (shape[1] - 1) % (2 * samples_per_px):
        raise PsfError(
            f"a PSF table of shape {shape} with {samples_per_px} samples per pixel",
            "shape (z, n, n) with n = 2 · radius · samples + 1",
        )
    if not (np.isfinite(pixel_size_nm) and pixel_size_nm > 0):
        raise PsfError(f"a PSF table for pixels of {pixel_size_nm:g} nm", "a positive pixel size")


def _check_depths(z_nm: FloatArray, planes: int) -> None:
    steps = np.diff(z_nm)
    right = z_nm.shape == (planes,) and np.isfinite(z_nm).all() and (steps > 0).all()
    if not right or (planes > 1 and np.ptp(steps) > UNIFORM_NM * max(1.0, np.abs(z_nm).max())):
        raise PsfError(
            f"{z_nm.size} depths for {planes} planes of a PSF, with steps of {steps} nm",
            "one depth per plane, rising by equal steps",
        )


def _check_values(values: Float32Array, share_within: FloatArray) -> None:
    if not np.isfinite(values).all():
        raise PsfError("a PSF table with values that are not finite", "finite shares of the light")
    if values.max() <= 0 or values.min() < MIN_OF_PEAK * values.max():
        raise PsfError(
            f"a PSF table with values from {values.min():g} to {values.max():g}",
            "shares of the light, not below zero",
        )
    if share_within.max() > MAX_SHARE:
        raise PsfError(
            f"a PSF table with {100 * share_within.max():.1f} % of the light",
            "at most 100 %",
            "divide the values by the sum over all pixels around an emitter",
        )
