"""How well `calibrate-psf` knows a PSF: simulated beads at unknown places.

    python benchmarks/bead_calibration.py --beads 50 --seed 1

Prints the relative RMS error of the PSF between -500 and 500 nm, and the bias along x, y and z of
emitters that are localized with it.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import deep_storm as ds
from deep_storm.psf.drawing import add_table_emitters
from deep_storm.psf.elliptical import at_focus
from deep_storm.psf.pupil import pupil_table
from deep_storm.psf.window import fill_table_window
from deep_storm.settings import Pupil
from deep_storm.simulation.noise import expose

CAMERA = ds.Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5, read_noise_adu=3.0)
STEP_NM, SCAN_NM, EDGE_PX = 20.0, 700.0, 420
PHOTONS, BACKGROUND = (2_000.0, 20_000.0), 10.0
DEPTHS_NM = np.arange(-500.0, 501.0, 50.0)
PUPILS = {
    "astigmatic, NA 1.2": Pupil(numerical_aperture=1.2, wavelength_nm=670, astigmatism_waves=0.1),
    "astigmatic with coma and spherical, NA 1.4": Pupil(
        numerical_aperture=1.4, wavelength_nm=670, astigmatism_waves=0.12, spherical_waves=0.04,
        horizontal_coma_waves=0.03,
    ),
    "without astigmatism, NA 1.4": Pupil(numerical_aperture=1.4, wavelength_nm=670),
}  # fmt: skip


def z_stack(table, beads, rng, tilt_nm):
    """Return a stack of beads at places nobody knows."""
    side = int(np.ceil(np.sqrt(beads)))
    grid = np.linspace(30.0, EDGE_PX - 30.0, side)
    x, y = (a.ravel()[:beads] + rng.uniform(-1.0, 1.0, beads) for a in np.meshgrid(grid, grid))
    photons = np.exp(rng.uniform(*np.log(PHOTONS), beads))
    own_nm = rng.normal(0.0, 30.0, beads) + tilt_nm * (x / EDGE_PX - 0.5)
    depths = np.arange(-SCAN_NM, SCAN_NM + 1.0, STEP_NM)
    expected = np.full((len(depths), EDGE_PX, EDGE_PX), BACKGROUND, np.float32)
    for frame, depth in enumerate(depths):
        add_table_emitters(
            expected, np.full(beads, frame), x, y, depth + own_nm, photons, table.coefficients,
            table.samples_per_px, table.radius_px, table.z0_nm, table.dz_nm,
        )  # fmt: skip
    return expose(expected, CAMERA, rng)


def shape_error(found, true):
    """Return the relative RMS difference over depth at the best scale."""
    reach = min(found.radius_px, true.radius_px) * found.samples_per_px

    def planes(table):
        middle = table.values.shape[1] // 2
        part = slice(middle - reach, middle + reach + 1)
        return np.stack([table.plane(z)[part, part] for z in DEPTHS_NM])

    seen, wanted = planes(found), planes(true)
    scale = np.sum(seen * wanted) / np.sum(seen**2)
    return np.linalg.norm(scale * seen - wanted) / np.linalg.norm(wanted)


def light(table, edge, x, y, z):
    """Return the light of a photon and its slopes by x, y (per px) and z (per nm)."""
    window = np.empty((4, edge, edge))
    fill_table_window(
        0, 0, edge, edge, x, y, z, table.coefficients, table.samples_per_px, table.radius_px,
        table.z0_nm, table.dz_nm, window,
    )  # fmt: skip
    return window


def bias(found, true):
    """Return x, y, z of what a fit with one PSF makes of emitters of another, less the truth."""
    edge, photons, background = 2 * min(found.radius_px, true.radius_px) - 1, 2000.0, 10.0
    rng, errors = np.random.default_rng(3), []
    for depth in DEPTHS_NM:
        for _ in range(4):
            place = np.array([*(edge / 2 + rng.uniform(-0.5, 0.5, 2)), depth])
            seen = photons * np.maximum(light(true, edge, *place)[0], 0.0) + background
            at = np.array([*place, photons, background])
            for _ in range(12):
                window = light(found, edge, *at[:3])
                mean = np.maximum(at[3] * window[0] + at[4], 0.1)
                slopes = np.stack([*(at[3] * window[1:]), window[0], np.ones_like(mean)])
                slopes = slopes.reshape(5, -1)
                weighted = slopes / mean.ravel()
                at += np.linalg.solve(weighted @ slopes.T, weighted @ (seen - mean).ravel())
            errors.append((at[:3] - place) * (100.0, 100.0, 1.0))
    return np.array(errors).reshape(len(DEPTHS_NM), -1, 3).mean(axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--beads", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    for tilt_nm in (0.0, 300.0):
        for name, pupil in PUPILS.items():
            rng = np.random.default_rng(chosen.seed)
            true = at_focus(pupil_table(pupil, 100.0, np.linspace(-1200.0, 1200.0, 49)))
            stack = z_stack(true, chosen.beads, rng, tilt_nm)
            begun = time.perf_counter()
            found = ds.calibrate_psf(stack, z_step_nm=STEP_NM, camera=CAMERA)
            seconds = time.perf_counter() - begun
            off = bias(found.table, true)
            worst = np.abs(off).max(axis=0)
            print(
                f"{name}, tilt {tilt_nm:.0f} nm: shape {shape_error(found.table, true):.3f} "
                f"(says {found.calibrated.uncertainty:.3f}), largest bias x {worst[0]:.1f}, "
                f"y {worst[1]:.1f}, z {worst[2]:.1f} nm; {found.calibrated.beads} beads, "
                f"{seconds:.0f} s"
            )


if __name__ == "__main__":
    main()
