"""How well the PSF is measured in frames as a microscope makes them, and how long that takes.

    python benchmarks/psf_measurement.py               # the sets of real_light.py, then simulation
    python benchmarks/psf_measurement.py --sets airy_d1.5 --no-simulation
    python benchmarks/psf_measurement.py --sets        # simulation alone

Nothing is given but the camera. "core-s" is processor time. Simulated movies have an aberrated PSF,
1,500 photons and a background of 20; in the densest ones molecules can hardly be told apart.
"error" is the relative RMS difference from the pupil's PSF in the
window of ± 1.2 µm after the best scale and shift, "said" the uncertainty that the measurement
states, "light" the share within the measured window over the true one. For emitters in depth the
truth is their mean PSF.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import numpy.typing as npt
from real_light import DATA, DEPTHS_NM, SETS, Light, camera_of
from scipy.ndimage import shift
from scipy.optimize import minimize

from deep_storm.errors import PsfError
from deep_storm.estimation.psf.movie import measure_movie
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.io.stacks.frames import open_frames
from deep_storm.psf.pupil import pupil_table
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Background, Emitters, Psf, Pupil, Simulation
from deep_storm.simulation.frames import simulate

FloatArray = npt.NDArray[np.float64]

LENS = {"numerical_aperture": 1.4, "wavelength_nm": 670.0, "immersion_index": 1.515}
WINDOW_PX, RADIUS_PX = 12, 20
SIMULATED = (
    (60, 64, 0.5), (60, 64, 2.0), (500, 64, 0.5), (500, 64, 2.0), (500, 64, 6.0),
    (500, 256, 0.5), (100, 256, 2.0), (100, 256, 6.0),
)  # fmt: skip
"""Frames, edge in pixels, and molecules per µm² and frame of movies that are simulated here."""
HEAD = f"{'set':<22}{'error':>8}{'said':>8}{'light':>8}{'sigma':>8}{'molecules':>11}{'core-s':>8}"


def true_psf(light: Light) -> tuple[FloatArray, PsfTable]:
    """Return the mean PSF of a set's emitters, and the table it comes from."""
    pupil = Pupil(**LENS, apodization="aplanatic", **light.aberrations)
    depths = DEPTHS_NM if light.depth_std_nm else np.zeros(1)
    table = pupil_table(pupil, 100.0, depths, radius_px=RADIUS_PX, refocused=False)
    return table.averaged(light.depth_std_nm), table


def shape_error(found: FloatArray, true: FloatArray, samples_per_px: int) -> float:
    """Return the relative RMS difference of two PSFs after the best scale and shift."""
    reach = min(WINDOW_PX * samples_per_px, len(found) // 2, len(true) // 2)
    found = _middle(found, reach)

    def off(by: FloatArray) -> float:
        own = _middle(shift(true, by * samples_per_px, order=3, mode="nearest"), reach)
        scale = np.vdot(found, own) / np.vdot(found, found)
        return float(np.sum((scale * found - own) ** 2) / np.sum(own**2))

    best = minimize(off, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-8})
    return float(np.sqrt(best.fun))


def _middle(image: FloatArray, reach: int) -> FloatArray:
    centre = len(image) // 2
    own = slice(centre - reach, centre + reach + 1)
    return image[own, own]


def light_within(true: FloatArray, samples_per_px: int, radius_px: int) -> float:
    """Return the share of the light that a PSF has in a window."""
    part = _middle(true, min(radius_px * samples_per_px, len(true) // 2))
    weights = np.ones(len(part))
    weights[[0, -1]] = 0.5
    return float(weights @ part @ weights) / samples_per_px**2


def line(name: str, light: Light, found: MeasuredPsf, seconds: float) -> str:
    """Return a row of the table."""
    true, table = true_psf(light)
    own = found.table
    error = shape_error(own.values[0].astype(np.float64), true, own.samples_per_px)
    ratio = found.light_within / light_within(true, table.samples_per_px, own.radius_px)
    return (
        f"{name:<22}{error:>8.3f}{found.uncertainty:>8.3f}{ratio:>8.3f}{found.sigma_nm:>8.1f}"
        f"{found.molecules:>11}{seconds:>8.1f}"
    )


def simulated(frames: int, size_px: int, density_per_um2: float) -> npt.NDArray[np.uint16]:
    """Return a movie with the light of ``aberrated_d1``."""
    light = SETS["aberrated_d1"]
    pupil = Pupil(**LENS, apodization="aplanatic", **light.aberrations)
    table = pupil_table(pupil, 100.0, radius_px=RADIUS_PX, refocused=False)
    return simulate(
        camera_of(light),
        Psf(sigma_nm=table.effective_sigma_nm, sigma_std_nm=0.0),
        Emitters(density_per_um2=density_per_um2, intensity_photon=1500, intensity_std_photon=750),
        Background(**light.background),
        Simulation(frames=frames, width_px=size_px, height_px=size_px, seed=5),
        table=table,
    ).stack


def measured(name: str, light: Light, stack: object) -> str:
    """Measure the PSF of a movie; return a row of the table, or why there is none."""
    with open_frames(stack) as stream:
        began = time.process_time()
        try:
            found = measure_movie(stream, camera_of(light))
        except PsfError as error:
            return f"{name:<22}{error.received}  ({time.process_time() - began:.1f} core-s)"
        return line(name, light, found, time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--no-simulation", action="store_true", help="the sets alone")
    options = parser.parse_args()
    print(HEAD)
    for name in options.sets:
        print(measured(name, SETS[name], DATA / f"{name}.tif"), flush=True)
    for frames, size_px, density in () if options.no_simulation else SIMULATED:
        name = f"{frames} × {size_px}², {density:g} per µm²"
        stack = simulated(frames, size_px, density)
        print(measured(name, SETS["aberrated_d1"], stack), flush=True)


if __name__ == "__main__":
    main()
