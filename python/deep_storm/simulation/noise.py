"""The camera: expected photons in, pixel values out.

The order is that of ThunderSTORM's generator, with the quantum efficiency and the read-out noise
that it leaves out::

    photons × quantum efficiency → Poisson → (EM) Gamma(shape n, scale gain)
    → ÷ photons per ADU → + read-out noise → + baseline → round → clip
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.errors import CameraError

FloatMap = npt.NDArray[np.float32]

_LEAST = {
    "baseline_adu": -np.inf,
    "photons_per_adu": float(np.finfo(np.float32).tiny),
    "read_noise_adu": 0.0,
}
_EXPECTED = {
    "baseline_adu": "finite values",
    "photons_per_adu": "values greater than 0",
    "read_noise_adu": "values of at least 0",
}


@dataclass(frozen=True)
class CameraMaps:
    """Properties that differ from pixel to pixel (sCMOS); what is None is as the camera says.

    Each is a float32 array of shape (y, x), or (b, y, x) for patches from several places.
    """

    baseline_adu: FloatMap | None = None
    photons_per_adu: FloatMap | None = None
    read_noise_adu: FloatMap | None = None

    def __post_init__(self) -> None:
        shapes = {m.shape for m in self._given().values()}
        if len(shapes) > 1:
            raise CameraError(
                f"camera maps of different shapes: {', '.join(map(str, sorted(shapes)))}",
                "maps of the same shape (y, x)",
                "crop them to the same field",
            )
        for name, values in self._given().items():
            wrong = ~(values >= _LEAST[name]) | ~np.isfinite(values)
            if wrong.any():
                raise CameraError(
                    f"the camera map {name} has {values[wrong].flat[0]:g} in a pixel",
                    _EXPECTED[name],
                    "measure the map again or give that pixel the median",
                )

    def _given(self) -> dict[str, FloatMap]:
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the maps, or None when there is none."""
        return next((m.shape for m in self._given().values()), None)

    def crops(
        self, top: npt.NDArray[np.int64], left: npt.NDArray[np.int64], size_px: int
    ) -> CameraMaps:
        """Cut square windows: maps (y, x) → maps (b, size, size).

        Parameters
        ----------
        top, left
            First row and column of each window, shape (b,).
        size_px
            Edge of the windows.
        """
        within = np.arange(size_px)
        rows = (top[:, None] + within)[:, :, None]
        columns = (left[:, None] + within)[:, None, :]
        return CameraMaps(**{name: m[rows, columns] for name, m in self._given().items()})


def check_maps(maps: CameraMaps | None, height_px: int, width_px: int) -> None:
    """Raise a CameraError when maps do not cover frames of this size exactly."""
    if maps is not None and maps.shape is not None and maps.shape[-2:] != (height_px, width_px):
        raise CameraError(
            f"camera maps of {maps.shape[-1]} × {maps.shape[-2]} px",
            f"{width_px} × {height_px} px (width × height) as the frames",
            "crop the maps to the field of the frames",
        )


def expose(
    expected_photon: npt.NDArray[np.floating],
    camera: Camera,
    rng: np.random.Generator,
    maps: CameraMaps | None = None,
    dtype: npt.DTypeLike = np.uint16,
) -> npt.NDArray[Any]:
    """Take a picture: turn expected photons into pixel values with all the camera's noise.

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
        floating dtype: they are neither.

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
    kind = np.dtype(dtype)
    lam = np.multiply(expected_photon, camera.quantum_efficiency, dtype=np.float64)
    signal = rng.poisson(lam).astype(np.float32)
    if camera.em_gain is not None:
        signal = rng.standard_gamma(signal, dtype=np.float32)
        signal *= np.float32(camera.em_gain)
    signal /= _chosen(maps.photons_per_adu, camera.photons_per_adu)
    if maps.read_noise_adu is not None or camera.read_noise_adu > 0:
        noise = rng.standard_normal(signal.shape, dtype=np.float32)
        signal += noise * _chosen(maps.read_noise_adu, camera.read_noise_adu)
    signal += _chosen(maps.baseline_adu, camera.baseline_adu)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        np.rint(signal, out=signal)
        np.clip(signal, limits.min, limits.max, out=signal)
    adu: npt.NDArray[Any] = signal.astype(kind, copy=False)
    return adu


def photons_from(
    adu: npt.NDArray[np.generic], camera: Camera, maps: CameraMaps | None = None
) -> FloatMap:
    """Convert pixel values to photons, pixel by pixel where there are maps.

    The same as :meth:`Camera.photons <deep_storm.camera.Camera.photons>` without maps.

    Parameters
    ----------
    adu
        Pixel values of shape (y, x) or (t, y, x).
    camera, maps
        As in :func:`expose`.

    Returns
    -------
    float32 array of the same shape.
    """
    maps = maps or CameraMaps()
    multiplied = (camera.em_gain or 1.0) * camera.quantum_efficiency
    values = np.asarray(adu, dtype=np.float32) - _chosen(maps.baseline_adu, camera.baseline_adu)
    per_adu = _chosen(maps.photons_per_adu, camera.photons_per_adu)
    return np.asarray(values * (per_adu / np.float32(multiplied)), dtype=np.float32)


def _chosen(per_pixel: FloatMap | None, everywhere: float) -> FloatMap | np.float32:
    return np.float32(everywhere) if per_pixel is None else per_pixel
