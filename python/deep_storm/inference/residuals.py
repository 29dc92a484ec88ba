"""Residuals of some frames after the fit, collected for :mod:`deep_storm.quality.causes`."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from deep_storm.quality.fits import ResidualPicture
from deep_storm.quality.lines import alike_in_lines
from deep_storm.quality.residuals import Residuals
from deep_storm.refinement.refiner import Free, Refiner

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

REGION_PX = 16
ALONE_SIGMAS = 4.0
MIN_ALONE = 0.3
"""Where few emitters stand alone, this share of them counts, those furthest from others."""
REACH_PX = 4
"""The surroundings of an emitter are compared with others within so many pixels."""
APART_SIGMAS = 3.0
MIN_LIGHT = 0.5
"""They count from this share of the expected photons on."""
CORE = 0.03
"""Pixels with this share of the brightest one's light are the image of an emitter."""
MIN_COMPARED = 20


class _Around(NamedTuple):
    """Surroundings of isolated emitters, (n, y, x) and (n,).

    Attributes
    ----------
    left, light, variance
        Residual, light of the emitter, and expected variance, photons.
    photons, sigma
        Of the emitters; sigma over the expected one.
    """

    left: Values
    light: Values
    variance: Values
    photons: Values
    sigma: Values


def residuals_of(
    fitted: list[Free], masks: list[Mask], refiner: Refiner, pixel_size_nm: float
) -> Residuals | None:
    """Collect the residuals of all frames.

    Parameters
    ----------
    fitted
        The frames.
    masks
        Pixels of each that count.
    refiner
        That fitted them.
    pixel_size_nm
        Of the camera.

    Returns
    -------
    None where no pixel counts.
    """
    if not any(mask.any() for mask in masks):
        return None
    prior = refiner.prior
    off = _off(fitted, masks, prior.excess)
    alone = np.concatenate([_to_nearest(f.p) for f in fitted]) / prior.sigma_px
    usual_px = refiner.shape.usual_sigma_px(prior.sigma_px)
    sigma = np.concatenate([f.sigma_px for f in fitted]) / usual_px
    photons = np.concatenate([f.p[:, 2] for f in fitted]) / prior.photons
    near = np.minimum(alone, ALONE_SIGMAS)  # a single emitter is infinitely far from others
    lone = alone >= (float(np.quantile(near, 1.0 - MIN_ALONE)) if alone.size else 0.0)
    usual, most = np.quantile(photons[lone], (0.5, 0.9)) if alone.size else (1.0, 1.0)
    shape, tail = _in_common(_around(fitted, masks, refiner))
    pairs = list(zip(fitted, masks, strict=True))
    return Residuals(
        squared=np.concatenate([v[m] ** 2 for v, m in zip(off, masks, strict=True)]),
        mean=np.concatenate([f.mean[m] for f, m in pairs]),
        neighbours=float(np.mean([_correlation(v) for v in off])),
        lines=alike_in_lines(np.stack(off)),
        sigma=float(np.median(sigma[lone])) if alone.size else 1.0,
        frames=np.array([np.nanmean(v**2) for v, m in zip(off, masks, strict=True) if m.any()]),
        regions=np.concatenate([_regions(v**2) for v in off]),
        emitters=sum(_inside(f, m) for f, m in pairs),
        area_um2=sum(int(m.sum()) for m in masks) * (pixel_size_nm / 1000.0) ** 2,
        shape=shape,
        tail=tail,
        dimmed=float(np.mean(photons[lone] < MIN_LIGHT)) if alone.size else 0.0,
        photons=(float(usual), float(most)),
    )


def _off(fitted: list[Free], masks: list[Mask], excess: float) -> list[Values]:
    """Return the residuals over their expected standard deviation, NaN where none count."""
    return [
        np.where(m, (f.data - f.mean) / np.sqrt(f.mean * excess), np.nan)
        for f, m in zip(fitted, masks, strict=True)
    ]


def _around(fitted: list[Free], masks: list[Mask], refiner: Refiner) -> _Around:
    """Cut out the surroundings of isolated emitters."""
    prior, reach = refiner.prior, REACH_PX
    usual_px = refiner.shape.usual_sigma_px(prior.sigma_px)
    parts: list[tuple[Values, Values, Values]] = []
    numbers: list[tuple[float, float]] = []
    for free, mask in zip(fitted, masks, strict=True):
        left, light = free.data - free.mean, free.mean - free.background
        apart = _to_nearest(free.p) / prior.sigma_px
        rows_of = zip(*free.p.T[:3], free.sigma_px, apart, strict=True)
        for x, y, photons, sigma, distance in rows_of:
            if distance < APART_SIGMAS or photons < MIN_LIGHT * prior.photons:
                continue
            top, start = int(y) - reach, int(x) - reach
            rows, columns = (slice(k, k + 2 * reach + 1) for k in (top, start))
            if min(top, start) < 0 or mask[rows, columns].sum() < (2 * reach + 1) ** 2:
                continue
            variance = free.mean[rows, columns] * prior.excess
            parts.append((left[rows, columns], light[rows, columns], variance))
            numbers.append((photons, sigma / usual_px))
    empty = np.empty((3, 0, 2 * reach + 1, 2 * reach + 1))
    images = np.array(parts, np.float64).swapaxes(0, 1) if parts else empty
    photons_sigma = np.array(numbers, np.float64).reshape(-1, 2)
    return _Around(*images, *photons_sigma.T)


def _in_common(around: _Around) -> tuple[float, float]:
    """Return the mean relative residual of emitters, and the excess width of their tail."""
    if len(around.photons) < MIN_COMPARED:
        return 0.0, 1.0
    image, shared = _common(around)
    core = image > CORE * image.max()
    low, middle, high = np.quantile(around.sigma, (0.05, 0.5, 0.95))
    shape = float(np.sqrt(np.sum(shared[core] ** 2) / np.sum(image[core] ** 2)))
    return shape, float((high - middle) / max(middle - low, 1e-3))


def _common(around: _Around) -> tuple[Values, Values]:
    """Return the mean image of isolated emitters and what is left of it, over their light."""
    photons = around.photons[:, None, None]
    weight = photons / around.variance
    shared = (around.left * weight).sum(axis=0) / (photons * weight).sum(axis=0)
    return (around.light / photons).mean(axis=0), shared


def residual_picture(
    fitted: list[Free],
    masks: list[Mask],
    refiner: Refiner,
    places: list[tuple[int, tuple[int, int]]],
) -> ResidualPicture:
    """Return the frame that fits worst, and what isolated emitters have in common.

    Parameters
    ----------
    fitted, masks, refiner
        As for :func:`residuals_of`; some pixels count.
    places
        Number of each frame, and first row and column of the part that was fitted.
    """
    off = _off(fitted, masks, refiner.prior.excess)
    worst = max(range(len(off)), key=lambda k: _mean_square(off[k]))
    around = _around(fitted, masks, refiner)
    enough = len(around.photons) >= MIN_COMPARED
    image, common = _common(around) if enough else (None, None)
    return ResidualPicture(
        *places[worst],
        seen=fitted[worst].data,
        expected=fitted[worst].mean,
        off=off[worst],
        worst_px=_worst_region(off[worst] ** 2),
        emitters=len(around.photons),
        image=image,
        common=common,
    )


def _mean_square(off: Values) -> float:
    """Return the mean square of the pixels that count; below 0 where none does."""
    known = off[np.isfinite(off)]
    return float(np.mean(known**2)) if known.size else -1.0


def _correlation(off: Values) -> float:
    """Return the correlation of neighbouring pixels; NaN is left out."""
    products = np.concatenate([(off[1:] * off[:-1]).ravel(), (off[:, 1:] * off[:, :-1]).ravel()])
    known = products[np.isfinite(products)]
    return float(known.mean()) if known.size else 0.0


def _inside(free: Free, mask: Mask) -> int:
    """Count the emitters within the valid pixels."""
    height, width = mask.shape
    x, y = free.p[:, 0], free.p[:, 1]
    within = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return int(mask[y[within].astype(int), x[within].astype(int)].sum())


def _regions(squared: Values) -> Values:
    """Return the mean of each region; remaining rows and columns join the last one."""
    means, _ = _means_of_regions(squared)
    return means[np.isfinite(means)]


def _worst_region(squared: Values) -> tuple[int, int, int, int]:
    """Return top, left, height and width of the region with the largest mean."""
    means, edges = _means_of_regions(squared)
    where = np.unravel_index(int(np.nanargmax(means)), means.shape)
    ends = [np.append(e, n) for e, n in zip(edges, squared.shape, strict=True)]
    (top, bottom), (left, right) = ((e[k], e[k + 1]) for e, k in zip(ends, where, strict=True))
    return int(top), int(left), int(bottom - top), int(right - left)


def _means_of_regions(squared: Values) -> tuple[Values, list[npt.NDArray[np.int64]]]:
    """Return each region's mean (NaN: no pixel counts), and where rows and columns begin."""
    known = np.isfinite(squared)
    edges = [np.arange(0, max(n - REGION_PX // 2, 1), REGION_PX) for n in squared.shape]

    def added(values: Any) -> Any:
        return np.add.reduceat(np.add.reduceat(values, edges[0], 0), edges[1], 1)

    count = added(known.astype(np.float64))
    total = added(np.where(known, squared, 0.0))
    means = np.full(count.shape, np.nan)
    np.divide(total, count, out=means, where=count > 0)
    return means, edges


def _to_nearest(p: Values) -> Values:
    """Return the distance of each emitter to the nearest other one (px)."""
    if len(p) < 2:
        return np.full(len(p), np.inf)
    far = np.asarray(cKDTree(p[:, :2]).query(p[:, :2], 2)[0])
    return far[:, 1]
