"""What refinement costs, with one thread and with several, and what keeps it from all cores.

    python benchmarks/refinement.py
    python benchmarks/refinement.py --threads 1 2 4 8 16 --frames 64

Frames of 64 x 64 px are simulated with the settings of three kinds of movies and read by the
network; then they are refined, in turns, with each number of threads. Printed are frames per second
of the clock (on a machine that has other things to do, no measure), core-milliseconds a frame
(which must not grow with the threads), the share of them outside of compiled loops, where Python's
interpreter lock lets one thread run at a time, and the most frames per second that so allows
(Amdahl's law); Jaccard index and RMSE of what has a log evidence above 2.
"""

from __future__ import annotations

import argparse
import os
import threading
import time

import numpy as np

import deep_storm as ds
from deep_storm.inference.refining import map_frames, proposals_from, refiner_for
from deep_storm.quality.matching import Points, match_points
from deep_storm.refinement import refiner, search
from deep_storm.training.adaptation import adapted
from deep_storm.training.seen import seen_frames
from deep_storm.training.session import Molecules

MIN_EVIDENCE = 2.0
TOLERANCE_NM = 100.0
COMPILED = {
    search: ("sweep", "split", "give_birth", "weigh", "peaks", "settle_background", "draw"),
    refiner: ("make_scene", "background_from"),
}
KINDS = {
    "sCMOS, 2 per µm²": (
        ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        ds.Psf(sigma_nm=110, sigma_std_nm=10),
        ds.Emitters(density_per_um2=2, intensity_photon=1600, intensity_std_photon=520),
        ds.Background(background_photon=20),
    ),
    "dense, 6 per µm²": (
        ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=1),
        ds.Psf(sigma_nm=111.5, sigma_std_nm=3),
        ds.Emitters(density_per_um2=6, intensity_photon=2250, intensity_std_photon=144),
        ds.Background(background_photon=50),
    ),
    "filaments, 0.4 per µm²": (
        ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        ds.Psf(sigma_nm=108, sigma_std_nm=6),
        ds.Emitters(
            density_per_um2=0.4,
            intensity_photon=2000,
            intensity_std_photon=577,
            structure="filaments",
        ),
        ds.Background(background_photon=20),
    ),
}


class Clock:
    """Processor time of threads within compiled loops."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()

    def timed(self, function):
        """Return the function, whose time is counted."""

        def counted(*arguments):
            began = time.thread_time()
            try:
                return function(*arguments)
            finally:
                spent = time.thread_time() - began
                with self._lock:
                    self.seconds += spent

        return counted


def scores(found, seen, pixel_size_nm: float) -> tuple[float, float]:
    """Return Jaccard index and RMSE (nm) of refined frames."""
    kept = [one.evidence > MIN_EVIDENCE for one in found]
    frame = np.repeat(np.arange(len(found)), [int(k.sum()) for k in kept])
    x_nm, y_nm = (
        pixel_size_nm
        * np.concatenate([getattr(one, name)[k] for one, k in zip(found, kept, strict=True)])
        for name in ("x_px", "y_px")
    )
    true_frame = np.repeat(np.arange(len(seen)), [len(one.xyz_nm) for one in seen])
    truth = Points(true_frame, *np.concatenate([one.xyz_nm for one in seen]).T[:2])
    matches = match_points(Points(frame, x_nm, y_nm), truth, TOLERANCE_NM)
    right = len(matches)
    jaccard = right / (len(frame) + len(true_frame) - right)
    return jaccard, float(np.sqrt(np.mean(matches.distance_nm**2)))


def measured(model: ds.Model, count: int, threads: list[int], rounds: int, clock: Clock):
    """Yield for each number of threads: frames/s, core-ms a frame, interpreted share, scores."""
    seen = list(seen_frames(model, 1, None, 1, count, count))[:count]
    card, own = model.card, refiner_for(model.card, model.table)
    work = [(one.photons, proposals_from(one.candidates, card, own.shape)) for one in seen]
    found = [own.refine(*work[0])]  # compiled
    best: dict[int, tuple[float, float, float]] = {}
    for _ in range(rounds):
        for number in threads:
            clock.seconds = 0.0
            began, used = time.perf_counter(), time.process_time()
            found = map_frames(lambda one: own.refine(*one), work, number)
            wall, used = time.perf_counter() - began, time.process_time() - used
            now = used / count, wall / count, 1.0 - clock.seconds / used
            best[number] = min(best.get(number, now), now)
    judged = scores(found, seen, card.camera.pixel_size_nm)
    for number, (used, wall, interpreted) in best.items():
        yield number, 1.0 / wall, 1000.0 * used, interpreted, *judged


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count() or 1])
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    clock = Clock()
    for module, names in COMPILED.items():
        for name in names:
            setattr(module, name, clock.timed(getattr(module, name)))
    general = ds.Model.load("general")
    for kind, parts in KINDS.items():
        model = adapted(general, Molecules(*parts))
        for number, speed, used, interpreted, jaccard, rmse_nm in measured(
            model, options.frames, options.threads, options.rounds, clock
        ):
            most = 1000.0 / (used * interpreted)
            print(
                f"{kind:<24}{number:>3} threads {speed:7.1f} frames/s {used:7.2f} core-ms "
                f"{interpreted:6.1%} interpreted (at most {most:,.0f} frames/s) "
                f"Jaccard {jaccard:.4f} RMSE {rmse_nm:.2f} nm",
                flush=True,
            )


if __name__ == "__main__":
    main()
