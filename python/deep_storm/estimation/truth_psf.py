"""The PSF over depth of an imported simulation: read off its ground truth, checked on its frames.

ThunderSTORM writes the two widths of its astigmatic PSF beside the depth of each emitter. In both
forms of its calibration, ``defocus`` and ``polynomial``, the square of a width is a polynomial of
fourth degree in z. The table does not say along which axes they are, nor whether the Gaussians were
integrated over pixels: the frames decide. All emitters of a frame are known, so its light is that
of the PSF up to a factor and an even background, however crowded it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import PsfError
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.psf.depth import tells_depth
from deep_storm.psf.drawing import add_table_emitters
from deep_storm.psf.elliptical import Widths, elliptical_table
from deep_storm.psf.table import PsfTable

FloatArray = npt.NDArray[np.float64]

WIDTHS = ("sigma1_nm", "sigma2_nm")
MIN_DEPTHS = 20
DEGREE = 4
MAX_MISFIT = 0.03
"""Relative RMS of the widths beside the polynomial from which on they do not follow depth."""
PLANES_EACH_SIDE = 12
EVERY, ROUGH_SAMPLES = 4, 2
"""Planes and samples per pixel that are enough to find the direction."""
MAX_WIDER = 1.5
"""Depths that no emitter has: no width there is farther from the widths that there are."""
FRAMES_LOOKED_AT = 20
COARSE, FINE = np.radians(np.arange(-90.0, 90.0, 15.0)), np.radians(np.arange(-6.0, 6.1, 3.0))
PIXEL_VARIANCE = 1.0 / 12.0
REVERSED = 0.02
"""A PSF whose depth is reversed describes so much more of the light."""


class Lit(NamedTuple):
    """A frame in photons (y, x), and its emitters: x, y in px, z in nm, photons, shape (n, 4)."""

    photons: FloatArray
    emitters: FloatArray


def lit_frames(truth: pd.DataFrame, stream: FrameStream, camera: Camera) -> list[Lit]:
    """Return some frames with emitters, all over the stack; ``truth`` has ``z_nm``."""
    nm = camera.pixel_size_nm
    frames = np.unique(truth["frame"].to_numpy(dtype=np.int64))
    chosen = frames[np.linspace(0, len(frames) - 1, min(FRAMES_LOOKED_AT, len(frames))).astype(int)]
    found = []
    for number in np.unique(chosen).tolist():
        rows = truth[truth["frame"] == number]
        columns = ["x_nm", "y_nm", "z_nm", "intensity_photon"]
        emitters = rows[columns].to_numpy(np.float64) / (nm, nm, 1.0, 1.0)
        photons = camera.photons(stream.read(number, number + 1)[0]).astype(np.float64)
        if np.isfinite(photons).all():
            found.append(Lit(photons, emitters))
    return found


def astigmatic_psf(
    truth: pd.DataFrame, frames: Iterable[Lit], pixel_size_nm: float
) -> PsfTable | None:
    """Return the PSF over depth that the columns of a ground truth say.

    Parameters
    ----------
    truth
        Columns ``z_nm``, ``sigma1_nm`` and ``sigma2_nm``.
    frames
        Some frames with their emitters.
    pixel_size_nm
        Edge of a pixel.

    Returns
    -------
    The PSF, as deep as the emitters on both sides; None where a column is missing, where the widths
    do not follow depth, or do not tell it.
    """
    widths = widths_over_depth(truth)
    frames = list(frames)
    if widths is None or not frames:
        return None
    candidates = [widths]
    narrower = _without_pixel(widths, pixel_size_nm)
    if narrower is not None:
        candidates.append(narrower)

    def best(tables: Iterable[tuple[float, PsfTable]]) -> tuple[float, PsfTable]:
        return min(tables, key=lambda one: unexplained(one[1], frames))

    def turned(angles: Iterable[float]) -> Iterator[tuple[float, PsfTable]]:
        rough = Widths(*(values[::EVERY] for values in widths))
        return ((a, elliptical_table(rough, pixel_size_nm, a, ROUGH_SAMPLES)) for a in angles)

    angle, _ = best(turned(COARSE.tolist()))
    angle, _ = best(turned((angle + FINE).tolist()))
    table = best((angle, elliptical_table(w, pixel_size_nm, angle)) for w in candidates)[1]
    return table if tells_depth(table) else None


def check_direction(table: PsfTable, frames: Iterable[Lit]) -> None:
    """Check that the depths of a PSF and of a ground truth run the same way.

    Raises
    ------
    PsfError
        The PSF describes the frames better with above and below exchanged.
    """
    frames = list(frames)
    if not frames or not tells_depth(table):
        return
    mirrored = replace(table, values=table.values[::-1], z_nm=-table.z_nm[::-1])
    dark = sum(float(np.sum((f.photons - f.photons.mean()) ** 2)) for f in frames)
    as_it_is, other = (unexplained(t, frames) for t in (table, mirrored))
    if as_it_is - other > REVERSED * (dark - other):
        raise PsfError(
            "a PSF whose depth runs against that of the ground truth: with z reversed it describes "
            "the frames better",
            "z of both counted in the same direction",
            "reverse z in the ground truth, or swap x and y in the PSF's calibration",
        )


def unexplained(table: PsfTable, frames: Iterable[Lit]) -> float:
    """Return the sum of squares that emitters with a PSF and an even background leave over."""
    left = 0.0
    for photons, emitters in frames:
        light = np.zeros((1, *photons.shape), np.float32)
        x, y, z, brightness = (np.ascontiguousarray(column) for column in emitters.T)
        add_table_emitters(
            light, np.zeros(len(x), np.int64), x, y, z, brightness, table.coefficients,
            table.samples_per_px, table.radius_px, table.z0_nm, table.dz_nm,
        )  # fmt: skip
        seen, shape = photons - photons.mean(), light[0] - light[0].mean(dtype=np.float64)
        along = float(np.sum(shape**2))
        left += float(np.sum(seen**2))
        if along > 0:
            left -= max(float(np.sum(seen * shape)), 0.0) ** 2 / along
    return left


def widths_over_depth(truth: pd.DataFrame) -> Widths | None:
    """Return both widths over depths on either side of the focus, if a truth has them.

    None where it has not, or where the widths are no function of depth.
    """
    if not {"z_nm", *WIDTHS} <= {*truth.columns}:
        return None
    rows = truth[["z_nm", *WIDTHS]].to_numpy(np.float64)
    rows = rows[np.isfinite(rows).all(axis=1)]
    if len(np.unique(rows[:, 0])) < MIN_DEPTHS:
        return None
    reach_nm = math.ceil(float(np.abs(rows[:, 0]).max()))
    z_nm = np.linspace(-reach_nm, reach_nm, 2 * PLANES_EACH_SIDE + 1)
    found = []
    for sigma_nm in rows[:, 1:].T:
        curve = np.polynomial.Polynomial.fit(rows[:, 0], sigma_nm**2, DEGREE)
        off = np.sqrt(np.maximum(curve(rows[:, 0]), 0.0)) / sigma_nm - 1.0
        if np.sqrt(np.mean(off**2)) > MAX_MISFIT:
            return None
        low, high = float(sigma_nm.min()) / MAX_WIDER, float(sigma_nm.max()) * MAX_WIDER
        found.append(np.sqrt(np.clip(curve(z_nm), low**2, high**2)))
    return Widths(z_nm, *found)


def _without_pixel(widths: Widths, pixel_size_nm: float) -> Widths | None:
    """Return the widths of Gaussians that, integrated over pixels, are as wide as these."""
    pixel = PIXEL_VARIANCE * pixel_size_nm**2
    squares = widths.x_nm**2 - pixel, widths.y_nm**2 - pixel
    if min(float(square.min()) for square in squares) <= pixel:
        return None
    return Widths(widths.z_nm, *(np.sqrt(square) for square in squares))
