"""Camera maps: what differs from pixel to pixel of an sCMOS camera.

Every pixel of such a camera has its own amplifier, and with it its own baseline, its own gain and
its own read-out noise. Maps stand in for the camera's three numbers of the same name; everything
else (pixel size, quantum efficiency) stays the camera's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
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
AGREEING_SHARE = {"baseline_adu": 0.25, "photons_per_adu": 0.5, "read_noise_adu": 0.5}
"""A map's median and the camera's number differ by at most this share of the larger one,"""
AGREEING_ADU = {"baseline_adu": 5.0, "photons_per_adu": 0.0, "read_noise_adu": 0.5}
"""or by this much."""


@dataclass(frozen=True)
class CameraMaps:
    """Per-pixel properties of an sCMOS camera; None where the camera's one value holds for all.

    Each is a float32 array of shape (y, x), or (b, y, x) for patches from several places.

    Attributes
    ----------
    baseline_adu
        Value of a pixel without light.
    photons_per_adu
        Photoelectrons per A/D count.
    read_noise_adu
        Standard deviation of a pixel without light.

    Raises
    ------
    CameraError
        The maps differ in shape, or a value cannot be a camera's.
    """

    baseline_adu: FloatMap | None = None
    photons_per_adu: FloatMap | None = None
    read_noise_adu: FloatMap | None = None

    def __post_init__(self) -> None:
        shapes = {m.shape for m in self.given().values()}
        if len(shapes) > 1:
            raise CameraError(
                f"camera maps of different shapes: {', '.join(map(str, sorted(shapes)))}",
                "maps of the same shape (y, x)",
                "crop them to the same field",
            )
        for name, values in self.given().items():
            wrong = ~(values >= _LEAST[name]) | ~np.isfinite(values)
            if wrong.any():
                raise CameraError(
                    f"the camera map {name} has {values[wrong].flat[0]:g} in a pixel",
                    _EXPECTED[name],
                    "measure the map again or set that pixel to the median",
                )

    def given(self) -> dict[str, FloatMap]:
        """Return the maps that are present, by name."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not None}

    def of(self, camera: Camera, name: str) -> FloatMap | np.float32:
        """Return a map, or the camera's number where there is none."""
        values: FloatMap | None = getattr(self, name)
        return np.float32(getattr(camera, name)) if values is None else values

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Shape of the maps, or None when there is none."""
        return next((m.shape for m in self.given().values()), None)

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
        return CameraMaps(**{name: m[rows, columns] for name, m in self.given().items()})


def fingerprint(maps: CameraMaps | None) -> str:
    """Return a checksum of maps, to tell whether two are the same; empty without maps."""
    if maps is None:
        return ""
    digest = hashlib.sha256()
    for name, values in maps.given().items():
        digest.update(f"{name} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values, dtype=np.float32).tobytes())
    return digest.hexdigest()


def covering(maps: CameraMaps | None, size_px: int) -> CameraMaps | None:
    """Return maps of at least this height and width, repeated where they are smaller."""
    if maps is None or maps.shape is None or min(maps.shape) >= size_px:
        return maps
    more = [(0, max(0, size_px - edge)) for edge in maps.shape]
    return CameraMaps(**{name: np.pad(m, more, mode="wrap") for name, m in maps.given().items()})


def check_maps(maps: CameraMaps | None, height_px: int, width_px: int) -> None:
    """Raise a CameraError when maps do not cover frames of this size exactly."""
    if maps is not None and maps.shape is not None and maps.shape[-2:] != (height_px, width_px):
        raise CameraError(
            f"camera maps of {maps.shape[-1]} × {maps.shape[-2]} px",
            f"{width_px} × {height_px} px (width × height) as the frames",
            "crop the maps to the field of the frames",
        )


def absolute(maps: CameraMaps, camera: Camera) -> tuple[CameraMaps, str]:
    """Return maps with absolute offsets, and what was changed for that, if anything.

    Some calibrations keep offsets relative to the camera's baseline: their median is then about 0,
    where the baseline itself is not. It is added to them.
    """
    offset = maps.baseline_adu
    if offset is None:
        return maps, ""
    median = float(np.median(offset))
    if abs(median) > AGREEING_ADU["baseline_adu"] or _agrees("baseline_adu", median, camera):
        return maps, ""
    baseline = camera.baseline_adu
    note = (
        f"The offsets of the camera maps (median {median:.3g} ADU) are relative to the camera's "
        f"baseline: {baseline:g} ADU were added"
    )
    return replace(maps, baseline_adu=offset + np.float32(baseline)), note


def check_agreement(maps: CameraMaps, camera: Camera) -> None:
    """Raise a CameraError when maps and camera do not belong together.

    The median of each map must be about the camera's number: the network is conditioned on that
    one, and a gain in ADU per photon, or maps of another camera, are found out. A camera without
    read noise is one whose read noise nobody gave: the maps know better.
    """
    for name, values in maps.given().items():
        if name == "read_noise_adu" and camera.read_noise_adu == 0.0:
            continue
        median = float(np.median(values))
        if not _agrees(name, median, camera):
            raise CameraError(
                f"the camera maps have a median {name} of {median:.4g}, the camera has "
                f"{getattr(camera, name):g}",
                "about the same number",
                _advice(name, median, maps, camera),
            )


def _agrees(name: str, median: float, camera: Camera) -> bool:
    """Whether the median of a map is about the camera's number."""
    said = float(getattr(camera, name))
    larger = max(abs(median), abs(said))
    return abs(median - said) <= max(AGREEING_SHARE[name] * larger, AGREEING_ADU[name])


def _advice(name: str, median: float, maps: CameraMaps, camera: Camera) -> str:
    """Say what is probably wrong with a map."""
    if name == "photons_per_adu":
        if maps.read_noise_adu is not None:
            variance = float(np.median(maps.read_noise_adu)) ** 2
            if _agrees(name, variance, camera):
                return "gain and variance seem to be swapped: the gain is page 2"
        if 0.5 < median * camera.photons_per_adu < 2.0:
            return "the map looks like ADU per photon: invert it"
    return f"give the maps of this camera, or correct its {name}"


def left_noise(maps: CameraMaps, camera: Camera) -> CameraMaps | None:
    """Return the read noise (ADU) of pixels after correction to the camera's baseline and gain.

    A pixel that counts twice as many photons per ADU as the others is noisier by as much when it is
    brought to their gain.

    Returns
    -------
    Maps of read-out noise alone; None where all pixels are as noisy as the camera says.
    """
    noise = np.asarray(maps.of(camera, "read_noise_adu"))
    noise = noise * (maps.of(camera, "photons_per_adu") / np.float32(camera.photons_per_adu))
    return CameraMaps(read_noise_adu=noise) if noise.ndim and noise.any() else None


def noise_photon(camera: Camera, maps: CameraMaps | None) -> FloatMap | None:
    """Return the read noise of each pixel in photons; None where it is the camera's everywhere."""
    noise = None if maps is None else left_noise(maps, camera)
    if noise is None or noise.read_noise_adu is None:
        return None
    return noise.read_noise_adu * np.float32(camera.photons_per_count)


def photons_from(
    adu: npt.NDArray[Any], camera: Camera, maps: CameraMaps | None = None
) -> npt.NDArray[np.float32]:
    """Convert pixel values to photons, pixel by pixel where there are maps.

    The same as :meth:`Camera.photons <deep_storm.camera.Camera.photons>` without maps.

    Parameters
    ----------
    adu
        Pixel values of shape (y, x) or (t, y, x).
    camera
        Says what the maps do not.
    maps
        Maps that broadcast against ``adu``.

    Returns
    -------
    float32 array of the same shape.
    """
    if maps is None:
        return camera.photons(adu)
    multiplied = np.float32((camera.em_gain or 1.0) * camera.quantum_efficiency)
    values = np.asarray(adu, dtype=np.float32) - maps.of(camera, "baseline_adu")
    photons = values * (maps.of(camera, "photons_per_adu") / multiplied)
    return np.asarray(photons, dtype=np.float32)
