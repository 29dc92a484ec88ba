"""PSFs that are elliptical Gaussians: fitted to a table, and tables made of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.optimize import least_squares

from deep_storm.psf.fitting import fit_gaussian, offsets_px, profile
from deep_storm.psf.table import SAMPLES_PER_PX, PsfTable

FloatArray = npt.NDArray[np.float64]

CLOSE = 1e-6
RADIUS_SIGMAS, MIN_RADIUS_PX, MAX_RADIUS_PX = 4.0, 3, 40
PIXEL_NODES = 3
MIN_ROUND = 0.6
"""Share of the light in focus that a round Gaussian describes, of a PSF of one spot."""
BRIGHT = 0.4
"""Share of the peak from which on light of several spots says where their centre is."""
WITHIN, MIN_NEAR = 2.5, 4
"""The focus is found from depths with at most so many times the least sum of squares."""
BETWEEN_PLANES, FOCUS_ROUNDS = 16, 8


class Widths(NamedTuple):
    """Widths of a PSF over depth.

    Attributes
    ----------
    z_nm
        Depths, shape (z,).
    x_nm, y_nm
        Standard deviations along x and y, without the pixel.
    """

    z_nm: FloatArray
    x_nm: FloatArray
    y_nm: FloatArray


def fitted_widths(table: PsfTable) -> Widths:
    """Return the widths of the elliptical, pixel-integrated Gaussians that fit a table best.

    All samples of a plane count alike, so the bright core decides.
    """
    sigmas = np.array([_fit(plane, table.samples_per_px) for plane in table.values])
    return Widths(table.z_nm.copy(), *(sigmas * table.pixel_size_nm).T)


def elliptical_table(
    widths: Widths,
    pixel_size_nm: float,
    angle: float = 0.0,
    samples_per_px: int = SAMPLES_PER_PX,
    integrated: bool = True,
) -> PsfTable:
    """Make the table of elliptical Gaussians.

    Parameters
    ----------
    widths
        Standard deviations over depth; depths rise by equal steps.
    pixel_size_nm
        Edge of a camera pixel.
    angle
        From x to the axis of ``widths.x_nm``, radians.
    samples_per_px
        Samples per pixel along each axis.
    integrated
        Whether they are integrated over the pixels; otherwise a pixel gets what the Gaussian is at
        its centre.
    """
    widest_px = max(float(widths.x_nm.max()), float(widths.y_nm.max())) / pixel_size_nm
    radius_px = int(np.clip(math.ceil(RADIUS_SIGMAS * widest_px), MIN_RADIUS_PX, MAX_RADIUS_PX))
    offset = offsets_px(2 * radius_px * samples_per_px + 1, samples_per_px)
    sigmas = zip(widths.x_nm / pixel_size_nm, widths.y_nm / pixel_size_nm, strict=True)
    if angle == 0.0 and integrated:
        planes = [np.outer(profile(offset, 0.0, y), profile(offset, 0.0, x)) for x, y in sigmas]
    else:
        nodes = PIXEL_NODES if integrated else 1
        planes = [_turned_gaussian(offset, x, y, angle, nodes) for x, y in sigmas]
    return PsfTable(
        np.stack(planes).astype(np.float32), widths.z_nm, pixel_size_nm, samples_per_px, "gaussian"
    )


def _turned_gaussian(
    offset: FloatArray, x_px: float, y_px: float, angle: float, count: int
) -> FloatArray:
    """Return a Gaussian whose axes are turned, integrated over pixels by a rule of Gauss.

    With one node it is the Gaussian at the pixels' centres.
    """
    nodes, shares = np.polynomial.legendre.leggauss(count)
    fine = (offset[:, None] + 0.5 * nodes).ravel()
    cos, sin = math.cos(angle), math.sin(angle)
    along = (fine[None, :] * cos + fine[:, None] * sin) / x_px
    across = (fine[:, None] * cos - fine[None, :] * sin) / y_px
    height = np.exp(-0.5 * (along**2 + across**2)) / (2.0 * math.pi * x_px * y_px)
    pixels = height.reshape(offset.size, count, offset.size, count)
    integrated: FloatArray = np.einsum("aibj,i,j->ab", pixels, 0.5 * shares, 0.5 * shares)
    return integrated


def at_focus(table: PsfTable, centred: bool = True) -> PsfTable:
    """Return a table with its focus at z = 0, found from all planes, and its centre at x = y = 0.

    The focus is where ``σx² + σy²`` is least: halfway between the two foci of an astigmatic PSF,
    where both sigmas are equal. Far from it a parabola describes that sum, so that one is fitted.
    It stays where it is when the planes do not show it. Of a PSF of several spots, which no
    Gaussian describes, the centre is that of the bright light, and the focus where light is most
    concentrated.

    Parameters
    ----------
    table
        Its planes at equal steps.
    centred
        Whether x = y = 0 is moved to the centre, too; otherwise it stays where it is.
    """
    if not is_one_spot(table.plane(0.0), table.samples_per_px):
        return _spots_at_focus(table, centred)
    widths = fitted_widths(table)
    focus_nm = turning_point(widths.z_nm, widths.x_nm**2 + widths.y_nm**2)
    moved = table if focus_nm is None else replace(table, z_nm=table.z_nm - focus_nm)
    return moved.centred(refocused=False) if centred else moved


def turning_point(z_nm: FloatArray, values: FloatArray) -> float | None:
    """Return the depth at which values are least, by a parabola around it.

    What is around it is found between the planes and reaches as far to either side: with a plane
    more on one side, values that are no parabola would draw the lowest point there.

    Parameters
    ----------
    z_nm
        Depths, rising by equal steps.
    values
        At each of them, positive.

    Returns
    -------
    None where the values have no such point, or fewer than :data:`MIN_NEAR` planes are around it.
    """
    if (values <= WITHIN * values.min()).sum() < MIN_NEAR:
        return None
    between = CubicSpline(z_nm, np.log(values))
    fine_nm = np.linspace(z_nm[0], z_nm[-1], BETWEEN_PLANES * (z_nm.size - 1) + 1)
    fine = np.exp(between(fine_nm))
    low, high = fine_nm[fine <= WITHIN * fine.min()][[0, -1]]
    found = 0.5 * float(low + high)
    around = np.linspace(-1.0, 1.0, 4 * BETWEEN_PLANES + 1)
    for _ in range(FOCUS_ROUNDS):
        reach = max(min(0.5 * (high - low), found - z_nm[0], z_nm[-1] - found), 0.0)
        if reach < z_nm[1] - z_nm[0]:
            return None
        there = np.exp(between(found + reach * around))
        curve = np.polynomial.Polynomial.fit(around, there, 2).convert()
        if curve.coef.size < 3 or not curve.coef[2] > 0:
            return None
        found -= 0.5 * reach * float(np.clip(curve.coef[1] / curve.coef[2], -2.0, 2.0))
    return found


def is_one_spot(plane: npt.NDArray[np.floating], samples_per_px: int) -> bool:
    """Whether a Gaussian describes a PSF in focus, rather than several."""
    light = float(plane.sum()) / samples_per_px**2
    return fit_gaussian(plane, samples_per_px).share >= MIN_ROUND * light


def _spots_at_focus(table: PsfTable, centred: bool) -> PsfTable:
    """Return a table of several spots with their focus, and the centre if wanted, at 0."""
    moved = table
    concentrated = np.sum(np.square(table.values, dtype=np.float64), axis=(1, 2))
    focus_nm = turning_point(table.z_nm, 1.0 / concentrated)
    if focus_nm is not None:
        moved = replace(table, z_nm=table.z_nm - focus_nm)
    for _ in range(2 if centred else 0):
        middle = moved.plane(0.0)
        bright = np.where(middle > BRIGHT * middle.max(), middle, 0.0)
        offset = offsets_px(len(bright), moved.samples_per_px)
        x_px, y_px = (float(bright.sum(axis=a) @ offset) / float(bright.sum()) for a in (0, 1))
        moved = moved.shifted(x_px, y_px)
    return moved


def _fit(plane: npt.NDArray[np.floating], samples_per_px: int) -> tuple[float, float]:
    """Return both sigmas in px."""
    image = plane.astype(np.float64)
    offset = offsets_px(len(image), samples_per_px)
    round_fit = fit_gaussian(image, samples_per_px)

    def residuals(at: FloatArray) -> FloatArray:
        across = profile(offset, at[0], float(np.exp(at[2])))
        down = profile(offset, at[1], float(np.exp(at[3])))
        seen = down @ image @ across
        gaussian = np.outer(down, across) * (seen / ((down @ down) * (across @ across)))
        return np.ravel(gaussian - image) / image.max()

    start = [round_fit.x_px, round_fit.y_px, *np.log([round_fit.sigma_px] * 2)]
    found = least_squares(residuals, start, xtol=CLOSE, ftol=CLOSE).x
    return float(np.exp(found[2])), float(np.exp(found[3]))
