"""The camera: ADU ↔ photons, nm ↔ pixels.

Two rules of the whole product are written down here and nowhere else.

**Signal.** A pixel that receives ``n`` photons in the mean gives ``n × quantum_efficiency``
photoelectrons, multiplied by ``em_gain`` when the camera has one, divided by ``photons_per_adu``
(ThunderSTORM's ``photons2ADU``: photo*electrons* per A/D count) and lifted by ``baseline_adu``::

    adu = baseline_adu + photons × quantum_efficiency × em_gain / photons_per_adu

**Corner rule** (ThunderSTORM's): the origin is the *corner* of pixel (0, 0), so that pixel's
centre lies at (0.5, 0.5) px. ``x`` runs along columns, ``y`` along rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from deep_storm.settings import Settings, setting

if TYPE_CHECKING:  # --help shows the camera's settings and must not wait for NumPy
    import numpy.typing as npt

Number = TypeVar("Number", float, "npt.NDArray[np.float64]", "npt.NDArray[np.float32]")


class Camera(Settings):
    """The camera: entered once, kept in ``camera.toml`` and in the model."""

    pixel_size_nm: float = setting(
        ...,
        "size of a camera pixel in the sample plane",
        unit="nm",
        example=100.0,
        ge=0.1,
        le=10_000,
        label="Pixel size",
    )
    baseline_adu: float = setting(
        ...,
        "pixel value without any light (camera offset)",
        unit="ADU",
        example=100.0,
        ge=-1e6,
        le=1e6,
        label="Baseline",
    )
    photons_per_adu: float = setting(
        ...,
        "photoelectrons per A/D count, before EM gain (ThunderSTORM: photons2ADU)",
        unit="photon/ADU",
        example=0.5,
        gt=0,
        le=1e5,
        label="Photons per ADU",
    )
    quantum_efficiency: float = setting(
        1.0, "photoelectrons per photon", gt=0, le=1, label="Quantum efficiency"
    )
    em_gain: float | None = setting(
        None,
        "electron-multiplying gain; default: a camera without EM gain",
        ge=1,
        le=1e5,
        label="EM gain (1 = none)",
    )
    read_noise_adu: float = setting(
        0.0,
        "read noise: standard deviation of a pixel without light",
        unit="ADU",
        ge=0,
        le=1e5,
        label="Read noise",
    )
    response_std: float = setting(
        0.0,
        "how differently the pixels of an sCMOS camera respond to the same light (standard "
        "deviation over the mean), where no camera maps correct it; it is found in a movie",
        ge=0,
        le=0.3,
        label="Spread of the pixels' response",
    )

    @property
    def pixel_area_um2(self) -> float:
        """Area of a pixel in the sample plane, µm²."""
        return (self.pixel_size_nm / 1000.0) ** 2

    @property
    def photons_per_count(self) -> float:
        """Photons that one A/D count stands for, EM gain and quantum efficiency included."""
        return self.photons_per_adu / ((self.em_gain or 1.0) * self.quantum_efficiency)

    @property
    def read_noise_photon(self) -> float:
        """Read-out noise in photons."""
        return self.read_noise_adu * self.photons_per_count

    @property
    def excess_noise_factor(self) -> float:
        """How much EM multiplication raises the variance: 2 with EM gain, 1 without."""
        return 2.0 if self.em_gain else 1.0

    def photons(self, adu: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        """Convert pixel values to photons.

        Parameters
        ----------
        adu
            Pixel values of any shape and dtype.

        Returns
        -------
        float32 array of the same shape; negative where noise falls below the baseline.
        """
        # No copies: frames may be large.
        baseline = np.float32(self.baseline_adu)
        photons = np.subtract(adu, baseline, dtype=np.float32, casting="unsafe")
        photons *= np.float32(self.photons_per_count)
        return np.asarray(photons, dtype=np.float32)

    def adu(self, photons: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Convert photons to (unrounded) pixel values: the inverse of :meth:`photons`."""
        return np.asarray(photons, dtype=np.float64) / self.photons_per_count + self.baseline_adu

    def nm(self, px: Number) -> Number:
        """Convert pixels to nm (corner rule: pixel 0 reaches from 0 to ``pixel_size_nm``)."""
        return px * self.pixel_size_nm

    def px(self, nm: Number) -> Number:
        """Convert nm to pixels (corner rule: the centre of pixel 0 is 0.5)."""
        return nm / self.pixel_size_nm


@dataclass(frozen=True)
class PartialCamera:
    """A camera of which some values are known; the others are measured in its frames.

    Attributes
    ----------
    values
        Fields of :class:`Camera`, by name.
    """

    values: Mapping[str, Any]

    @classmethod
    def parse(cls, values: Mapping[str, Any], origin: str = "") -> Camera | PartialCamera:
        """Return a :class:`Camera` where all required values are given, else the known part of one.

        Raises
        ------
        SettingsError
            A value is unknown, of the wrong type or out of range.
        """
        known = dict(values)
        absent = {
            f: i for f, i in Camera.model_fields.items() if i.is_required() and f not in known
        }
        # a stand-in for what is absent, so that what is there is checked
        camera = Camera.parse({**known, **dict.fromkeys(absent, 1.0)}, origin)
        return cls({name: getattr(camera, name) for name in known}) if absent else camera

    def completed(self, **measured: Any) -> Camera:
        """Return the camera with measured values filled in; known values are kept."""
        return Camera.parse({**measured, **self.values})


def whole_camera(camera: Camera | PartialCamera) -> Camera:
    """Return the camera, or raise an error that names the missing value.

    Raises
    ------
    SettingsError
        A value is missing.
    """
    return camera if isinstance(camera, Camera) else Camera.parse(dict(camera.values))
