"""Settings of table processing: filtering, merging, duplicates, drift."""

from __future__ import annotations

from typing import Any, Literal

from deep_storm.settings.base import Settings, setting
from deep_storm.settings.frames import frames_setting

_RANGE = r"^\s*(-?\d+(\.\d*)?)?\s*:\s*(-?\d+(\.\d*)?)?\s*$"


def _range(description: str, unit: str | None, example: str, label: str) -> Any:
    return setting(
        None,
        f"{description} to keep, as MIN:MAX; default: all",
        unit=unit,
        pattern=_RANGE,
        example=example,
        form="MIN:MAX",
        label=label,
    )


class Filtering(Settings):
    """Which rows of a table are kept; all conditions must hold."""

    confidence: str | None = _range("confidences", None, "0.5:", label="Confidence")
    uncertainty_nm: str | None = _range("uncertainties", "nm", ":20", label="Uncertainty")
    intensity_photon: str | None = _range("photons", "photon", "300:5000", label="Photons")
    sigma_nm: str | None = _range("PSF sigmas", "nm", "80:180", label="PSF sigma")
    x_nm: str | None = _range("x positions", "nm", "0:5000", label="x")
    y_nm: str | None = _range("y positions", "nm", "0:5000", label="y")
    z_nm: str | None = _range("depths", "nm", "-300:300", label="z")
    uncertainty_z_nm: str | None = _range(
        "uncertainties of the depth", "nm", ":60", label="Uncertainty of z"
    )
    frames: str | None = frames_setting(
        "frames to keep, counted from 1, as FIRST:LAST; default: all", label="Frames"
    )
    min_neighbours: int = setting(
        0,
        "minimum number of other localizations within the radius, in any frame; 0: not checked",
        formerly="least_neighbours",
        ge=0,
        le=1_000_000,
        label="Minimum number of neighbours",
    )
    neighbour_radius_nm: float = setting(
        50.0,
        "radius in which neighbours are counted",
        unit="nm",
        gt=0,
        le=100_000,
        label="within a radius of",
    )
    dimensions: Literal["2D", "3D"] = setting(
        "2D",
        "whether neighbours are counted in a circle or, with depths, in a ball (ThunderSTORM: "
        "dimensions)",
        label="Neighbours in",
    )


class Merging(Settings):
    """Which localizations in consecutive frames are one molecule."""

    distance_nm: float | None = setting(
        None,
        "maximum distance of consecutive localizations of a molecule (ThunderSTORM: dist); "
        "default: from their uncertainties",
        unit="nm",
        example=20.0,
        gt=0,
        le=100_000,
        label="Maximum distance",
    )
    gap_frames: int = setting(
        1,
        "maximum number of dark frames in between (ThunderSTORM: offframes)",
        ge=0,
        le=1_000_000,
        label="Frames a molecule may be off",
    )
    frames_per_molecule: int = setting(
        0,
        "maximum number of frames of one molecule; 0: no limit (ThunderSTORM: framespermolecule)",
        ge=0,
        le=1_000_000,
        label="Frames per molecule at most",
    )
    z_weight: float = setting(
        0.1,
        "weight of the difference in depth in the distance, where the table has depths "
        "(ThunderSTORM: zcoordweight); with distances from the uncertainties, those of the depths "
        "are used instead where there are any; 0: depths do not matter",
        ge=0,
        le=100,
        label="Weight of depths",
    )
    merged_uncertainty: Literal["formula", "combined"] = setting(
        "formula",
        "formula: uncertainty of a fit with all photons, as in ThunderSTORM (needs camera, "
        "sigma, intensity and bkgstd; without them as combined); combined: uncertainty of the "
        "mean position",
        label="Uncertainty of the merged",
    )
    shared_frames: bool = setting(
        False,
        "each localization also used the frames before and after its own, so those of a molecule "
        "are not independent of each other; known without this option for a table that has its "
        "run record beside it, or that Deep-STORM opened in this Fiji",
        label="Localizations share frames",
    )


class Duplicates(Settings):
    """Which localizations of a frame are duplicates."""

    distance: str = setting(
        "uncertainty_xy",
        "minimum distance of two localizations in a frame (nm): a number, or a formula for "
        "each row (ThunderSTORM: distformula); of two that are closer, the less certain one is "
        "removed",
        form="a number (nm) or a formula",
        example="20",
        label="Distance",
    )
    z_weight: float = setting(
        0.1,
        "weight of the difference in depth in the distance, where the table has depths; 0: depths "
        "do not matter",
        ge=0,
        le=100,
        label="Weight of depths",
    )


class DriftCorrection(Settings):
    """How the drift of the sample is measured."""

    method: Literal["correlation", "markers", "comet"] = setting(
        "correlation",
        "correlation: cross-correlation of all pairs of time bins; markers: fiducial markers; "
        "comet: the package comet-smlm, if it is installed",
        label="Method",
    )
    bins: int | None = setting(
        None,
        "number of time bins (correlation, comet); default: depends on the number of "
        "localizations, at most 30 (comet: 100)",
        ge=5,
        le=200,
        label="Parts of the movie",
    )
    max_drift_nm: float = setting(
        1000.0,
        "maximum drift between any two times",
        unit="nm",
        formerly="most_drift_nm",
        ge=10,
        le=100_000,
        label="Largest drift",
    )
    blur_nm: float | None = setting(
        None,
        "standard deviation of the blur before correlation (comet: narrowest kernel); default: "
        "1.5 times the median uncertainty, or 20 nm without uncertainties",
        unit="nm",
        gt=0,
        le=1000,
        label="Blur",
    )
    axial: bool = setting(
        True,
        "where the table has depths, measure and correct drift along z as well",
        label="Drift along z",
    )
    marker_share: float = setting(
        0.8,
        "markers: minimum fraction of the frames in which a marker is seen",
        gt=0,
        le=1,
        label="Frames a marker is seen in",
    )
    marker_reach_nm: float = setting(
        60.0,
        "markers: maximum movement of a marker from frame to frame",
        unit="nm",
        gt=0,
        le=10_000,
        label="Reach of a marker",
    )
