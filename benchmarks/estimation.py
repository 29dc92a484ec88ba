"""What ``estimate`` and ``measure-background`` find in frames whose truth is known.

    python benchmarks/estimation.py
    python benchmarks/estimation.py --seconds        # also how long 256 x 256 px take

Prints estimated / true for each stack of ``../shared/thunderstorm`` where it is there (else the
bundled 30 frames of ``cmos_d2``), from the stack and the camera alone, and from ThunderSTORM's own
table of it, where there is one. A ``≥`` stands at a density that is
called a lower limit. The baseline is estimated minus true; "hidden" where it is said that it cannot
be seen.
"""

from __future__ import annotations

import argparse
import time

import accuracy

import deep_storm as ds
from deep_storm.estimation import estimate_stack
from deep_storm.estimation.trust import SEEN_ADU
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

TABLES = {
    "cmos_d2": "cmos_d2_first30_memle.csv",
    "filaments_drift": "filaments_drift_thunderstorm.csv",
}
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


def main() -> None:
    """Estimate and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=list(accuracy.CAMERAS))
    parser.add_argument("--seconds", action="store_true", help="also measure the time")
    options = parser.parse_args()
    known = list(accuracy.CAMERAS) if accuracy.THUNDERSTORM.is_dir() else ["cmos_d2"]
    print(HEAD)
    for name in options.sets or known:
        estimated(accuracy.thunderstorm_set(name))
    if options.seconds:
        timed()


if __name__ == "__main__":
    main()
