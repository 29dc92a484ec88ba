"""How well the PSF is measured in frames as a microscope makes them, and how long that takes.

    python benchmarks/psf_measurement.py               # the sets of real_light.py, then simulation
    python benchmarks/psf_measurement.py --sets airy_d1.5 --no-simulation
    python benchmarks/psf_measurement.py --sets        # simulation alone
    python benchmarks/psf_measurement.py --sets --no-simulation --centres 60

Nothing is given but the camera. "core-s" is processor time. Simulated movies have an aberrated PSF,
1,500 photons and a background of 20; in the densest ones molecules can hardly be told apart.
"error" is the relative RMS difference from the pupil's PSF in the
window of ± 1.2 µm after the best scale and shift, "said" the uncertainty that the measurement
states, "light" the share within the measured window over the true one. For emitters in depth the
truth is their mean PSF.

``--centres`` draws pupils at random (up to 0.15 waves rms, in every third case with molecules at
depths of ± 150 nm), gives their mean PSF an error of 1 %, and tells how far from the molecule its
centre lies, by the best Gaussian and by the pupil that is found.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import numpy.typing as npt
from real_light import DATA, DEPTHS_NM, SETS, Light, camera_of
from scipy.ndimage import gaussian_filter, shift
from scipy.optimize import minimize

from deep_storm.errors import PsfError
from deep_storm.estimation.psf.movie import measure_movie
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.estimation.psf.retrieval import retrieve
from deep_storm.io.stacks.frames import open_frames
from deep_storm.psf.fitting import fit_gaussian
from deep_storm.psf.pupil import pupil_table
from deep_storm.psf.random import draw_pupil
from deep_storm.psf.table import PsfTable
from deep_storm.robust import robust_std
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
PIXEL_NM, NOISE, SAID = 100.0, 0.01, 0.012
SIGMAS_NM = 85.0, 190.0
DEPTH_STD_NM, FOCUS_STD_NM = 150.0, 60.0
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


def centre_errors_nm(seed: int) -> tuple[float, float] | None:
    """Return how far from the molecule a PSF's centre is, by the best Gaussian and by its pupil.

    None for a pupil whose PSF is unusually narrow or wide.
    """
    rng = np.random.default_rng([seed, 78])
    true = draw_pupil(rng, PIXEL_NM)
    if not SIGMAS_NM[0] < true.effective_sigma_nm < SIGMAS_NM[1]:
        return None
    depth_std_nm = DEPTH_STD_NM if seed % 3 == 2 else 0.0
    depths_nm = rng.normal(0.0, FOCUS_STD_NM) + depth_std_nm * rng.normal(size=2000)
    mean = true.averaged(depth_std_nm, float(depths_nm.mean()))
    noise = gaussian_filter(rng.normal(size=mean.shape), 2.0)
    noise *= NOISE * np.sqrt(np.mean(mean**2)) / noise.std()
    seen = PsfTable(
        (mean + noise)[None].astype(np.float32), [0.0], PIXEL_NM, true.samples_per_px, "measured",
        SAID,
    )  # fmt: skip
    core = fit_gaussian(seen.values[0], seen.samples_per_px)
    widths = true.sigma_at_nm(depths_nm)
    spread = robust_std(widths) / float(np.median(widths))
    found = retrieve(seen.shifted(core.x_px, core.y_px), max(spread, NOISE)).origin_px or (0.0, 0.0)
    by_pupil = core.x_px + found[0], core.y_px + found[1]
    return PIXEL_NM * np.hypot(core.x_px, core.y_px), PIXEL_NM * np.hypot(*by_pupil)


def print_centres(count: int) -> None:
    """Print how far centres are from molecules, for so many pupils drawn at random."""
    found = [errors for seed in range(count) if (errors := centre_errors_nm(seed)) is not None]
    gaussian, pupil = np.array(found).T
    for name, errors in (("best Gaussian", gaussian), ("pupil", pupil)):
        print(
            f"centre by the {name:<14} off by {np.sqrt(np.mean(errors**2)):5.1f} nm (rms), "
            f"{np.median(errors):5.1f} (median) of {len(errors)} PSFs"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="*", choices=SETS, default=list(SETS))
    parser.add_argument("--no-simulation", action="store_true", help="the sets alone")
    parser.add_argument("--centres", type=int, default=0, help="pupils drawn at random")
    options = parser.parse_args()
    if options.centres:
        print_centres(options.centres)
    if options.sets or not options.no_simulation:
        print(HEAD)
    for name in options.sets:
        print(measured(name, SETS[name], DATA / f"{name}.tif"), flush=True)
    for frames, size_px, density in () if options.no_simulation else SIMULATED:
        name = f"{frames} × {size_px}², {density:g} per µm²"
        stack = simulated(frames, size_px, density)
        print(measured(name, SETS["aberrated_d1"], stack), flush=True)


if __name__ == "__main__":
    main()
