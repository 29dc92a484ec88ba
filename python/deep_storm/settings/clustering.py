"""Settings of clusters and point patterns."""

from __future__ import annotations

from typing import Literal

from deep_storm.settings.base import Settings, setting


class Clustering(Settings):
    """What is a cluster, and how far the pattern of the points is looked at."""

    method: Literal["dbscan", "hdbscan"] = setting(
        "dbscan",
        "dbscan (everywhere as dense as distance and count say) or hdbscan (clusters of different "
        "density; the distance does not matter)",
    )
    distance_nm: float = setting(
        30.0, "radius in which dbscan counts neighbours", unit="nm", gt=0, le=100_000
    )
    min_count: int = setting(
        10,
        "dbscan: localizations within the radius, itself included, that make one part of a "
        "cluster; hdbscan: smallest cluster",
        unit="localizations",
        ge=2,
        le=10_000_000,
    )
    reach_nm: float | None = setting(
        None,
        "largest distance of Ripley's L; default: ten times the radius, at most a quarter of the "
        "field",
        unit="nm",
        gt=0,
        le=1e6,
    )
    simulations: int = setting(
        39,
        "random patterns that Ripley's L and the nearest neighbours are held against; 39 make an "
        "envelope of 95 %, 0 leaves both out",
        ge=0,
        le=10_000,
    )
    seed: int = setting(1, "same seed, same random patterns", ge=0, le=2**31 - 1)
