"""Settings of what is done with a table: filtering, merging, duplicates, drift."""

from __future__ import annotations

from typing import Any

from deep_storm.settings.base import Settings, setting

_RANGE = r"^\s*(-?\d+(\.\d*)?)?\s*:\s*(-?\d+(\.\d*)?)?\s*$"


def _range(description: str, unit: str | None, example: str) -> Any:
    return setting(
        None,
        f"{description} to keep, as LEAST:MOST; default: all",
        unit=unit,
        pattern=_RANGE,
        example=example,
    )


class Filtering(Settings):
    """Which rows of a table are kept; all conditions must hold."""

    confidence: str | None = _range("confidences", None, "0.5:")
    uncertainty_nm: str | None = _range("uncertainties", "nm", ":20")
    intensity_photon: str | None = _range("photons", "photon", "300:5000")
    sigma_nm: str | None = _range("PSF sigmas", "nm", "80:180")
    x_nm: str | None = _range("positions", "nm", "0:5000")
    y_nm: str | None = _range("positions", "nm", "0:5000")
    frames: str | None = setting(
        None,
        "frames to keep, 1-based and inclusive, as FIRST:LAST; default: all",
        pattern=r"^\d*:\d*$|^\d+$",
        example="1:30",
    )
    least_neighbours: int = setting(
        0, "localizations of any frame that must lie around one; 0: no matter", ge=0, le=1_000_000
    )
    neighbour_radius_nm: float = setting(
        50.0, "how far away a neighbour may lie", unit="nm", gt=0, le=100_000
    )
