"""``cluster``: clusters of a localization table, and whether it is clustered at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.inputs.tables import TableSource
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.io.files import atomic_path
from deep_storm.runs.table import TABLE, TableJob, TableResult, open_job
from deep_storm.settings import Clustering
from deep_storm.words import WARNING

if TYPE_CHECKING:
    import pandas as pd

    from deep_storm.postprocessing.pattern import Pattern

ENDINGS = {"clusters": "-summary.csv", "pattern": "-pattern.csv", "picture": ".png"}


@dataclass(frozen=True, repr=False)
class ClusterResult(TableResult):
    """Clusters of a table; its column ``cluster`` is 1, 2, … and 0 outside of clusters.

    Attributes
    ----------
    clusters
        A row for each cluster: count, position, radius, area, density.
    pattern
        Ripley's L and nearest neighbours with their envelopes; None for too few points.
    warnings
        Each a sentence.
    """

    clusters: pd.DataFrame
    pattern: Pattern | None
    warnings: tuple[str, ...] = ()

    @property
    def inside(self) -> int:
        """Localizations that belong to a cluster."""
        return int((self.table["cluster"] > 0).sum())

    def summary(self) -> str:
        """Return the number of clusters, and whether they can be due to chance."""
        share = self.inside / len(self.table)
        lines = [
            f"{len(self.clusters):,} clusters hold {self.inside:,} of {len(self.table):,} "
            f"localizations ({share:.1%})"
        ]
        if len(self.clusters):
            count, area, density = (self.clusters[c].median() for c in _MEDIANS)
            lines.append(
                f"Median cluster: {count:.4g} localizations, {1e6 * area:.4g} nm², "
                f"{density:.4g} per µm²"
            )
        if self.pattern is not None:
            scale_nm = self.pattern.scale_nm
            lines.append(
                "Ripley's L: not more clustered than random points"
                if scale_nm is None
                else "Ripley's L: more clustered than random points, most at distances of "
                f"{scale_nm:.3g} nm"
            )
        lines += [f"{WARNING}{text}" for text in self.warnings]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers of the summary."""
        return {
            "rows": len(self.table),
            "rows_in_clusters": self.inside,
            "clusters": len(self.clusters),
            "median": {name: float(self.clusters[name].median()) for name in _MEDIANS},
            "ripley_scale_nm": None if self.pattern is None else self.pattern.scale_nm,
            "warnings": list(self.warnings),
        }


_MEDIANS = ("count", "area [um^2]", "density [1/um^2]")


@verb(
    "find clusters of localizations, and compare them with random points",
    TABLE,
    Argument(
        "output",
        "table with cluster numbers to write (NAME.csv), with NAME-summary.csv, "
        "NAME-pattern.csv and NAME.png beside it",
        writes=True,
        label="Save as",
    ),
    settings=Clustering,
    camera=Camera,
)
def cluster(
    table: TableSource,
    *,
    output: Path | str | None = None,
    settings: Clustering = Clustering(),
    camera: Camera | None = None,
    overwrite: bool = False,
) -> ClusterResult:
    """Find clusters, describe each, and compare the positions with random ones.

    Parameters
    ----------
    table
        ThunderSTORM table (CSV), or a table in memory.
    output
        The table to write, with a column ``cluster``; by default ``TABLE_clusters.csv``.
        Beside it go ``NAME-summary.csv`` (a row for each cluster), ``NAME-pattern.csv`` (Ripley's
        L and nearest neighbours with envelopes), ``NAME.png`` and ``NAME-run.toml``, which notes
        what was done. A table in memory is only returned.
    settings
        Method, radius, count; reach and number of the random patterns.
    camera
        Needed only for a table in px or ADU; by default as the protocol beside it says.
    overwrite
        Whether existing files may be replaced.

    Raises
    ------
    TableError
        The table cannot be read, is empty, has positions that are not finite, or is too long for
        hdbscan.
    SettingsError
        The radius or the reach is too large for the field.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.postprocessing.clustering import (  # pandas
        cluster_summary,
        cluster_table,
        warnings_of,
    )
    from deep_storm.postprocessing.pattern import point_pattern  # pandas

    job = open_job(table, output, "clusters", camera, overwrite, ENDINGS)
    labelled = cluster_table(job.table, settings)
    clusters, pattern = (
        cluster_summary(labelled, settings.dimensions == "3D"),
        point_pattern(job.table, settings),
    )
    _write(job, labelled, clusters, pattern)
    said = warnings_of(job.table)
    result = ClusterResult(labelled, len(job.table), clusters, pattern, warnings=said)
    return job.noted("cluster", result, settings)


def _write(
    job: TableJob, labelled: pd.DataFrame, clusters: pd.DataFrame, pattern: Pattern | None
) -> None:
    """Write the files; without a pattern there is no file for it."""
    if not job.outputs:
        return
    from deep_storm.report.clusters import clusters_figure  # matplotlib, pandas
    from deep_storm.report.figures import save_figure  # matplotlib

    job.write(labelled)
    outputs = job.outputs
    tables = {"clusters": clusters}
    if pattern is not None:
        tables["pattern"] = pattern.table()
    for name, values in tables.items():
        with outputs.writing(name) as path, atomic_path(path, outputs.overwrite) as partial:
            values.to_csv(partial, index=False, float_format="%.6g")
    with outputs.writing("picture") as path:
        save_figure(clusters_figure(labelled, clusters, pattern), path, outputs.overwrite)
