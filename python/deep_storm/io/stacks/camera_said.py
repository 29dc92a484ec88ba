"""What a file says of the camera that took it: EM gain, exposure, binning.

Micro-Manager writes the properties of all devices beside each frame, as ``DEVICE-PROPERTY``;
OME-XML and ZEN have elements for it. Gain and baseline in ADU stand in none of them. What is said
here is compared with the camera that was entered, and reported; the EM gain is used where the
camera is derived from the noise and nobody has entered one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from deep_storm.io.foreign import TROUBLE
from deep_storm.io.stacks.elements import first_element

MAX_EM_GAIN = 5000.0
MAX_EXPOSURE_MS = 1e7
EM_GAINS = {"emgain", "ccdemgain", "multipliergain"}
"""Names of the property in Micro-Manager's device adapters, without spaces and underscores."""
OTHER_AMPLIFIER = re.compile(r"conventional|off|normal|ccd readout", re.IGNORECASE)
NS_PER_MS = 1e6
MS_PER = {"ms": 1.0, "s": 1e3, "µs": 1e-3, "us": 1e-3, "ns": 1e-6, "min": 6e4}


class CameraSaid(NamedTuple):
    """Settings of a camera as a file has them; None where it does not say.

    Attributes
    ----------
    em_gain
        As set, above 1; None also where another amplifier was on.
    exposure_ms
        Of a frame.
    binning
        Pixels of the chip along one edge of a pixel.
    """

    em_gain: float | None = None
    exposure_ms: float | None = None
    binning: int | None = None

    def text(self) -> str:
        """Return what is said in words; "" for nothing."""
        parts = []
        if self.exposure_ms is not None:
            parts.append(f"an exposure of {self.exposure_ms:.4g} ms")
        if self.em_gain is not None:
            parts.append(f"an EM gain of {self.em_gain:g}")
        if self.binning is not None and self.binning > 1:
            parts.append(f"a binning of {self.binning} × {self.binning}")
        return ", ".join(parts)


NOTHING = CameraSaid()


def said_by_micro_manager(properties: Mapping[str, Any]) -> CameraSaid:
    """Read the properties that Micro-Manager wrote beside a frame.

    Parameters
    ----------
    properties
        By name; values are numbers, texts, or (version 1.4) ``{"PropVal": value}``.
    """
    values = {name: _plain(value) for name, value in properties.items()}
    device = values.get("Core-Camera") or values.get("Camera") or ""
    own = {
        name.removeprefix(f"{device}-"): value
        for name, value in values.items()
        if device and name.startswith(f"{device}-")
    }
    exposure = _first(values, ("Exposure-ms", "Exposure")) or own.get("Exposure", "")
    binning = _first(values, ("Binning",)) or own.get("Binning", "")
    return CameraSaid(_em_gain(own), _within(exposure, MAX_EXPOSURE_MS), _binning(binning))


def said_by_micro_manager_text(text: str) -> CameraSaid:
    """Read the same from JSON; what is damaged says nothing."""
    try:
        found = json.loads(text)
    except TROUBLE:
        return NOTHING
    return said_by_micro_manager(found) if isinstance(found, dict) else NOTHING


def said_by_ome(text: str) -> CameraSaid:
    """Read OME-XML: detector and its settings, and the exposure of the first plane."""
    detector = first_element(text, "Detector")
    settings = first_element(text, "DetectorSettings")
    plane = first_element(text, "Plane")
    em_gain = settings.get("Gain", "") if detector.get("Type", "") == "EMCCD" else ""
    unit = MS_PER.get(plane.get("ExposureTimeUnit", "s"), math.nan)
    exposure = _number(plane.get("ExposureTime", "")) * unit
    return CameraSaid(
        _above_one(em_gain),
        _within(exposure, MAX_EXPOSURE_MS),
        _binning(settings.get("Binning", "")),
    )


def said_by_zen(about: Any) -> CameraSaid:
    """Read the description in a CZI, nested dictionaries; the first of several channels."""
    try:
        channels = about["ImageDocument"]["Metadata"]["Information"]["Image"]["Dimensions"]
        channel = channels["Channels"]["Channel"]
        channel = channel[0] if isinstance(channel, list) else channel
        settings = channel.get("DetectorSettings") or {}
        exposure = _number(channel.get("ExposureTime", "")) / NS_PER_MS
        return CameraSaid(
            _above_one(settings.get("EMGain", "")),
            _within(exposure, MAX_EXPOSURE_MS),
            _binning(str(settings.get("Binning", "")).replace(",", "x")),
        )
    except TROUBLE:
        return NOTHING


def _em_gain(own: Mapping[str, str]) -> float | None:
    """Return the EM gain among a camera's properties."""
    names = {re.sub(r"[\s_]", "", name).lower(): value for name, value in own.items()}
    amplifiers = [names[k] for k in ("emswitch", "outputamplifier", "port") if k in names]
    if any(OTHER_AMPLIFIER.search(amplifier) for amplifier in amplifiers):
        return None
    found = [value for name, value in names.items() if name in EM_GAINS]
    if not found and "emswitch" in names:  # Andor calls it just "Gain"
        found = [names.get("gain", "")]
    return _above_one(found[0]) if found else None


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("PropVal", "")
    return value if isinstance(value, str) else str(value)


def _first(values: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((values[name] for name in names if values.get(name)), "")


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _within(value: Any, most: float) -> float | None:
    number = _number(value)
    return number if 0.0 < number <= most else None


def _above_one(value: Any) -> float | None:
    number = _number(value)
    return number if 1.0 < number <= MAX_EM_GAIN else None


def _binning(value: str) -> int | None:
    match = re.fullmatch(r"\s*(\d{1,2})(?:\s*[x×]\s*(\d{1,2}))?\s*", value)
    return int(match[1]) or None if match else None
