"""Check a camera that was entered against the noise of its frames."""

from __future__ import annotations

import math
from typing import NamedTuple

from deep_storm.camera import Camera
from deep_storm.estimation.transfer.gain import ROUNDING_VARIANCE, PhotonTransfer
from deep_storm.words import rounded

TOLERANCE = 1.2
"""Factor by which gain or noise may differ from what was entered."""
SEVERE = 1.5
"""Factor from which nothing that is computed with the camera means anything."""
UNSURE_FACTOR = 1.5
"""Where the gain cannot be told, the noise of the darkest part alone has to differ by so much."""
MIN_APART_PHOTON = 3.0
"""A baseline that is off by fewer photons makes no difference."""
MAX_READ_NOISE_ELECTRON = 15.0
"""More read-out noise than that no camera for single molecules has."""
MIN_FRAMES = 8
"""In fewer frames, pixels that differ from each other pass for noise."""
NOT_RAW = (
    "; or frames were averaged, binned or filtered after the camera wrote them, which takes noise "
    "away: use those it wrote"
)
SURE_SIGMAS = 3.0
"""Errors of the slope that a gain has to be off by where the darkest part agrees with the camera:
sparse and short movies hold few bright pixels, on which the slope hangs."""
USUAL_READ_NOISE_ELECTRON = 3.0
"""Read-out noise of CMOS cameras, which is hardly ever entered."""
ALIKE = 1.35
"""Factor within which a wrong gain is taken for a known mistake."""


class Doubt(NamedTuple):
    """A camera contradicts the noise of its frames.

    Attributes
    ----------
    received, expected, advice
        As an error says them.
    severe
        Whether nothing that is computed with the camera would mean anything.
    setting, value
        What to enter; no setting where there are several ways.
    """

    received: str
    expected: str
    advice: str
    severe: bool
    setting: str = ""
    value: float = 0.0

    def sentence(self) -> str:
        """Return one sentence."""
        return f"{self.received}; {self.advice}"


def doubt_camera(found: PhotonTransfer, camera: Camera, name: str) -> Doubt | None:
    """Compare a camera with the noise of its frames.

    Parameters
    ----------
    found
        What the noise says.
    camera
        What was entered.
    name
        What the stack is called in messages.

    Returns
    -------
    What is wrong with the camera; None where the noise agrees with it, or says nothing because the
    frames are not a camera's (see :attr:`PhotonTransfer.processing`).
    """
    if found.is_processed:
        return None
    doubt = _doubt(found, camera, name)
    if doubt is not None and found.frames < MIN_FRAMES:
        return doubt._replace(severe=False)
    return doubt


def _doubt(found: PhotonTransfer, camera: Camera, name: str) -> Doubt | None:
    if found.slope is None:
        return _by_dark_part(found, camera, name)
    expected = camera.excess_noise_factor * (camera.em_gain or 1.0) / camera.photons_per_adu
    ratio = expected / found.slope.value
    unsure = found.slope.error / found.slope.value
    doubtful = SURE_SIGMAS if _dark_part_agrees(found, camera) else 1.0
    if abs(math.log(ratio)) > math.log(TOLERANCE) + doubtful * unsure:
        return _gain(camera, name, ratio, unsure)
    doubt = _baseline(found, camera, name)
    likelier = _ratio_in_the_dark(found, camera)
    if doubt is None or likelier is None:
        return doubt
    # the darkest part contradicts: is it the gain, at which the slope hints, or the baseline?
    is_gain = abs(math.log(ratio / likelier)) < abs(math.log(ratio))
    is_gain &= abs(math.log(likelier)) > math.log(TOLERANCE)
    return _gain(camera, name, likelier, unsure) if is_gain else doubt


def _ratio_in_the_dark(found: PhotonTransfer, camera: Camera) -> float | None:
    """Return expected over measured variance of the darkest part, for a correct baseline."""
    light_adu = found.level_adu - camera.baseline_adu
    variance = found.variance_adu2 - camera.read_noise_adu**2 - ROUNDING_VARIANCE
    if light_adu <= 0.0 or variance <= 0.0:
        return None
    per_adu = camera.photons_per_count * camera.quantum_efficiency
    return camera.excess_noise_factor / per_adu * light_adu / variance


def _dark_part_agrees(found: PhotonTransfer, camera: Camera) -> bool:
    """Return whether light makes the noise of the darkest part, if gain and baseline are right."""
    per_adu = camera.photons_per_count * camera.quantum_efficiency
    light_adu = found.level_adu - camera.baseline_adu
    of_light = camera.excess_noise_factor / per_adu * light_adu
    read_adu = camera.read_noise_adu or USUAL_READ_NOISE_ELECTRON / camera.photons_per_adu
    least = (of_light + camera.read_noise_adu**2 + ROUNDING_VARIANCE) / TOLERANCE
    most = (of_light + read_adu**2 + ROUNDING_VARIANCE) * TOLERANCE
    return light_adu > 0.0 and least < found.variance_adu2 < most


def _gain(camera: Camera, name: str, ratio: float, unsure: float) -> Doubt:
    """Name the gain that the noise suggests: ``ratio`` times the one that was entered."""
    value = rounded(camera.photons_per_adu * ratio, 2)
    received = (
        f"the noise of {name} suggests {value:g} (± {max(unsure, 0.01):.0%}) photons per ADU, "
        f"the camera has {camera.photons_per_adu:g}"
    )
    severe = abs(math.log(ratio)) > math.log(SEVERE) + unsure
    return Doubt(
        received,
        "a camera that can have made this noise",
        f"enter photons_per_adu = {value:g}{_cause(camera, ratio)}",
        severe,
        "photons_per_adu",
        value,
    )


def _cause(camera: Camera, ratio: float) -> str:
    """Return the probable mistake in entering the gain, or nothing."""

    def near(factor: float) -> bool:
        return abs(math.log(ratio / factor)) < math.log(ALIKE)

    if camera.em_gain is not None and near(camera.em_gain):
        return (
            f": {camera.photons_per_adu:g} seems to be the value after EM gain, and "
            "photons_per_adu is the one before it"
        )
    if camera.em_gain is not None and (near(2.0) or near(2.0 * camera.em_gain)):
        return ", or leave em_gain out if electrons are not multiplied"
    if near(camera.photons_per_adu**-2.0):
        if ratio > 1.0:
            return f": {camera.photons_per_adu:g} may be its inverse, ADU per photon{NOT_RAW}"
        return f": {camera.photons_per_adu:g} seems to be its inverse, ADU per photon"
    if camera.em_gain is None and ratio < 1.0:
        return ", or em_gain if the camera multiplies electrons"
    return NOT_RAW if ratio > 1.0 else ""


def _baseline(found: PhotonTransfer, camera: Camera, name: str) -> Doubt | None:
    """Compare the darkest part's noise with its light, for a correct gain."""
    per_adu = camera.photons_per_count * camera.quantum_efficiency
    slope = camera.excess_noise_factor / per_adu
    read_variance = camera.read_noise_adu**2 + ROUNDING_VARIANCE
    light_adu = max(found.variance_adu2 - read_variance, 0.0) / slope
    apart_adu = found.level_adu - light_adu - camera.baseline_adu
    allowed = (TOLERANCE - 1.0) * light_adu + MIN_APART_PHOTON / per_adu
    if abs(apart_adu) <= allowed:
        return None
    here = f"the darkest part of {name} is at {found.level_adu:.4g} ADU and its noise"
    given = f"the camera has a baseline of {camera.baseline_adu:g} ADU"
    likely = camera.baseline_adu + apart_adu
    severe = abs(apart_adu) > SEVERE * allowed
    if apart_adu > 0.0:
        return Doubt(
            f"{here} suggests a baseline of {likely:.0f} ADU, {given}",
            "as much noise as the light makes",
            f"enter baseline_adu = {likely:.0f} (measure-background measures it better if a part "
            "of the frames is dark)",
            severe,
            "baseline_adu",
            float(round(likely)),
        )
    light = max(found.level_adu - camera.baseline_adu, 0.0)
    noise = math.sqrt(max(found.variance_adu2 - slope * light, 0.0))
    if noise * per_adu < MAX_READ_NOISE_ELECTRON and found.level_adu > camera.baseline_adu:
        return Doubt(
            f"{here} of {math.sqrt(found.variance_adu2):.3g} ADU is more than its light makes, "
            f"{given} and a read-out noise of {camera.read_noise_adu:g} ADU",
            "as much noise as light and read-out make",
            f"enter read_noise_adu = {rounded(noise, 2):g}, or baseline_adu = {likely:.0f} if the "
            "baseline was guessed",
            False,
        )
    return Doubt(
        f"{here} suggests a baseline of {likely:.0f} ADU, {given}",
        "a baseline below the darkest part of the frames",
        f"enter baseline_adu = {likely:.0f} (measure-background measures it better)",
        severe,
        "baseline_adu",
        float(round(likely)),
    )


def _by_dark_part(found: PhotonTransfer, camera: Camera, name: str) -> Doubt | None:
    """Compare the darkest part's noise with what the camera's light and read noise give."""
    per_adu = camera.photons_per_count * camera.quantum_efficiency
    slope = camera.excess_noise_factor / per_adu
    light = max(found.level_adu - camera.baseline_adu, 0.0)
    expected = slope * light + camera.read_noise_adu**2 + ROUNDING_VARIANCE
    ratio = found.variance_adu2 / expected
    if abs(math.log(ratio)) <= math.log(UNSURE_FACTOR):
        return None
    if ratio > 1.0:
        noise = math.sqrt(max(found.variance_adu2 - slope * light, 0.0)) * per_adu
        if light > 0 and noise < MAX_READ_NOISE_ELECTRON:
            return None  # read-out noise that was not entered
    light_adu = max(found.variance_adu2 - camera.read_noise_adu**2 - ROUNDING_VARIANCE, 0.0) / slope
    return Doubt(
        f"the noise of the darkest part of {name} has {ratio:.2g} times the variance that the "
        f"camera can make (photons_per_adu {camera.photons_per_adu:g}, baseline "
        f"{camera.baseline_adu:g} ADU)",
        "a camera that can have made this noise",
        f"enter photons_per_adu = {rounded(camera.photons_per_adu / ratio, 2):g} if the baseline "
        f"is right, or baseline_adu = {found.level_adu - light_adu:.0f} if photons_per_adu is"
        f"{NOT_RAW if ratio < 1.0 else ''}",
        abs(math.log(ratio)) > math.log(2.0 * SEVERE),
    )
