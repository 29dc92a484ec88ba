"""Settings of what is done with a table: filtering, merging, duplicates, drift."""

from __future__ import annotations

from typing import Any, Literal

from deep_storm.settings.base import Settings, frames_setting, setting

_RANGE = r"^\s*(-?\d+(\.\d*)?)?\s*:\s*(-?\d+(\.\d*)?)?\s*$"


def _range(description: str, unit: str | None, example: str) -> Any:
    return setting(
        None,
        f"{description} to keep, as LEAST:MOST; default: all",
        unit=unit,
        pattern=_RANGE,
        example=example,
        form="LEAST:MOST",
    )


class Filtering(Settings):
    """Which rows of a table are kept; all conditions must hold."""

    confidence: str | None = _range("confidences", None, "0.5:")
    uncertainty_nm: str | None = _range("uncertainties", "nm", ":20")
    intensity_photon: str | None = _range("photons", "photon", "300:5000")
    sigma_nm: str | None = _range("PSF sigmas", "nm", "80:180")
    x_nm: str | None = _range("positions", "nm", "0:5000")
    y_nm: str | None = _range("positions", "nm", "0:5000")
    frames: str | None = frames_setting(
        "frames to keep, 1-based and inclusive, as FIRST:LAST; default: all"
    )
    min_neighbours: int = setting(
        0,
        "localizations of any frame that must lie around one; 0: no matter",
        formerly="least_neighbours",
        ge=0,
        le=1_000_000,
    )
    neighbour_radius_nm: float = setting(
        50.0, "how far away a neighbour may lie", unit="nm", gt=0, le=100_000
    )


class Merging(Settings):
    """When localizations of following frames are taken for one molecule."""

    distance_nm: float | None = setting(
        None,
        "largest distance of a molecule and its next localization (ThunderSTORM: dist); "
        "default: from their uncertainties",
        unit="nm",
        example=20.0,
        gt=0,
        le=100_000,
    )
    gap_frames: int = setting(
        1, "frames that a molecule may be dark (ThunderSTORM: offframes)", ge=0, le=1_000_000
    )
    frames_per_molecule: int = setting(
        0,
        "most frames of a molecule, after which another one begins; 0: no limit "
        "(ThunderSTORM: framespermolecule)",
        ge=0,
        le=1_000_000,
    )
    merged_uncertainty: Literal["formula", "combined"] = setting(
        "formula",
        "formula: of a fit with all photons, as ThunderSTORM does it (needs the camera, sigma, "
        "intensity and bkgstd, else combined); combined: that of the mean of the positions",
    )


class Duplicates(Settings):
    """Which localizations of a frame are one molecule found twice."""

    distance: str = setting(
        "uncertainty_xy",
        "a worse localization closer than this (nm) is removed: a number, or a formula for each "
        "row (ThunderSTORM: distformula)",
        form="a number (nm) or a formula",
        example="20",
    )


class DriftCorrection(Settings):
    """How the drift of the sample is measured."""

    method: Literal["correlation", "markers", "comet"] = setting(
        "correlation",
        "correlation: of the structures in all pairs of time bins; markers: fiducial markers that "
        "are seen in nearly all frames; comet: by the package comet-smlm, where it is installed",
    )
    bins: int | None = setting(
        None,
        "time bins for correlation and comet; default: from the number of localizations, 30 at "
        "most (comet: 100)",
        ge=5,
        le=200,
    )
    max_drift_nm: float = setting(
        1000.0,
        "largest drift between any two times",
        unit="nm",
        formerly="most_drift_nm",
        ge=10,
        le=100_000,
    )
    blur_nm: float | None = setting(
        None,
        "standard deviation by which images are blurred before they are correlated (comet: its "
        "narrowest kernel); default: 1.5 times the median uncertainty, or 20 without uncertainties",
        unit="nm",
        gt=0,
        le=1000,
    )
    marker_share: float = setting(
        0.8, "share of the frames in which a marker is seen at least", gt=0, le=1
    )
    marker_reach_nm: float = setting(
        60.0, "how far a marker may move from frame to frame", unit="nm", gt=0, le=10_000
    )
