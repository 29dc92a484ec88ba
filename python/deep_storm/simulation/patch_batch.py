"""A batch of patches with their emitters, as a training step takes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, photons_from
from deep_storm.simulation.emitters import EmitterSet

Float32Array = npt.NDArray[np.float32]

PADDING = 16
"""Emitter arrays are padded to a multiple of this, so that few different shapes occur."""


@dataclass(frozen=True)
class PatchBatch:
    """One training batch of b patches.

    Attributes
    ----------
    adu
        Pixel values as the camera gives them, float32 of shape (b, y, x).
    expected_background_photon
        Expected photons that come from no emitter of the truth, float32 of shape (b, y, x), or
        (b, 1, 1) where the background is even.
    xy_px
        Positions (x, y) of the emitters within each patch in pixels (corner rule), float32 of
        shape (b, n_max, 2); rows that are not present are 0.
    sigma_px, intensity_photon
        PSF sigma and expected photons, float32 of shape (b, n_max); 0 where not present, so take
        ``present`` before dividing.
    present
        Which rows are emitters, bool of shape (b, n_max); n_max is a multiple of 16.
    z_nm
        Depths, float32 of shape (b, n_max).
    maps
        Per-pixel camera properties of the places that the patches are from, each (b, y, x); None
        without maps.
    beside_adu
        The frame before and the one after, float32 of shape (b, y, x, 2), NaN where there is none;
        None where patches stand alone.
    """

    adu: Float32Array
    expected_background_photon: Float32Array
    xy_px: Float32Array
    sigma_px: Float32Array
    intensity_photon: Float32Array
    present: npt.NDArray[np.bool_]
    z_nm: Float32Array
    maps: CameraMaps | None = None
    beside_adu: Float32Array | None = None


def beside_photons(batch: PatchBatch, camera: Camera) -> Float32Array | None:
    """Return the photons of the frames before and after the patches, (b, y, x, 2), if known."""
    if batch.beside_adu is None:
        return None
    sides = np.moveaxis(batch.beside_adu, -1, 0)
    return np.stack([photons_from(adu, camera, batch.maps) for adu in sides], axis=-1)


def padded(
    emitters: EmitterSet, batch: int
) -> tuple[Float32Array, Float32Array, Float32Array, npt.NDArray[np.bool_], Float32Array]:
    """Arrange emitters as arrays with one row per patch.

    Parameters
    ----------
    emitters
        Sorted by frame; the frame is the patch.
    batch
        Number of patches, b.

    Returns
    -------
    xy_px, sigma_px, intensity_photon, present, z_nm
        As in :class:`PatchBatch`; n_max is the largest count, rounded up to a multiple of 16.
    """
    counts = np.bincount(emitters.frame, minlength=batch)
    n_max = max(1, -(-int(counts.max()) // PADDING)) * PADDING
    place = np.arange(len(emitters)) - np.repeat(np.cumsum(counts) - counts, counts)
    where = (emitters.frame, place)
    xy_px = np.zeros((batch, n_max, 2), dtype=np.float32)
    sigma_px = np.zeros((batch, n_max), dtype=np.float32)
    intensity_photon = np.zeros((batch, n_max), dtype=np.float32)
    present = np.zeros((batch, n_max), dtype=np.bool_)
    z_nm = np.zeros((batch, n_max), dtype=np.float32)
    xy_px[where] = np.stack([emitters.x_px, emitters.y_px], axis=1)
    sigma_px[where] = emitters.sigma_px
    intensity_photon[where] = emitters.intensity_photon
    present[where] = True
    z_nm[where] = emitters.z_nm
    return xy_px, sigma_px, intensity_photon, present, z_nm
