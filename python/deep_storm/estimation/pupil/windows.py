"""Windows around molecules of a movie that stand alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.spatial import cKDTree

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, noise_photon
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.robust import robust_std

FloatArray = npt.NDArray[np.float64]

MAX_MOLECULES = 1200
MAX_FRAMES = 4000
FRAMES_AT_ONCE = 50
SMOOTHED, BACKGROUND = 0.8, 3.0
"""Maxima are looked for in the difference of two blurs, so many sigma wide."""
NOISE_THRESHOLD = 5.0
APART_RADII = 1.7
"""Other maxima are farther away, in half windows."""


class Windows(NamedTuple):
    """Windows around n molecules.

    Attributes
    ----------
    photons
        float64 of shape (n, k, k).
    noise
        Read-out variance of the pixels in photons², (n, k, k).
    frames
        In how many frames they were looked for.
    maxima
        How many maxima there were, those included that do not stand alone.
    """

    photons: FloatArray
    noise: FloatArray
    frames: int
    maxima: int


def isolated_windows(
    stream: FrameStream,
    camera: Camera,
    maps: CameraMaps | None,
    span: range,
    radius_px: int,
    sigma_px: float,
) -> Windows:
    """Cut out isolated molecules, from frames all over a movie.

    Parameters
    ----------
    stream, camera, maps
        The movie.
    span
        Frames to use.
    radius_px
        Half the window.
    sigma_px
        Of the PSF.
    """
    noise = noise_photon(camera, maps)
    every = np.full(stream.shape[1:], camera.read_noise_photon) if noise is None else noise
    found, variances = [], []
    frames, maxima, count = 0, 0, 0
    for number in _order(span):
        frame = camera.photons(stream.read(number, number + 1)[0]).astype(np.float64)
        frames += 1
        places, alone = _maxima(frame, radius_px, sigma_px)
        maxima += len(places)
        for row, column in places[alone]:
            there = (
                slice(row - radius_px, row + radius_px + 1),
                slice(column - radius_px, column + radius_px + 1),
            )
            if frame[there].shape == (2 * radius_px + 1,) * 2 and np.isfinite(frame[there]).all():
                found.append(frame[there])
                variances.append(np.broadcast_to(every, frame.shape)[there] ** 2)
                count += 1
        if count >= MAX_MOLECULES or frames >= MAX_FRAMES:
            break
    edge = 2 * radius_px + 1
    empty = np.empty((0, edge, edge))
    return Windows(
        np.array(found[:MAX_MOLECULES], np.float64) if found else empty,
        np.array(variances[:MAX_MOLECULES], np.float64) if found else empty,
        frames,
        maxima,
    )


def _order(span: range) -> list[int]:
    """Return frames so that any first part of them lies all over the movie."""
    parts = 1 << max(len(span) // FRAMES_AT_ONCE, 1).bit_length()
    return [number for k in range(parts) for number in list(span)[k::parts]]


def _maxima(
    frame: FloatArray, radius_px: int, sigma_px: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return row and column of the maxima, and which of them stand alone within the frame."""
    flat = np.nan_to_num(frame, nan=float(np.nanmedian(frame)))
    bright = gaussian_filter(flat, SMOOTHED * sigma_px) - gaussian_filter(
        flat, BACKGROUND * sigma_px
    )
    highest = bright == maximum_filter(bright, 2 * max(round(sigma_px), 1) + 1)
    highest &= bright > float(np.median(bright)) + NOISE_THRESHOLD * robust_std(bright)
    places = np.argwhere(highest)
    if not len(places):
        return places, np.zeros(0, bool)
    alone = np.ones(len(places), bool)
    if len(places) > 1:
        nearest = np.asarray(cKDTree(places).query(places, k=2)[0])[:, 1]
        alone = nearest > APART_RADII * radius_px
    height, width = frame.shape
    inside = (places >= radius_px).all(axis=1)
    inside &= (places[:, 0] < height - radius_px) & (places[:, 1] < width - radius_px)
    return places, alone & inside
