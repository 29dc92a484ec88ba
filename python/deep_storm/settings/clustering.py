"""Settings of clusters and point patterns."""

from __future__ import annotations

from typing import Literal

from deep_storm.settings.base import Settings, setting


class Clustering(Settings):
    """Criteria of a cluster, and the range of the point pattern analysis."""

    method: Literal["dbscan", "hdbscan"] = setting(
        "dbscan",
        "dbscan (one density for all clusters) or hdbscan (clusters of different density; "
        "ignores the radius)",
        label="Method",
    )
    distance_nm: float = setting(
        30.0,
        "dbscan: radius in which neighbours are counted (epsilon)",
        unit="nm",
        gt=0,
        le=100_000,
        label="Distance",
    )
    dimensions: Literal["2D", "3D"] = setting(
        "2D",
        "whether distances are measured in x and y or, with depths, in space",
        label="Distances in",
    )
    min_count: int = setting(
        10,
        "dbscan: localizations within the radius, itself included, that make a core point; "
        "hdbscan: size of the smallest cluster",
        unit="localizations",
        ge=2,
        le=10_000_000,
        label="Localizations in a cluster, minimum",
    )
    reach_nm: float | None = setting(
        None,
        "maximum distance of Ripley's L; default: ten times the radius, at most a quarter of "
        "the field",
        unit="nm",
        gt=0,
        le=1e6,
        label="Reach of Ripley's L",
    )
    simulations: int = setting(
        39,
        "random patterns to compare Ripley's L and nearest neighbours with; 39 give an "
        "envelope of 95 %, 0 skips the analysis",
        ge=0,
        le=10_000,
        label="Random patterns to compare with",
    )
    seed: int = setting(
        1,
        "random seed: the same seed gives the same random patterns",
        ge=0,
        le=2**31 - 1,
        label="Random seed",
    )
