"""How bright the molecules of a crowded movie are, matched by simulation."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.movie_psf import keeps_estimate
from deep_storm.estimation.screening.outliers import fill_odd_cells
from deep_storm.inference.repair import repair
from deep_storm.inputs.learnt import matched_brightness
from deep_storm.io.stacks.sampled import spread_frames
from deep_storm.model import Model
from deep_storm.settings import Device
from deep_storm.training.adaptation import outside
from deep_storm.training.session import Molecules

if TYPE_CHECKING:
    from deep_storm.estimation.result import Estimate
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.settings import Emitters

WINDOW_PX = 64
MAX_FRAMES = 100
MAX_BYTES = 256 << 20
"""Of the frames that are read."""
CROWDED = 0.5
CROWDED_ON_STRUCTURE = 0.15
"""Others within three sigma of a molecule, in the mean, from which on fits take two for one.

Below it a fit of 100 frames has photons within 2 %, which simulation does no better. On structures
molecules are closer than their mean density says, and how much closer varies.
"""
SHAPE_UNKNOWN = 0.1
"""Relative error of the photons where nobody knows whether the PSF is a Gaussian."""
REACH_SIGMAS = 3.0
EVERYWHERE = 0.75
"""Share of the field from which on one window is as dense as it is."""
TELLING = 0.03
"""A smaller change of the photons is not reported."""
GOLDEN = 0.6180339887498949
"""As in :mod:`deep_storm.inference.fits`: places that are spread evenly."""


def is_crowded(molecules: Molecules) -> bool:
    """Whether so many molecules overlap that fits find fewer and brighter ones."""
    emitters = molecules.emitters
    reach_um = REACH_SIGMAS * molecules.psf.sigma_nm / 1000.0
    within_um2 = math.pi * reach_um**2
    if emitters.filament_um_per_um2 > 0:  # the molecules of so much field share a piece that long
        within_um2 = max(within_um2, 2.0 * reach_um / emitters.filament_um_per_um2)
    limit = CROWDED if emitters.structure == "uniform" else CROWDED_ON_STRUCTURE
    return emitters.density_per_um2 * within_um2 > limit


def with_matched_brightness(
    model: Model,
    molecules: Molecules,
    stream: FrameStream,
    background_known: bool = False,
    estimated: float | None = None,
) -> tuple[Molecules, tuple[str, ...]]:
    """Return molecules as bright as simulation says that those of a crowded movie are.

    Parameters
    ----------
    model
        The general model.
    molecules
        As estimated from the movie.
    stream
        Its frames.
    background_known
        Whether the background stays as it is.
    estimated
        Relative error of the photons, where they are those of an estimate, not of a fit.

    Returns
    -------
    The molecules, and what should be said about it.
    """
    domain = model.card.domain
    if stream.grows or not is_crowded(molecules) or domain is None or outside(domain, molecules):
        return molecules, ()
    windows = _windows(stream, molecules, model.network.alignment_px)
    if not windows:
        return molecules, ()
    of_field = windows[0][0].size / math.prod(stream.shape[1:])
    everywhere = len(windows) == 1 and of_field >= EVERYWHERE
    learnt = matched_brightness(model, molecules, windows, background_known, estimated, everywhere)
    found = learnt.value
    if found is None:
        return molecules, ()
    said = (*_said(molecules.emitters, found.emitters), *learnt.said("Their brightness was"))
    return replace(molecules, emitters=found.emitters, background=found.background), said


def _said(before: Emitters, found: Emitters) -> tuple[str, ...]:
    change = found.intensity_photon / before.intensity_photon
    if abs(change - 1.0) < TELLING:
        return ()
    return (
        f"Molecules overlap: simulated frames look like these with {found.intensity_photon:.4g} "
        f"photons and {found.density_per_um2:.3g} per µm², which are used (found before: "
        f"{before.intensity_photon:.4g} and {before.density_per_um2:.3g})",
    )


def _windows(
    stream: FrameStream, molecules: Molecules, alignment_px: int
) -> list[npt.NDArray[np.float32]]:
    """Read windows of the field, photons ``(t, y, x)`` each, in frames all over the movie."""
    _, height, width = stream.shape
    size = min(WINDOW_PX, height, width)
    size -= size % alignment_px
    if size < WINDOW_PX // 2:
        return []
    places = 1 if min(height, width) < 2 * WINDOW_PX else 4
    corners = [
        (int((k + 0.5) / places * (height - size)), int((k + 1) * GOLDEN % 1.0 * (width - size)))
        for k in range(places)
    ]
    parts: list[list[npt.NDArray[np.float32]]] = [[] for _ in corners]
    for t in spread_frames(stream, MAX_FRAMES, MAX_BYTES):
        repaired = repair(stream.read(t, t + 1))
        if repaired.dead[0]:
            continue
        photons = molecules.camera.photons(repaired.adu)[0]
        for part, (top, left) in zip(parts, corners, strict=True):
            part.append(photons[top : top + size, left : left + size])
    windows = [np.stack(part) for part in parts] if parts[0] else []
    for window in windows:
        fill_odd_cells(window)
    return windows


def photons_error(estimate: Estimate, shape_known: bool) -> float:
    """Return the relative error of the photons of an estimate with a Gaussian.

    ``shape_known``: whether the PSF is one.
    """
    return math.hypot(estimate.photons_error, 0.0 if shape_known else SHAPE_UNKNOWN)


def with_brightness(estimate: Estimate, stream: FrameStream) -> Estimate:
    """Return an estimate with photons and density that simulation says of a crowded movie."""
    own, found = estimate.emitters, estimate.shape
    table = None if found is None or found.gaussian_will_do else found.matched_table
    parts = estimate.camera, estimate.psf, own, estimate.background, stream.noise, table
    molecules = Molecules(*parts, shape_known=found is not None)
    if not is_crowded(molecules):
        return estimate
    model = Model.load("general", device=Device())
    estimated = None
    if found is None or keeps_estimate(found, estimate):
        estimated = photons_error(estimate, shape_known=found is not None)
    changed, said = with_matched_brightness(model, molecules, stream, estimated=estimated)
    emitters, background = changed.emitters, changed.background
    if emitters is own:
        return estimate
    factors = {
        "photons": emitters.intensity_photon / own.intensity_photon,
        "density": emitters.density_per_um2 / own.density_per_um2,
        "background": background.background_photon / estimate.background.background_photon,
    }
    quantities = dict(estimate.quantities)
    for name, factor in factors.items():
        before = quantities[name]
        quantities[name] = replace(before, value=factor * before.value, error=factor * before.error)
    spread = emitters.intensity_std_photon
    quantities["photons"] = replace(quantities["photons"], spread=spread)
    changed_estimate = replace(
        estimate, emitters=emitters, background=background, quantities=quantities
    )
    return changed_estimate.with_notes(*said)
