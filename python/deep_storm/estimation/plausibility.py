"""Implausible molecules: a sign that the camera was entered wrongly."""

from __future__ import annotations

import math

from deep_storm.camera import Camera
from deep_storm.errors import CameraError
from deep_storm.settings import Background, Emitters, Psf

MAX_CROWDING = 3.0
"""So many emitters within the area 4πσ² of a PSF cannot be told apart."""
MIN_SIGNIFICANCE = 2.5
"""Photons over their standard error, below which an emitter cannot be seen."""
SIGMA_RANGE_PX = (0.4, 6.0)


def check_plausible(
    camera: Camera, psf: Psf, emitters: Emitters, background: Background, name: str
) -> None:
    """Refuse estimates of molecules that are physically implausible.

    Parameters
    ----------
    camera, psf, emitters, background
        What was estimated.
    name
        What the stack is called.

    Raises
    ------
    CameraError
        The molecules are too many, too dim, or their PSF is far too narrow or wide; says what the
        likely cause is.
    """
    sigma_px = camera.px(psf.sigma_nm)
    if not SIGMA_RANGE_PX[0] <= sigma_px <= SIGMA_RANGE_PX[1]:
        raise CameraError(
            f"what blinks in {name} has a PSF sigma of {sigma_px:.2g} pixels ({psf.sigma_nm:.0f} "
            "nm)",
            f"{SIGMA_RANGE_PX[0]:g} to {SIGMA_RANGE_PX[1]:g} pixels",
            "check pixel_size_nm; single bright pixels (hot pixels, cosmic rays) or blurred "
            "objects instead of molecules look like this too",
        )
    area_um2 = 4.0 * math.pi * (psf.sigma_nm / 1000.0) ** 2
    crowding = emitters.density_per_um2 * area_um2
    if crowding > MAX_CROWDING:
        raise CameraError(
            f"{name} would have {emitters.density_per_um2:.3g} molecules per µm² and frame, "
            f"{crowding:.1f} of them within each PSF",
            "molecules that can be told apart in most frames",
            _causes(camera, "a later part of the movie has fewer molecules"),
        )
    significance = _significance(camera, psf, emitters, background)
    if significance < MIN_SIGNIFICANCE:
        raise CameraError(
            f"the molecules of {name} would have {emitters.intensity_photon:.3g} photons over a "
            f"background of {background.background_photon:.3g} per pixel, which cannot be seen",
            "molecules that stand out from the noise",
            _causes(camera, "frames that were averaged or filtered look like this too"),
        )


def _significance(camera: Camera, psf: Psf, emitters: Emitters, background: Background) -> float:
    """Return photons over their standard error, for an isolated emitter."""
    efficiency = camera.quantum_efficiency
    photons = emitters.intensity_photon * efficiency
    electrons = camera.photons_per_count * efficiency
    area_px = 4.0 * math.pi * camera.px(psf.sigma_nm) ** 2
    light = photons + area_px * background.background_photon * efficiency
    read = area_px * (camera.read_noise_adu * electrons) ** 2
    return photons / math.sqrt(max(camera.excess_noise_factor * light + read, 1e-12))


def _causes(camera: Camera, else_: str) -> str:
    """Return what is most likely wrong."""
    gain = "check photons_per_adu and baseline_adu of the camera"
    if camera.em_gain is not None:
        gain += " (photons_per_adu is the value before EM gain)"
    return f"{gain}; {else_}"
