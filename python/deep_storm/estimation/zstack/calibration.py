"""From z-stacks of beads to a PSF over depth."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.errors import PsfError
from deep_storm.estimation.psf.width import guess_sigma_px
from deep_storm.estimation.zstack.alignment import Shift, align
from deep_storm.estimation.zstack.finish import PER_NM, Calibration, finished
from deep_storm.estimation.zstack.fit import (
    MAX_OFF_PX,
    BeadFit,
    Image,
    difference,
    fit_bead,
    images,
    seen_light,
    solve_psf,
)
from deep_storm.estimation.zstack.grid import Grid
from deep_storm.estimation.zstack.result import CalibratedPsf
from deep_storm.estimation.zstack.scan import check_scan
from deep_storm.estimation.zstack.selection import SPARE_PX, Bead, Selection, select_beads
from deep_storm.estimation.zstack.smoothness import Smoothness
from deep_storm.estimation.zstack.stacks import ZStack, read_stack
from deep_storm.io.stacks.frames import select_frames
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent
from deep_storm.psf.fitting import fit_gaussian
from deep_storm.robust import robust_std
from deep_storm.settings import PsfCalibration

FloatArray = npt.NDArray[np.float64]

MIN_BEADS = 3
"""Fewer do not tell what is the PSF and what is one bead."""
INSTEAD = {
    "saturated": "expose for a shorter time",
    "too close to another bead": "dilute the beads, or give a smaller window (--radius-um)",
    "too close to the border": "take a larger field, or give a smaller window (--radius-um)",
    "not like the others": "give more stacks at once",
}
"""What to do where beads are left out."""
KNOTS_NM = (90.0, 150.0)
"""Distance of knots along z: that of the planes, within these bounds."""
COVERED_BY = 0.5
"""Depths are calibrated that so many of the beads were seen at."""
MIN_RANGE_NM = 200.0
WIDE_SIGMA_PX = 1.4
"""From this sigma in focus on a knot per pixel is enough; below, there are two."""
ROUNDS, FIRST_ROUNDS = 10, 2
STANDS = 2e-3
NOT_ALIKE, OUTLIER = 0.15, 5.0
"""A bead that differs by more than this share, and by so many deviations more than others do, is
none of them."""
EDGE_SHARE = 0.8
"""From this share of half the window on, pixels show the background of a bead."""


@dataclass(frozen=True)
class _Aligned:
    """Beads in their windows, and the sigma of the PSF in focus."""

    beads: list[BeadFit]
    sigma_px: float


def calibrate(
    streams: Sequence[FrameStream],
    camera: Camera,
    settings: PsfCalibration,
    progress: Progress = silent,
) -> CalibratedPsf:
    """Measure the PSF over depth on z-stacks of beads.

    Parameters
    ----------
    streams
        Z-stacks in ADU, a frame per plane.
    camera
        Their camera.
    settings
        Distance of the planes, and what else is known.
    progress
        Called with the share that is done; cancels by raising.

    Raises
    ------
    PsfError
        The frames are no z-stack, there are too few beads, or they are too close, saturated or not
        alike.
    StackError, SettingsError
        A stack cannot be read, or the frames to use do not exist.
    """
    backwards = settings.z_step_nm < 0
    stacks = [
        read_stack(stream, select_frames(stream, settings.frames), camera, backwards)
        for stream in streams
    ]
    total = ROUNDS + 2
    progress(0, total, "finding beads")
    reach_px = None
    if settings.radius_um is not None:
        reach_px = max(math.ceil(settings.radius_um * 1000.0 / camera.pixel_size_nm), 3)
    selection = select_beads(stacks, reach_px)
    _check_count(selection, len(selection.beads))
    check_scan(stacks, selection.beads, selection.reach_px)
    aligned = _aligned(stacks, selection, abs(settings.z_step_nm))
    grid = _grid(aligned, selection.reach_px, abs(settings.z_step_nm))
    fit = _fitted(aligned, grid, selection, progress)
    progress(total - 1, total, "measuring the PSF")
    return finished(fit, stacks, selection, camera, settings)


def _check_count(selection: Selection, usable: int) -> None:
    """Refuse to go on with too few beads.

    Raises
    ------
    PsfError
        There are too few.
    """
    if usable >= MIN_BEADS:
        return
    reasons = [f"{count} {why}" for why, count in selection.left_out.items() if count]
    reasons += [f"{usable} usable"] if usable and reasons else []
    count = "1 bead" if selection.found == 1 else f"{selection.found} beads"
    raise PsfError(
        count + (f": {', '.join(reasons)}" if reasons else ""),
        f"at least {MIN_BEADS} beads that are alike, isolated and not saturated",
        "; ".join(do for why, do in INSTEAD.items() if selection.left_out[why])
        or "give more stacks at once",
    )


def _aligned(stacks: list[ZStack], selection: Selection, step_nm: float) -> _Aligned:
    """Cut out the beads, each where it lies, and say how deep it is."""
    reach = selection.reach_px
    first = [_cut(stacks[b.stack], b, reach) for b in selection.beads]
    shifts = align([light - _level(light) for light in first])
    beads = [
        _placed(stacks[bead.stack], selection.around[bead.stack], bead, shift, reach, step_nm)
        for bead, shift in zip(selection.beads, shifts, strict=True)
    ]
    focus_nm, sigma_px = _focus(beads)
    return _Aligned([_deeper(bead, -focus_nm) for bead in beads], sigma_px)


def _placed(
    stack: ZStack, field: FloatArray | None, bead: Bead, shift: Shift, reach: int, step_nm: float
) -> BeadFit:
    """Cut out a bead where it was found to lie."""
    down, across = (int(np.clip(round(by), -SPARE_PX, SPARE_PX)) for by in (shift.y, shift.x))
    there = Bead(bead.stack, bead.row + down, bead.column + across)
    photons, variance = _cut(stack, there, reach), stack.variance[_window(there, reach)]
    level = _level(photons)
    light = max(float(np.median((photons - level).sum(axis=(1, 2)))), 1.0)
    off = np.clip([shift.x - across, shift.y - down], -MAX_OFF_PX, MAX_OFF_PX)
    at = np.array([*off, -shift.z * step_nm, math.log(light), 0.0, level])
    plane_nm = step_nm * np.arange(len(photons), dtype=np.float64)
    around = None if field is None else float(field[there.row, there.column])
    return BeadFit(photons, variance, stack.excess, plane_nm, at, around)


def _cut(stack: ZStack, bead: Bead, reach: int) -> FloatArray:
    """Return a bead's planes, with its background as even as it is in the middle."""
    rows, columns = _window(bead, reach)
    uneven = stack.background[rows, columns] - stack.background[bead.row, bead.column]
    return stack.photons[:, rows, columns] - uneven


def _window(bead: Bead, reach: int) -> tuple[slice, slice]:
    rows, columns = (slice(at - reach, at + reach + 1) for at in (bead.row, bead.column))
    return rows, columns


def _level(photons: FloatArray) -> float:
    reach = photons.shape[1] // 2
    offset = np.arange(-reach, reach + 1)
    far = np.hypot(*np.meshgrid(offset, offset)) > EDGE_SHARE * reach
    return float(np.median(photons[:, far]))


def _deeper(bead: BeadFit, by_nm: float) -> BeadFit:
    at = bead.at.copy()
    at[2] += by_nm
    return replace(bead, at=at)


def _focus(beads: list[BeadFit]) -> tuple[float, float]:
    """Return where beads are sharpest, and the sigma there in px.

    Of a PSF of several spots, the sigma is that of a spot.
    """
    depths, sigmas = [], []
    for bead in beads:
        fits = [fit_gaussian(plane - bead.at[5], 1).sigma_px for plane in bead.photons]
        smooth = np.convolve(np.pad(fits, 2, mode="edge"), np.ones(5) / 5, mode="valid")
        k = int(np.argmin(smooth))
        depths.append(float(bead.depths_nm[k]))
        spot = guess_sigma_px(bead.photons[max(k - 1, 0) : k + 2] - bead.at[5])
        sigmas.append(min(float(smooth[k]), spot or np.inf))
    return float(np.median(depths)), float(np.clip(np.median(sigmas), 0.5, 4.0))


def _grid(aligned: _Aligned, reach_px: int, step_nm: float) -> Grid:
    """Choose knots that cover the depths at which enough beads were seen.

    Raises
    ------
    PsfError
        There are hardly any.
    """
    first = np.sort([bead.depths_nm[0] for bead in aligned.beads])
    last = np.sort([bead.depths_nm[-1] for bead in aligned.beads])[::-1]
    needed = max(MIN_BEADS, math.ceil(COVERED_BY * len(first))) - 1
    low, high = float(first[needed]), float(last[needed])
    if high - low < MIN_RANGE_NM:
        raise PsfError(
            f"the beads are seen together over {max(high - low, 0):.0f} nm of depth",
            f"at least {MIN_RANGE_NM:.0f} nm",
            "scan a wider range, or correct --z-step-nm",
        )
    distance = float(np.clip(step_nm, *KNOTS_NM))
    planes = max(math.ceil((high - low) / distance), 4) + 1
    knots = 1 if aligned.sigma_px >= WIDE_SIGMA_PX else 2
    finest = math.floor((high - low) / (planes - 1) * PER_NM) / PER_NM
    return Grid(reach_px, knots, low, finest, planes)


def _fitted(aligned: _Aligned, grid: Grid, selection: Selection, progress: Progress) -> Calibration:
    """Fit PSF and beads in turns, and leave out beads that are not like the others."""
    beads, sigma_px = aligned.beads, aligned.sigma_px
    coefficients = _start(beads, grid)
    for k in range(ROUNDS):
        progress(1 + k, ROUNDS + 2, "measuring the PSF")
        smooth = Smoothness(coefficients, sigma_px, grid.knots, grid.dz_nm)
        weights = [image.weight for image in images(beads, coefficients, grid)]
        before = coefficients
        coefficients = solve_psf(beads, seen_light(beads), weights, grid, smooth, before)
        beads = [fit_bead(bead, coefficients, grid) for bead in beads]
        if k + 1 == FIRST_ROUNDS:
            beads = _alike(beads, coefficients, grid, selection.left_out)
            _check_count(selection, len(beads))
        change = np.linalg.norm(coefficients - before) / np.linalg.norm(coefficients)
        if k >= FIRST_ROUNDS and change < STANDS:
            break
    weights = [image.weight for image in images(beads, coefficients, grid)]
    return Calibration(beads, coefficients, grid, smooth, weights, sigma_px)


def _start(beads: list[BeadFit], grid: Grid) -> FloatArray:
    """Return about the PSF: the beads as they are aligned, all pixels trusted alike."""
    weights = []
    for bead in beads:
        taps = grid.along(bead.depths_nm).weights
        covered = np.any(taps != 0.0, axis=1, keepdims=True)[..., None]
        noise = bead.excess * np.maximum(bead.photons, bead.at[5]) + bead.read_variance
        weights.append(covered / np.maximum(noise + (0.1 * (bead.photons - bead.at[5])) ** 2, 1e-3))
    flat = Smoothness(np.full(grid.shape, 1e-2), 1.0, grid.knots, grid.dz_nm)
    return solve_psf(beads, seen_light(beads), weights, grid, flat)


def _alike(
    beads: list[BeadFit], coefficients: FloatArray, grid: Grid, left_out: Counter[str]
) -> list[BeadFit]:
    """Return the beads that are like the others, and count those that are not."""
    off = np.array([difference(b, Image.of(b, coefficients, grid)) for b in beads])
    alike = off <= max(NOT_ALIKE, float(np.median(off)) + OUTLIER * robust_std(off))
    left_out["not like the others"] += int((~alike).sum())
    return [bead for bead, same in zip(beads, alike, strict=True) if same]
