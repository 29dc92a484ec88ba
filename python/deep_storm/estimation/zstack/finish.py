"""From a finished fit to a PSF table, and how well it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.errors import PsfError
from deep_storm.estimation.psf.spline import TAIL, light_beyond
from deep_storm.estimation.zstack.fit import (
    BeadFit,
    Image,
    chi2,
    difference,
    images,
    solve_psf,
)
from deep_storm.estimation.zstack.grid import Grid
from deep_storm.estimation.zstack.level import combined, seen_level
from deep_storm.estimation.zstack.result import CalibratedPsf, Leftover
from deep_storm.estimation.zstack.selection import Selection
from deep_storm.estimation.zstack.smoothness import Smoothness
from deep_storm.estimation.zstack.stacks import ZStack
from deep_storm.psf.elliptical import (
    MIN_NEAR,
    WITHIN,
    Widths,
    at_focus,
    fitted_widths,
    is_one_spot,
)
from deep_storm.psf.fitting import offsets_px
from deep_storm.psf.precision import Precision, cramer_rao
from deep_storm.psf.table import SAMPLES_PER_PX, PsfTable
from deep_storm.settings import PsfCalibration

FloatArray = npt.NDArray[np.float64]

SYSTEMATIC = 0.01
"""Relative RMS error that stays however many beads there are."""
PER_NM = 8
"""Depths are multiples of a part of a nm that is a binary number: they are the same in a file."""
MAX_UNCERTAINTY = 0.15
"""A shape that is known worse than this is refused."""
TAIL_SHARE = 0.8
"""From this share of the window's radius on, light is compared with a perfect lens's tails."""
NEAR_FOCUS = 0.25
"""Share of the planes, around the focus, where that is done."""
MAX_OPTICAL_FALL = 0.4
"""A larger fall of brightness from the first to the last plane is bleaching, or the lamp's drift;
a smaller one may be light that aberrations send out of the window on one side of the focus."""
MIN_EACH_SIDE = 0.25
"""Share of the depths on either side of the focus from which on the two can be compared."""
LEAST_LIGHT = 0.05
"""Share of the places far out at which a PSF of several spots has no light."""
MIN_TILT_NM = 150.0
"""So is a stage of which the ends of the field are so far apart in depth."""
MIN_TILTED = 5
NEAR_END_NM = 200.0
"""A focus so close to the first or last plane is hardly seen."""
USUAL_NM, MAX_FACTOR = 700.0, 3.5
"""Light of about this wavelength is focused; what differs by more than this factor is no light."""
INDEX = 1.45
DARKEST = -0.01
"""Share of the peak; what noise makes of dark places is not darker."""
SHOWN_DEPTHS = 5
SEED = 1


@dataclass(frozen=True)
class Calibration:
    """A finished fit.

    Attributes
    ----------
    beads
        The beads that were used.
    coefficients
        Of the PSF.
    grid, smooth
        Its knots and smoothness.
    weights
        1 over the variance of each bead's pixels.
    sigma_px
        About the sigma in focus.
    """

    beads: list[BeadFit]
    coefficients: FloatArray
    grid: Grid
    smooth: Smoothness
    weights: list[FloatArray]
    sigma_px: float


def finished(
    fit: Calibration,
    stacks: list[ZStack],
    selection: Selection,
    camera: Camera,
    settings: PsfCalibration,
) -> CalibratedPsf:
    """Make the PSF table of a fit, and say how well it is known.

    Raises
    ------
    PsfError
        It is not known well enough.
    """
    seen = list(images(fit.beads, fit.coefficients, fit.grid))
    differences = [difference(b, image) for b, image in zip(fit.beads, seen, strict=True)]
    noise = _noise(fit, seen)
    usual = float(np.median(differences))
    uncertainty = math.hypot(noise, SYSTEMATIC, usual / math.sqrt(len(fit.beads)))
    if not uncertainty <= MAX_UNCERTAINTY:
        raise PsfError(
            f"{len(fit.beads)} beads determine the PSF only to within {uncertainty:.0%}",
            f"beads bright enough for {MAX_UNCERTAINTY:.0%}",
            "give more stacks at once, or expose for longer",
        )
    table, fall = _table(fit, camera.pixel_size_nm, uncertainty)
    widths = fitted_widths(table)
    light = np.concatenate([b.light.ravel() for b in fit.beads])
    low, middle, high = (float(v) for v in np.quantile(light, [0.0, 0.5, 1.0]))
    return CalibratedPsf(
        table=table,
        noise=noise,
        beads=len(fit.beads),
        found=selection.found,
        left_out=dict(selection.left_out),
        stacks=len(stacks),
        planes=max(len(stack.photons) for stack in stacks),
        photons=(low, middle, high),
        background=float(np.mean([b.at[5] for b in fit.beads])),
        chi2=float(np.mean([chi2(b, i) for b, i in zip(fit.beads, seen, strict=True)])),
        difference=usual,
        widths=widths,
        precision=_precision(table, stacks, camera, settings),
        intensity_photon=settings.intensity_photon,
        background_photon=settings.background_photon,
        notes=_notes(fit, fall, table, widths),
        left_over=_left_over(fit, seen),
    )


def _precision(
    table: PsfTable, stacks: list[ZStack], camera: Camera, settings: PsfCalibration
) -> Precision:
    """Return the limit of precision at the table's depths and halfway between them."""
    z_nm = np.linspace(table.z_nm[0], table.z_nm[-1], 2 * len(table.z_nm) - 1)
    electrons, background = (
        photons * camera.quantum_efficiency
        for photons in (settings.intensity_photon, settings.background_photon)
    )
    read_noise = math.sqrt(float(np.mean([stack.variance.mean() for stack in stacks])))
    return cramer_rao(table, z_nm, electrons, background, read_noise, stacks[0].excess)


def _table(fit: Calibration, pixel_size_nm: float, uncertainty: float) -> tuple[PsfTable, float]:
    """Return the PSF with all its light and its focus and centre at 0; and :func:`_fall`."""
    grid, values = fit.grid, fit.grid.values(fit.coefficients, SAMPLES_PER_PX)
    offset = offsets_px(values.shape[1], SAMPLES_PER_PX)
    distance = np.hypot(offset[:, None], offset)
    ring = (distance > TAIL_SHARE * grid.reach_px) & (distance <= grid.reach_px)
    middle = int(np.argmin(np.abs(grid.depths_nm)))
    reach = max(round(0.5 * NEAR_FOCUS * grid.planes), 1)
    near = values[max(middle - reach, 0) : middle + reach + 1]
    weights = np.ones(values.shape[1])
    weights[[0, -1]] = 0.5
    # Background and tails look alike: what is far out in focus is about that of a perfect lens.
    tail = TAIL * fit.sigma_px * float(np.mean(distance[ring] ** -3.0))
    beyond = light_beyond(fit.sigma_px, grid.reach_px)
    area, level = float(np.sum(weights)) ** 2, float(np.mean(near[:, ring]))
    share = float(np.mean(weights @ near @ weights))
    # level·k + shift = tail and share·k + area·shift = (1 − beyond)·samples²; or shift = lacking·k
    whole = SAMPLES_PER_PX**2
    if is_one_spot(values[middle] - level, SAMPLES_PER_PX):
        scale = ((1.0 - beyond) * whole - area * tail) / (share - area * level)
        usual = tail / scale
        lacking = combined(seen_level(fit.beads), usual - level, usual)
        scale = (1.0 - beyond) * whole / (share + area * lacking)
    else:
        # What is far out is light of the mask, about which theory says little: where there is
        # least of it, there is none.
        lacking = -float(np.quantile(near.mean(axis=0)[ring], LEAST_LIGHT))
        scale = whole / (share + area * lacking)
    values = scale * (values + lacking)
    fall = _fall(weights @ values @ weights, grid)
    if abs(fall) > MAX_OPTICAL_FALL:
        part = (grid.depths_nm - grid.z0_nm) / (grid.dz_nm * (grid.planes - 1)) - 0.5
        values *= np.exp(fall * part)[:, None, None]
    values = np.maximum(values, DARKEST * values.max())
    most = float((weights @ values @ weights).max()) / SAMPLES_PER_PX**2
    table = PsfTable(
        (values / max(most, 1.0)).astype(np.float32),
        grid.depths_nm,
        pixel_size_nm,
        SAMPLES_PER_PX,
        "beads",
        uncertainty,
    )
    table = at_focus(table)
    z0_nm = round(table.z0_nm * PER_NM) / PER_NM
    return replace(table, z_nm=replace(grid, z0_nm=z0_nm).depths_nm), fall


def _fall(light: FloatArray, grid: Grid) -> float:
    """Return by how much (logarithm) light falls from the first plane to the last.

    Light that leaves the window with depth leaves it on both sides of the focus, about alike. 0
    where not enough of both sides was seen.
    """
    z_nm = grid.depths_nm
    reach = max(min(-z_nm[0], z_nm[-1]), 2 * grid.dz_nm)
    if reach < MIN_EACH_SIDE * (z_nm[-1] - z_nm[0]) or light.min() <= 0:
        return 0.0
    near = np.abs(z_nm) <= reach
    curve = np.polynomial.Polynomial.fit(z_nm[near], np.log(light[near]), 2).convert()
    slope = float(curve.coef[1]) if curve.coef.size > 1 else 0.0
    return -slope * float(z_nm[-1] - z_nm[0])


def _noise(fit: Calibration, seen: list[Image]) -> float:
    """Return the relative RMS error of the PSF by noise: what the fit makes of noise alone."""
    rng = np.random.default_rng(SEED)
    noise = [rng.standard_normal(image.noise.shape) * np.sqrt(image.noise) for image in seen]
    made = solve_psf(fit.beads, noise, fit.weights, fit.grid, fit.smooth)
    of_noise = fit.grid.values(made, SAMPLES_PER_PX)
    own = fit.grid.values(fit.coefficients, SAMPLES_PER_PX)
    return float(np.linalg.norm(of_noise) / np.linalg.norm(own))


def _left_over(fit: Calibration, seen: list[Image]) -> Leftover:
    """Return the mean residuals near some depths, each bead by the share that it is off."""
    low, high = fit.grid.depths_nm[[0, -1]]
    edges = np.linspace(low, high, SHOWN_DEPTHS + 1)
    total = np.zeros((SHOWN_DEPTHS, fit.grid.window, fit.grid.window))
    weight = np.full((SHOWN_DEPTHS, 1, 1), 1e-12)
    for bead, image in zip(fit.beads, seen, strict=True):
        place = np.clip(np.searchsorted(edges, bead.depths_nm) - 1, 0, SHOWN_DEPTHS - 1)
        light = bead.light[:, 0, 0]
        for k, plane in enumerate(bead.photons - image.expected):
            if low <= bead.depths_nm[k] <= high:
                total[place[k]] += plane
                weight[place[k]] += light[k]
    return Leftover(0.5 * (edges[1:] + edges[:-1]), total / weight)


def _notes(fit: Calibration, fall: float, table: PsfTable, widths: Widths) -> tuple[str, ...]:
    """Say what else was found: bleaching, a tilted stage, a focus or a step that may be wrong."""
    notes = []
    if abs(fall) > MAX_OPTICAL_FALL:
        what = "lose" if fall > 0 else "gain"
        notes.append(
            f"The beads {what} {abs(1.0 - math.exp(-fall)):.0%} of their light during the scan; "
            "this is corrected for."
        )
    depths = np.array([bead.at[2] for bead in fit.beads])
    spread = float(np.ptp(depths))
    if len(depths) >= MIN_TILTED and spread > MIN_TILT_NM:
        notes.append(f"Beads lie up to {spread:.0f} nm apart in depth; this is corrected for.")
    before, behind = -table.z0_nm, float(table.z_nm[-1])
    if min(before, behind) < NEAR_END_NM:
        where = "begins" if before < behind else "ends"
        far_nm = max(min(before, behind), 0.0)
        notes.append(
            f"The scan {where} {far_nm:.0f} nm from the focus, so that where z = 0 lies is "
            "uncertain: scan from well below the focus to well above."
        )
    factor = _blur(widths) if is_one_spot(table.plane(0.0), table.samples_per_px) else 1.0
    if not 1.0 / MAX_FACTOR < factor < MAX_FACTOR:
        how = f"{factor:.0f} times faster" if factor > 1 else f"{1 / factor:.0f} times more slowly"
        notes.append(
            f"With depth the beads blur about {how} than their width in focus lets expect: check "
            "the distance of the planes (--z-step-nm)."
        )
    return tuple(notes)


def _blur(widths: Widths) -> float:
    """Return how fast widths grow with depth, over what light that is as narrow in focus does.

    A Gaussian beam spreads by λ / 4π n σ. 1 where its growth is not seen.
    """
    both = widths.x_nm**2 + widths.y_nm**2
    near = both <= WITHIN * both.min()
    if near.sum() < MIN_NEAR:
        return 1.0
    curve = np.polynomial.Polynomial.fit(widths.z_nm[near], both[near], 2).convert()
    bend = float(curve.coef[2]) if curve.coef.size > 2 else 0.0
    if bend <= 0:
        return 1.0
    narrowest = float(min(widths.x_nm.min(), widths.y_nm.min()))
    return 4.0 * math.pi * INDEX * narrowest * math.sqrt(0.5 * bend) / USUAL_NM
