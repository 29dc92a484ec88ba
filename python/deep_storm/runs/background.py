"""Baseline, read noise and gain of a camera, measured in a stack."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deep_storm.camera import Camera
from deep_storm.errors import StackError
from deep_storm.interface.declaration import Shown
from deep_storm.progress import Progress
from deep_storm.settings import Measurement
from deep_storm.words import WARNING

if TYPE_CHECKING:
    import numpy.typing as npt

    from deep_storm.camera_maps import CameraMaps
    from deep_storm.estimation.quantity import Quantity
    from deep_storm.io.stacks.stream import FrameStream

MAX_GAIN_ERROR = 0.2
"""A gain that is known worse does not go into the camera file."""
GAIN_TOLERANCE = 1.2
SURE_SIGMAS = 3.0
"""Errors of the gain beyond the tolerance, from which it is said which one to enter: the slope of
the noise hangs on few bright pixels where frames are few or molecules sparse."""
MORE_FRAMES = "more frames, or brighter ones, determine it better"
EM_GAIN_LIKELY = 0.1
"""Cameras without EM gain have more photons per ADU than that."""
ANY_PIXEL_SIZE_NM = 100.0
"""Where it is not known; the baseline does not depend on it."""


@dataclass(frozen=True, repr=False)
class BackgroundResult(Shown):
    """A camera's baseline and read-out noise.

    Attributes
    ----------
    baseline, read_noise
        In ADU, with errors and spread.
    method
        ``pixels``, ``noise`` or ``dark``: where the two numbers come from.
    darkest
        Mean and standard deviation of the darkest pixels, whatever the method.
    share
        Share of the field that these pixels are.
    lit
        Whether they hold light.
    camera
        What the camera file holds: what was known and what was measured.
    missing
        Settings that the camera file still needs.
    warnings
        Each a sentence.
    mask
        Pixels that were used, bool (y, x); None where all were.
    maps
        Baseline and read-out noise of each pixel, from dark frames.
    gain
        Photons per ADU that the noise of the frames suggests, before EM gain if that is known; None
        where they do not tell.
    written
        Files.
    """

    baseline: Quantity
    read_noise: Quantity
    method: str
    darkest: Quantity
    share: float = 1.0
    lit: bool = False
    camera: dict[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    mask: npt.NDArray[np.bool_] | None = field(default=None, repr=False)
    maps: CameraMaps | None = field(default=None, repr=False)
    gain: Quantity | None = None
    written: tuple[Path, ...] = ()

    @property
    def baseline_adu(self) -> float:
        """Mean of the dark pixels."""
        return self.baseline.value

    @property
    def read_noise_adu(self) -> float:
        """Standard deviation of the dark pixels."""
        return self.read_noise.value

    def summary(self) -> str:
        """Return the two numbers, their origin, and what looks suspicious."""
        lines = [
            f"Baseline    {self.baseline.value:.2f} ± {self.baseline.error:.2g} ADU",
            f"Read noise  {self.read_noise.value:.3g} ADU",
        ]
        if self.gain is not None:
            lines.append(f"Gain        {self._gain_text(self.gain)}")
        if self.method == "pixels":
            lines.append(f"Pixels      {self.share:.1%} of the field")
        if self.method == "noise":
            lines.append(
                f"Dark part   {self.darkest.value:.2f} ± {self.darkest.spread or 0:.3g} ADU (mean "
                f"± standard deviation of {self.share:.1%} of the field); it contains light"
            )
        lines += [f"{WARNING}{text}" for text in self.warnings]
        if self.missing:
            lines.append(
                f"The camera still needs {', '.join(self.missing)}: give this as an option, or "
                "write it into the camera file"
            )
        return "\n".join(lines)

    def _gain_text(self, gain: Quantity) -> str:
        """Describe the gain by the noise, and whether it may include EM gain."""
        text = f"{gain.value:.3g} ± {gain.error:.1g} photons per ADU, from the noise of the frames"
        if self.camera.get("em_gain") is not None:
            return f"{text} (before EM gain)"
        small = ", which so small a value suggests" if gain.value < EM_GAIN_LIKELY else ""
        return (
            f"{text}, if the camera has no EM gain{small}; with an EM gain of G, photons_per_adu "
            f"is {2.0 * gain.value:.2g} · G (give --em-gain)"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the numbers with their errors, and the camera."""
        return {
            "baseline_adu": self.baseline.value,
            "read_noise_adu": self.read_noise.value,
            "baseline": self.baseline.to_json(),
            "read_noise": self.read_noise.to_json(),
            "method": self.method,
            "darkest": self.darkest.to_json(),
            "gain": None if self.gain is None else self.gain.to_json(),
            "share": self.share,
            "lit": self.lit,
            "camera": self.camera,
            "missing": list(self.missing),
            "warnings": list(self.warnings),
        }


def measured_background(
    stream: FrameStream,
    dark: bool,
    settings: Measurement,
    values: dict[str, Any],
    progress: Progress,
) -> BackgroundResult:
    """Measure baseline and read noise by the method that the settings choose."""
    from deep_storm.estimation.camera.background import measure_background as measure  # numba
    from deep_storm.estimation.camera.dark import measure_dark_frames  # numba, pandas, scipy

    if dark:
        frames = measure_dark_frames(stream, progress=progress)
        return BackgroundResult(
            frames.baseline,
            frames.read_noise,
            "dark",
            frames.baseline,
            warnings=frames.warnings,
            maps=frames.maps,
        )
    found = measure(stream, settings, progress=progress)
    pixels = BackgroundResult(
        found.baseline,
        found.read_noise,
        "pixels",
        found.baseline,
        found.share,
        found.lit,
        warnings=found.warnings,
        mask=found.mask,
    )
    known = "photons_per_adu" in values and found.lit
    if settings.method == "noise" or (settings.method == "auto" and known):
        return _by_noise(stream, pixels, values, settings, progress)
    return pixels


def measured_gain(
    stream: FrameStream, values: dict[str, Any], progress: Progress
) -> tuple[Quantity | None, tuple[str, ...]]:
    """Return the gain that follows from the noise, None where it does not, and warnings."""
    from deep_storm.estimation.screening.examination import examine  # numba, pandas, scipy

    transfer = examine(stream, progress).transfer
    if transfer is None:
        return None, ()
    if transfer.is_processed:
        return None, (transfer.processed_frames(stream.name),)
    return transfer.photons_per_adu(values.get("em_gain")), ()


def gain_warnings(gain: Quantity | None, values: dict[str, Any]) -> tuple[str, ...]:
    """Compare the gain that is given with the noise."""
    given = values.get("photons_per_adu")
    if gain is None or given is None:
        return ()
    unsure = gain.error / gain.value
    beyond = abs(math.log(gain.value / float(given))) - math.log(GAIN_TOLERANCE)
    if beyond < unsure:
        return ()
    said = (
        f"the noise suggests {gain.value:.2g} (± {unsure:.0%}) photons per ADU, {float(given):g} "
        "were given"
    )
    if beyond < SURE_SIGMAS * unsure:
        return (f"{said}, which may be chance: {MORE_FRAMES}",)
    em = "" if "em_gain" in values else ", or em_gain if the camera multiplies electrons"
    return (f"{said}: enter photons_per_adu = {gain.value:.2g}{em}",)


def _by_noise(
    stream: FrameStream,
    pixels: BackgroundResult,
    values: dict[str, Any],
    settings: Measurement,
    progress: Progress,
) -> BackgroundResult:
    """Find the baseline that the shot noise suggests, beginning below the darkest part."""
    from deep_storm.estimation.camera.noise import baseline_by_noise  # numba, pandas, scipy
    from deep_storm.estimation.quantity import Quantity  # numba, pandas, scipy

    start = pixels.baseline.value - pixels.read_noise.value
    known = {"pixel_size_nm": ANY_PIXEL_SIZE_NM, **values, "baseline_adu": start}
    guess = Camera.parse(known, "what is known of the camera")
    try:
        baseline = baseline_by_noise(stream, guess, progress=progress)
    except StackError:
        if settings.method == "noise":
            raise
        return pixels  # nothing blinks: the dark pixels are all there is
    noise = Quantity(guess.read_noise_adu, "ADU", 0.0)
    note = (
        f"the darkest pixels contain light, so the baseline was derived from the shot noise: it is "
        f"correct if photons_per_adu ({guess.photons_per_adu:g}) and the read noise "
        f"({guess.read_noise_adu:g} ADU, as given) are"
    )
    hidden = tuple(f"baseline: {text}" for text in baseline.warnings)
    warnings = (note, *hidden)
    return replace(pixels, baseline=baseline, read_noise=noise, method="noise", warnings=warnings)


def with_camera(
    found: BackgroundResult,
    values: dict[str, Any],
) -> BackgroundResult:
    """Return the result with the camera completed by it."""
    camera = {
        **values,
        "baseline_adu": round(found.baseline.value, 3),
        "read_noise_adu": round(found.read_noise.value, 4),
    }
    required = [name for name, info in Camera.model_fields.items() if info.is_required()]
    missing = tuple(name for name in required if name not in camera)
    if not missing:
        camera = Camera.parse(camera, "the camera file").model_dump(exclude_none=True)
    return replace(found, camera=camera, missing=missing)
