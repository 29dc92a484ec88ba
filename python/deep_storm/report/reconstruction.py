"""The report of a reconstruction: inputs, results, and whether to trust them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from deep_storm.camera import Camera
from deep_storm.quality.drift import DriftCurve
from deep_storm.quality.fits import ResidualPicture
from deep_storm.quality.repeats import Repeats
from deep_storm.quality.resolution import RingCorrelation
from deep_storm.quality.stack_look import StackLook
from deep_storm.quality.survey import Survey
from deep_storm.quality.suspicions import TrainedFor, suspicions
from deep_storm.report.background import background_map
from deep_storm.report.depths import depths_figure
from deep_storm.report.figures import new_figure
from deep_storm.report.judging import resolution_curve
from deep_storm.report.localizations import (
    beside_wide_field,
    column_histograms,
    draw_drift,
    per_frame_curve,
)
from deep_storm.report.page import Page, Section
from deep_storm.report.pictures import example_frames
from deep_storm.report.psf import psf_beside_gaussian
from deep_storm.report.residuals import residuals_figure
from deep_storm.report.style import styled
from deep_storm.report.words import Rows, rows_in, rows_of, shown
from deep_storm.words import counted, duration

Image = npt.NDArray[Any]


@dataclass(frozen=True)
class Step:
    """A table derived from the one before it.

    Attributes
    ----------
    name, rows
        Of the table.
    verb
        What made it, if that is known.
    said
        What the verb said about it.
    """

    name: str
    rows: int
    verb: str = ""
    said: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Run:
    """Contents of a report of a reconstruction; None and empty where unknown.

    Attributes
    ----------
    name
        Of the run.
    record
        The run record, by section.
    found
        Localizations.
    trained, camera
        What the model was trained for.
    image, image_nm
        Super-resolution image (y, x) and its pixel size.
    look
        Some frames of the stack.
    simulated
        (n, y, x), frames of the simulation that the model was trained for, in ADU.
    resolution, drift
        Measured in the table.
    steps
        Tables that were made from it, in order, itself first.
    corrected
        Drift that was taken out of it.
    image_name
        What the image is called.
    repeats
        What molecules that stay on for several frames say of the table.
    residuals
        Where the frames differ from what the model explains; known only right after the run.
    """

    name: str
    record: Mapping[str, Mapping[str, Any]]
    found: Survey
    trained: TrainedFor
    camera: Camera | None = None
    image: Image | None = None
    image_nm: float = 0.0
    look: StackLook | None = None
    simulated: Image | None = None
    resolution: RingCorrelation | None = None
    drift: DriftCurve | None = None
    steps: tuple[Step, ...] = ()
    corrected: DriftCurve | None = None
    image_name: str = "reconstruction"
    repeats: Repeats | None = None
    residuals: ResidualPicture | None = None


def reconstruction_page(run: Run) -> Page:
    """Compose a report."""
    results = run.record.get("results", {})
    said = suspicions(run.found, run.trained, run.drift, run.look)
    said += [] if run.repeats is None else run.repeats.warnings()
    if results.get("dead_frames"):
        said.append(f"{counted(len(results['dead_frames']), 'frame')} without any measurement.")
    if results.get("complete") is False:
        said.append("The reconstruction was stopped early: frames are missing at the end.")
    spoken = [*results.get("notes", ()), *(line for step in run.steps for line in step.said)]
    said += [line.removeprefix("Warning: ") for line in spoken if line.startswith("Warning: ")]
    frames = run.found.per_frame.size
    return Page(
        title=f"Reconstruction of {run.name}",
        subtitle=f"{counted(run.found.rows, 'localization', ',')} in "
        f"{counted(frames, 'frame', ',')}",
        suspicions=tuple(said),
        sections=(
            Section("What came out", (), _results(run), tuple(_pictures(run))),
            Section("Localizations", _sample_note(run), (), tuple(_distributions(run))),
            Section("Resolution", *_resolution(run)),
            Section("Does the model fit the frames?", *_frames(run)),
            Section("PSF and background", (), (), tuple(_light(run))),
            Section("What was done afterwards", (), _steps(run), tuple(_corrected(run))),
            Section("What went in", (), _inputs(run)),
            Section("Camera and molecules of the model", (), _model(run)),
            Section("Settings", (), rows_in(run.record.get("reconstruction", {}))),
            Section("Time and speed", (), _timings(run)),
            Section("Versions", (), rows_in(run.record.get("versions", {}))),
        ),
    )


def _results(run: Run) -> Rows:
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
        rows.append(("very bright things", shown(results["bright_things"])))
    return (*rows, *(("note", note) for note in results.get("notes", ())))


def _pictures(run: Run) -> Iterator[tuple[str, Figure]]:
    wide = None if run.look is None else run.look.mean
    camera_nm = run.camera.pixel_size_nm if run.camera is not None else None
    if wide is not None and camera_nm is None:
        camera_nm = run.look.pixel_size_nm if run.look is not None else None
        wide = wide if camera_nm else None
    if wide is None and run.image is None:
        return
    names = [n for n, p in (("wide field", wide), (run.image_name, run.image)) if p is not None]
    figure = beside_wide_field(run.image, run.image_nm, wide, camera_nm or 1.0, run.image_name)
    caption = " and ".join(names)
    yield caption[:1].upper() + caption[1:], figure


def _sample_note(run: Run) -> tuple[str, ...]:
    if run.found.stride == 1:
        return ()
    return (
        f"Histograms, drift and resolution are of every {run.found.stride}th localization; the "
        "resolution of all of them is finer.",
    )


def _distributions(run: Run) -> Iterator[tuple[str, Figure]]:
    caption = "Localizations in each frame"
    if run.drift is not None:
        caption += (
            "; below: how far the structures seem to move (grey: how well that is known, "
            f"± {run.drift.error_nm:.2g} nm)"
        )
    if run.found.per_frame.size > 1:
        yield caption, per_frame_curve(run.found, run.drift)
    histograms = column_histograms(run.found, run.trained)
    if histograms is not None:
        yield "What the localizations are like; orange: what the model expects", histograms
    depths = depths_figure(run.found)
    if depths is not None:
        yield "Depths: how many, seen from the side, and how well they are known", depths


def _resolution(run: Run) -> tuple[tuple[str, ...], Rows, tuple[tuple[str, Figure], ...]]:
    if run.resolution is None:
        return (), (), ()
    caption = (
        "Fourier ring correlation of every other block of frames; molecules that are seen in both "
        "halves make it finer than the structures that are resolved"
    )
    return (), (), ((caption, resolution_curve(run.resolution)),)


def _frames(run: Run) -> tuple[tuple[str, ...], Rows, tuple[tuple[str, Figure], ...]]:
    """Say whether the model fits, and show simulated frames above real ones, and residuals."""
    verdict = run.record.get("results", {}).get("fits", {}).get("verdict", ())
    said = tuple(f"{line[:1].upper()}{line[1:]}." for line in verdict if line != "fits")
    if verdict and not said:
        said = ("The frames fit camera, PSF and density.",)
    return said, (), tuple(_beside_simulation(run))


def _beside_simulation(run: Run) -> Iterator[tuple[str, Figure]]:
    if run.simulated is not None and run.camera is not None:
        real = None if run.look is None else _like(run.look.examples, run.simulated)
        figure = example_frames(run.simulated, real, run.camera.pixel_size_nm)
        caption = "A frame of the simulation that the model was trained for"
        if real is not None:
            caption = (
                "Frames of the simulation that the model was trained for, frames of the stack, "
                "and how often each pixel value occurs in them. Where emitters lie differs; their "
                "brightness, their width and the background should not"
            )
        yield caption, figure
    if run.residuals is not None and run.camera is not None:
        caption = (
            "Of the frames that were looked at, the one that fits worst: as it is, as emitters and "
            "a smooth background explain it, and the difference over its expected standard "
            "deviation (the region that fits worst in a frame)"
        )
        if run.residuals.common is not None:
            caption += (
                "; right: the mean of what is left around emitters that stand alone, as a share of "
                "their brightest pixel, without a pattern where the PSF is right"
            )
        yield caption, residuals_figure(run.residuals, run.camera.pixel_size_nm)


def _light(run: Run) -> Iterator[tuple[str, Figure]]:
    """Draw the expected PSF, and the background that was found."""
    if run.trained.table is not None:
        caption = "The PSF that was expected, beside the Gaussian that fits it best"
        yield caption, psf_beside_gaussian(run.trained.table)
    figure = background_map(run.found)
    if figure is not None:
        yield "The background at the localizations, median in each cell", figure


def _like(frames: Image, simulated: Image) -> Image:
    """Crop the middle of frames to the size of the simulated ones."""
    height, width = simulated.shape[1:]
    top, left = (
        max(0, (a - b) // 2) for a, b in zip(frames.shape[1:], (height, width), strict=True)
    )
    return frames[:, top : top + height, left : left + width]


def _steps(run: Run) -> Rows:
    rows = []
    for before, step in zip(run.steps, run.steps[1:], strict=False):
        removed = before.rows - step.rows
        share = removed / before.rows if before.rows else 0.0
        done = f"{step.verb}: " if step.verb else ""
        fewer = f"{removed:,} fewer than before ({share:.1%})" if removed else "as many as before"
        rows.append((step.name, f"{done}{counted(step.rows, 'row', ',')}, {fewer}"))
        rows += [("", line) for line in step.said if not line.startswith("Warning: ")]
    return tuple(rows)


@styled
def _corrected(run: Run) -> Iterator[tuple[str, Figure]]:
    if run.corrected is not None:
        figure = new_figure(150, 60)
        draw_drift(figure.subplots(), run.corrected)
        yield "Drift that was taken out", figure


def _inputs(run: Run) -> Rows:
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


def _model(run: Run) -> Rows:
    trained = run.trained
    return (
        *rows_of(run.camera, "camera:"),
        *rows_of(trained.psf, "PSF:"),
        *rows_of(trained.emitters, "emitters:"),
        *rows_of(trained.background, "background:"),
    )


def _timings(run: Run) -> Rows:
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


def simulated_size(shape: tuple[int, ...], largest: int = 96) -> tuple[int, int]:
    """Return height and width of a simulated frame shown beside a real one."""
    height, width = (int(np.clip(edge, 4, largest)) for edge in shape[-2:])
    return height, width
