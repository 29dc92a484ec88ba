"""The camera model: expected photons in, pixel values out.

The order is that of ThunderSTORM's generator [1]_, with the quantum efficiency and the read-out
noise that it leaves out; a gamma distribution stands for electron multiplication [2]_::

    photons × quantum efficiency → Poisson → (EM) Gamma(shape n, scale gain)
    → ÷ photons per ADU → + read-out noise → + baseline → round → clip

References
----------
.. [1] M. Ovesný et al., "ThunderSTORM: a comprehensive ImageJ plug-in for PALM and STORM data
   analysis and super-resolution imaging", Bioinformatics 30, 2389 (2014).
   https://doi.org/10.1093/bioinformatics/btu202
.. [2] M. S. Robbins and B. J. Hadwen, "The noise performance of electron multiplying charge-coupled
   devices", IEEE Transactions on Electron Devices 50, 1227 (2003).
   https://doi.org/10.1109/TED.2003.813462
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, check_maps

LEAST_RESPONSE = 0.1


def dtype_of(camera: Camera) -> np.dtype[Any]:
    """Return the dtype of a camera's values.

    16 bit: signed where the baseline is negative, as in frames that were shifted to signed numbers;
    float32, which is neither rounded nor clipped, where no 16 bits hold the baseline.
    """
    for kind in (np.uint16, np.int16):
        if np.iinfo(kind).min <= camera.baseline_adu <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.float32)


def draw_response(
    camera: Camera, shape: tuple[int, ...], rng: np.random.Generator
) -> npt.NDArray[np.float32] | None:
    """Draw how pixels respond to light, over the mean; None where all do alike.

    Parameters
    ----------
    camera
        Says how differently they do.
    shape
        Of the pixels.
    rng
        Source of randomness; nothing is taken from it where all respond alike.
    """
    if camera.response_std <= 0:
        return None
    drawn = rng.normal(1.0, camera.response_std, shape)
    return drawn.clip(LEAST_RESPONSE, None).astype(np.float32)


def expose(
    expected_photon: npt.NDArray[np.floating],
    camera: Camera,
    rng: np.random.Generator,
    maps: CameraMaps | None = None,
    dtype: npt.DTypeLike | None = None,
) -> npt.NDArray[Any]:
    """Simulate an exposure: turn expected photons into pixel values with all camera noise.

    Parameters
    ----------
    expected_photon
        Expected photons of shape (y, x) or (t, y, x), not negative.
    camera
        Quantum efficiency, EM gain, photons per ADU, read-out noise, baseline.
    rng
        Source of all randomness.
    maps
        Per-pixel values in place of the camera's, broadcast against ``expected_photon``.
    dtype
        An integer dtype: values are rounded and clipped to its range, as a camera does. A
        floating dtype: they are neither. Default: :func:`dtype_of` the camera.

    Returns
    -------
    Array of the shape of ``expected_photon`` and of ``dtype``.

    Raises
    ------
    CameraError
        The maps do not have the frames' size.
    """
    check_maps(maps, *expected_photon.shape[-2:])
    maps = maps or CameraMaps()
    kind = dtype_of(camera) if dtype is None else np.dtype(dtype)
    lam = np.multiply(expected_photon, camera.quantum_efficiency, dtype=np.float64)
    signal = rng.poisson(lam).astype(np.float32)
    if camera.em_gain is not None:
        signal = rng.standard_gamma(signal, dtype=np.float32)
        signal *= np.float32(camera.em_gain)
    signal /= maps.of(camera, "photons_per_adu")
    if maps.read_noise_adu is not None or camera.read_noise_adu > 0:
        noise = rng.standard_normal(signal.shape, dtype=np.float32)
        signal += noise * maps.of(camera, "read_noise_adu")
    signal += maps.of(camera, "baseline_adu")
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        np.rint(signal, out=signal)
        np.clip(signal, limits.min, limits.max, out=signal)
    adu: npt.NDArray[Any] = signal.astype(kind, copy=False)
    return adu
