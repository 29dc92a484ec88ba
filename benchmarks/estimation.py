"""What ``estimate`` and ``measure-background`` find in frames whose truth is known.

    python benchmarks/estimation.py
    python benchmarks/estimation.py --seconds        # also how long 256 x 256 px take
    python benchmarks/estimation.py --told 20        # and what the general model is told

Prints estimated / true for each stack of ``../shared/thunderstorm`` where it is there (else the
bundled 30 frames of ``cmos_d2``), from the stack and the camera alone, and from ThunderSTORM's own
table of it, where there is one. A ``≥`` stands at a density that is
called a lower limit. The baseline is estimated minus true; "hidden" where it is said that it cannot
be seen.

``--told`` simulates so many movies with a Gaussian PSF (uniform, on filaments, in clusters, alike
and blinking) and prints what the general model is told of them by their frames: the logarithm of
told over true photons, density and sigma, the difference of the photons' relative spread, and the
root mean square of each.
"""

from __future__ import annotations

import argparse
import time

import accuracy
import numpy as np

import deep_storm as ds
from deep_storm.estimation import estimate_stack
from deep_storm.estimation.trust import SEEN_ADU
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.inputs.movie import examined_movie
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import SimulatedStack, simulate

TABLES = {
    "cmos_d2": "cmos_d2_first30_memle.csv",
    "filaments_drift": "filaments_drift_thunderstorm.csv",
}
TOLD_FRAMES, TOLD_PHOTON = 120, 60.0
"""Frames of the movies that are simulated here, and the dimmest molecules that count."""
HEAD = (
    f"{'set':<18}{'from':<14}{'sigma':>8}{'photons':>9}{'backgr.':>9}{'density':>9} "
    f"{'baseline (ADU)':>22}{'s':>7}  warnings"
)


def line(data: accuracy.Set, source: str, found, seconds: float) -> str:
    """Return a row of ratios estimated / true."""
    pairs = (
        (found.psf.sigma_nm, data.psf.sigma_nm),
        (found.emitters.intensity_photon, data.emitters.intensity_photon),
        (found.background.background_photon, data.background.background_photon),
        (found.emitters.density_per_um2, data.emitters.density_per_um2),
    )
    ratios = [f"{mine / true:.3f}" for mine, true in pairs]
    seen = found.quantities.get("baseline")
    baseline = "-"
    if seen is not None:
        baseline = f"{seen.value - data.camera.baseline_adu:+.2f}"
        if seen.error > SEEN_ADU:
            baseline = f"hidden, {baseline} ± {seen.error:.1f}"
    density = f"{ratios[3]}{'≥' if found.quantities['density'].lower_limit else ' '}"
    return (
        f"{data.name:<18}{source:<14}{ratios[0]:>8}{ratios[1]:>9}{ratios[2]:>9}{density:>10}"
        f"{baseline:>22}{seconds:>7.1f}  {len(found.all_warnings())}"
    )


def estimated(data: accuracy.Set) -> None:
    """Estimate from a stack, and from ThunderSTORM's table; print both."""
    began = time.perf_counter()
    with ds.open_frames(data.stack) as stream:
        found = estimate_stack(stream, data.camera)
    print(line(data, "stack", found, time.perf_counter() - began), flush=True)
    table = data.stack.with_name(TABLES.get(data.name, "none"))
    if table.is_file():
        began = time.perf_counter()
        result = ds.estimate(localizations=table, camera=data.camera)
        print(line(data, "table", result.estimate, time.perf_counter() - began), flush=True)


def timed(size_px: int = 256, frames: int = 200) -> None:
    """Print how long an estimate of a larger movie takes."""
    movie = simulate(
        accuracy.CMOS,
        Psf(sigma_nm=120),
        Emitters(density_per_um2=2, intensity_photon=1500),
        Background(background_photon=15),
        Simulation(frames=frames, width_px=size_px, height_px=size_px, seed=1),
    )
    estimate_stack(movie.stack[:50, :64, :64], accuracy.CMOS)  # everything is compiled
    began, cpu = time.perf_counter(), time.process_time()
    estimate_stack(movie.stack, accuracy.CMOS)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{frames} frames of {size_px} x {size_px} px: {seconds:.1f} s ({cpu:.1f} s of CPU)")


def drawn(seed: int) -> SimulatedStack:
    """Simulate a movie with a Gaussian PSF, whose molecules are drawn at random."""
    rng = np.random.default_rng(seed)
    structure = ("uniform", "filaments", "uniform", "clusters", "filaments")[seed % 5]
    density = _log_uniform(0.2, 5.0 if structure == "uniform" else 1.5, rng)
    photons = _log_uniform(600.0, 4000.0, rng)
    spread = float(rng.uniform(0.1, 0.8))
    kind = "gamma" if spread > 0.45 or rng.random() < 0.5 else "uniform"
    background = _log_uniform(5.0, 80.0, rng)
    sigma_nm = float(rng.uniform(95.0, 150.0))
    emitters = Emitters(
        density_per_um2=density,
        intensity_photon=photons,
        intensity_std_photon=spread * photons,
        spread=kind,
        structure=structure,
        on_time_frames=float(rng.choice([0.0, 0.0, 2.0])),
    )
    psf = Psf(sigma_nm=sigma_nm, sigma_std_nm=0.03 * sigma_nm)
    size = Simulation(frames=TOLD_FRAMES, width_px=64, height_px=64, seed=seed)
    light = Background(background_photon=background)
    return simulate(accuracy.CMOS, psf, emitters, light, size)


def _log_uniform(low: float, high: float, rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def told(movies: int) -> None:
    """Print how far off the general model is told what simulated movies are like."""
    print(f"{'movie':<14}{'photons':>9}{'spread':>9}{'density':>9}{'sigma':>9}")
    rows = []
    for seed in range(movies):
        movie = drawn(seed)
        examined = examined_movie(ArrayFrames(movie.stack), accuracy.CMOS)
        card = ready_model("general", Expected(examined.camera), examined, True).model.card
        seen = movie.truth[movie.truth["intensity_photon"] >= TOLD_PHOTON]
        photons = seen["intensity_photon"]
        density = len(seen) / TOLD_FRAMES / 6.4**2
        own = card.emitters
        rows.append(
            (
                np.log(own.intensity_photon / photons.mean()),
                own.intensity_std_photon / own.intensity_photon - photons.std() / photons.mean(),
                np.log(own.density_per_um2 / density),
                np.log(card.psf.sigma_nm / movie.truth["sigma_nm"].mean()),
            )
        )
        print(f"{seed:<14}" + "".join(f"{value:>9.3f}" for value in rows[-1]), flush=True)
    off = np.sqrt(np.mean(np.square(rows), axis=0))
    print(f"{'rms':<14}" + "".join(f"{value:>9.3f}" for value in off))


def main() -> None:
    """Estimate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=list(accuracy.CAMERAS))
    parser.add_argument("--seconds", action="store_true", help="also measure the time")
    parser.add_argument("--told", type=int, default=0, metavar="MOVIES", help="what is told, too")
    options = parser.parse_args()
    known = list(accuracy.CAMERAS) if accuracy.THUNDERSTORM.is_dir() else ["cmos_d2"]
    print(HEAD)
    for name in options.sets or known:
        estimated(accuracy.thunderstorm_set(name))
    if options.seconds:
        timed()
    if options.told:
        told(options.told)


if __name__ == "__main__":
    main()
