"""The report of a reconstruction: inputs, results, and whether to trust them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.figure import Figure

from deep_storm.quality.suspicions import suspicions
from deep_storm.report.background import background_map
from deep_storm.report.depths import depths_figure
from deep_storm.report.judging import resolution_curve
from deep_storm.report.localizations import (
    beside_wide_field,
    column_histograms,
    drift_curve,
    per_frame_curve,
)
from deep_storm.report.page import Page, Section
from deep_storm.report.pictures import example_frames
from deep_storm.report.psf import psf_beside_gaussian
from deep_storm.report.residuals import residuals_figure
from deep_storm.report.run import Image, Run
from deep_storm.report.run_numbers import (
    inputs_rows,
    model_rows,
    results_rows,
    steps_rows,
    timings_rows,
)
from deep_storm.report.words import Rows, rows_in
from deep_storm.words import WARNING, counted

MAX_SIMULATED_PX = 96
"""Edge of a simulated frame beside a real one."""


def reconstruction_page(run: Run) -> Page:
    """Compose a report."""
    results = run.record.get("results", {})
    said = [*_misfits(run), *suspicions(run.found, run.trained, run.drift, run.look)]
    said += [] if run.repeats is None else run.repeats.warnings()
    if results.get("dead_frames"):
        said.append(
            f"{counted(len(results['dead_frames']), 'frame')} without any usable pixel value."
        )
    if results.get("complete") is False:
        said.append("The reconstruction was stopped early: frames are missing at the end.")
    spoken = [*results.get("notes", ()), *(line for step in run.steps for line in step.said)]
    said += [line.removeprefix(WARNING) for line in spoken if line.startswith(WARNING)]
    frames = run.found.per_frame.size
    return Page(
        title=f"Reconstruction of {run.name}",
        subtitle=f"{counted(run.found.rows, 'localization', ',')} in "
        f"{counted(frames, 'frame', ',')}",
        suspicions=tuple(said),
        sections=(
            Section("What came out", (), results_rows(run), tuple(_pictures(run))),
            Section("Localizations", _sample_note(run), (), tuple(_distributions(run))),
            Section("Resolution", *_resolution(run)),
            Section("Does the model fit the frames?", *_frames(run)),
            Section("PSF and background", (), (), tuple(_light(run))),
            Section("What was done afterwards", (), steps_rows(run), tuple(_corrected(run))),
            Section("What went in", (), inputs_rows(run)),
            Section("Camera and molecules of the model", (), model_rows(run)),
            Section("Settings", (), rows_in(run.record.get("reconstruction", {}))),
            Section("Time and speed", (), timings_rows(run)),
            Section("Versions", (), rows_in(run.record.get("versions", {}))),
        ),
    )


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
    said = _misfits(run)
    if _verdict(run) and not said:
        said = ("The frames fit camera, PSF and density.",)
    return said, (), tuple(_beside_simulation(run))


def _misfits(run: Run) -> tuple[str, ...]:
    """Return what does not fit, in sentences."""
    return tuple(f"{line[:1].upper()}{line[1:]}." for line in _verdict(run) if line != "fits")


def _verdict(run: Run) -> Sequence[str]:
    verdict: Sequence[str] = run.record.get("results", {}).get("fits", {}).get("verdict", ())
    return verdict


def _beside_simulation(run: Run) -> Iterator[tuple[str, Figure]]:
    if run.simulated is not None and run.camera is not None:
        real = None if run.look is None else _like(run.look.examples, run.simulated)
        figure = example_frames(run.simulated, real, run.camera.pixel_size_nm)
        caption = "A frame of the simulation that the model was trained for"
        if real is not None:
            caption = (
                "Frames of the simulation that the model was trained for, frames of the stack, and "
                "how often each pixel value occurs in them. The places of emitters differ; their "
                "brightness, their width and the background should not"
            )
        yield caption, figure
    if run.residuals is not None and run.camera is not None:
        caption = (
            "Of the frames that were examined, the one that fits worst: as it is, as emitters and "
            "a smooth background explain it, and the difference over its expected standard "
            "deviation (the region that fits worst in a frame)"
        )
        if run.residuals.common is not None:
            caption += (
                "; right: the mean of what is left around isolated emitters, as a share of "
                "their brightest pixel, without a pattern if the PSF is right"
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


def _corrected(run: Run) -> Iterator[tuple[str, Figure]]:
    if run.corrected is not None:
        yield "Drift that was corrected", drift_curve(run.corrected)


def simulated_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return height and width of a simulated frame shown beside a real one."""
    height, width = (int(np.clip(edge, 4, MAX_SIMULATED_PX)) for edge in shape[-2:])
    return height, width
