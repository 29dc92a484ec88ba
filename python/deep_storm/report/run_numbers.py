"""The numbers in a report of a reconstruction."""

from __future__ import annotations

from deep_storm.report.run import Run
from deep_storm.report.words import Rows, rows_in, rows_of, shown
from deep_storm.words import WARNING, counted, duration


def results_rows(run: Run) -> Rows:
    """Return the main numbers."""
    found, frames = run.found, max(run.found.per_frame.size, 1)
    rows = [
        ("localizations", f"{found.rows:,}"),
        ("frames", f"{frames:,}"),
        ("localizations per frame", f"{found.rows / frames:.4g}"),
    ]
    if run.look is not None and run.camera is not None:
        _, height, width = run.look.shape
        area_um2 = height * width * (run.camera.pixel_size_nm / 1000) ** 2
        rows.append(("mean density", f"{found.rows / frames / area_um2:.3g} per µm² and frame"))
    for column, name, unit in (
        ("intensity_photon", "median photons", ""),
        ("uncertainty_xy_nm", "median uncertainty", " nm"),
        ("uncertainty_z_nm", "median uncertainty of z", " nm"),
        ("confidence", "median confidence", ""),
    ):
        median = found.median(column)
        if median is not None:
            rows.append((name, f"{median:.4g}{unit}"))
    if run.resolution is not None:
        rows.append(("resolution (FRC)", run.resolution.text()))
    if run.repeats is not None:
        rows.append(("found again", run.repeats.text()))
    results = run.record.get("results", {})
    if results.get("replaced_pixels"):
        rows.append(("invalid pixels filled", shown(results["replaced_pixels"])))
    if results.get("bright_things"):
        rows.append(("very bright objects", shown(results["bright_things"])))
    return (*rows, *(("note", note) for note in results.get("notes", ())))


def steps_rows(run: Run) -> Rows:
    """Return the tables that were made from it, and how many rows each lost."""
    rows = []
    for before, step in zip(run.steps, run.steps[1:], strict=False):
        removed = before.rows - step.rows
        share = removed / before.rows if before.rows else 0.0
        done = f"{step.verb}: " if step.verb else ""
        fewer = f"{removed:,} fewer than before ({share:.1%})" if removed else "as many as before"
        rows.append((step.name, f"{done}{counted(step.rows, 'row', ',')}, {fewer}"))
        rows += [("", line) for line in step.said if not line.startswith(WARNING)]
    return tuple(rows)


def inputs_rows(run: Run) -> Rows:
    """Return the stack and what is known of it."""
    inputs = run.record.get("inputs", {})
    rows = list(rows_in(inputs, frozenset({"weights_sha256", "densest_per_um2"})))
    if run.look is not None:
        count, height, width = run.look.shape
        rows.append(
            ("size", f"{counted(count, 'frame', ',')} of {width} × {height} px, {run.look.dtype}")
        )
        level = run.look.level_adu
        rows.append(("mean pixel value", f"{level[0]:.4g} (first) to {level[-1]:.4g} ADU (last)"))
    else:
        rows.append(("frames", "not there when this report was written"))
    return tuple(rows)


def model_rows(run: Run) -> Rows:
    """Return what the model was trained for."""
    trained = run.trained
    return (
        *rows_of(run.camera, "camera:"),
        *rows_of(trained.psf, "PSF:"),
        *rows_of(trained.emitters, "emitters:"),
        *rows_of(trained.background, "background:"),
    )


def timings_rows(run: Run) -> Rows:
    """Return how long it took."""
    timings = run.record.get("timings", {})
    rows = [
        (name.replace("_", " "), duration(float(timings[key]), 1))
        for key, name in (("seconds", "whole"), ("network_seconds", "in the network"))
        if key in timings
    ]
    if "frames_per_second" in timings:
        rows.append(("speed", f"{float(timings['frames_per_second']):.1f} frames per second"))
    results = run.record.get("results", {})
    if "precision" in results:
        rows.append(("precision", str(results["precision"])))
    if "workers" in results:
        said = (f"{name.replace('_', ' ')} {count}" for name, count in results["workers"].items())
        rows.append(("threads beside the network", ", ".join(said)))
    return tuple(rows)
