"""Movies with something in them that is no molecule: how many rows are right beside the clean one.

    python benchmarks/poison.py                      # all cases, 100 frames: 20 minutes of one core
    python benchmarks/poison.py --frames 50          # without measuring the PSF: a minute each
    python benchmarks/poison.py --cases half_chip beads

Every case is the same simulated movie (64 × 64 px, 0.5 emitters/µm², sigma 112 nm, 1,500 photons,
background 20, 0.5 photons per ADU) with one thing done to it, reconstructed with the general model
and the camera alone. Truth that a case hides (dark frames, covered pixels, the surroundings
of a bead) is left out of both sides of the count, but rows where nothing can be seen count as
false. A case ends with nearly the Jaccard index of the clean movie, or with an error of one
sentence.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

import deep_storm as ds
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.quality.matching import match_points, points_of
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

SIZE_PX = 64
TOLERANCE_NM = 100.0
MARGIN_PX = 2
BEAD_REACH_PX = 7
CAMERA = ds.Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)
yy, xx = np.mgrid[:SIZE_PX, :SIZE_PX]

Rng = np.random.Generator


class Hidden(NamedTuple):
    """What a case does to a movie.

    Attributes
    ----------
    frames
        ADU, (t, y, x).
    unseen
        Where no molecule can be seen, bool (t, y, x).
    ignored
        Where neither truth nor rows count, bool (t, y, x).
    camera
        What is given.
    """

    frames: Any
    unseen: Any
    ignored: Any
    camera: ds.Camera = CAMERA


def light(rng: Rng, mean: Any, shape: Any) -> Any:
    """Return Poisson light in ADU."""
    return rng.poisson(np.broadcast_to(mean, shape)) / CAMERA.photons_per_adu


def dark(rng: Rng, shape: Any) -> Any:
    """Return what a camera without light reads."""
    return CAMERA.baseline_adu + rng.normal(0.0, 2.0, shape)


def plain(movie: Hidden, rng: Rng) -> Hidden:
    return movie


def one_flash(movie: Hidden, rng: Rng) -> Hidden:
    movie.frames[0] += light(rng, 1500, movie.frames[0].shape)
    movie.unseen[0] = True
    return movie


def bright_start(movie: Hidden, rng: Rng) -> Hidden:
    movie.frames[:5] += light(rng, 1500, movie.frames[:5].shape)
    movie.unseen[:5] = True
    return movie


def dropped_frames(movie: Hidden, rng: Rng) -> Hidden:
    movie.frames[3:8] = 0
    movie.unseen[3:8] = True
    return movie


def alternating(movie: Hidden, rng: Rng) -> Hidden:
    movie.frames[1::2] = dark(rng, movie.frames[1::2].shape)
    movie.unseen[1::2] = True
    return movie


def shutter_late(movie: Hidden, rng: Rng) -> Hidden:
    count = len(movie.frames) // 5
    movie.frames[:count] = dark(rng, movie.frames[:count].shape)
    movie.unseen[:count] = True
    return movie


def repeated_frames(movie: Hidden, rng: Rng) -> Hidden:
    movie.frames[11::10] = movie.frames[10:-1:10]
    movie.ignored[11::10] = True
    return movie


def covered(movie: Hidden, rng: Rng, first: int) -> Hidden:
    part = movie.frames[:, :, first:]
    part[:] = dark(rng, part.shape)
    movie.unseen[:, :, first:] = True
    return movie


def half_chip(movie: Hidden, rng: Rng) -> Hidden:
    return covered(movie, rng, 32)


def quarter_chip(movie: Hidden, rng: Rng) -> Hidden:
    return covered(movie, rng, 48)


def bordered(movie: Hidden, value: float) -> Hidden:
    for part in (movie.frames[:, :8], movie.frames[:, :, :5]):
        part[:] = value
    movie.unseen[:, :8] = movie.unseen[:, :, :5] = True
    return movie


def black_border(movie: Hidden, rng: Rng) -> Hidden:
    return bordered(movie, 0.0)


def nan_border(movie: Hidden, rng: Rng) -> Hidden:
    return bordered(movie, np.nan)


def moving_border(movie: Hidden, rng: Rng) -> Hidden:
    """A movie that was registered: the border grows with the drift."""
    for t in range(len(movie.frames)):
        rows, columns = 2 + t * 6 // len(movie.frames), 1 + t * 8 // len(movie.frames)
        for part in (movie.frames[t, :rows], movie.frames[t, :, :columns]):
            part[:] = 0.0
        movie.unseen[t, :rows] = movie.unseen[t, :, :columns] = True
    return movie


def nan_frame(movie: Hidden, rng: Rng) -> Hidden:
    movie.frames[5] = np.nan
    movie.unseen[5] = True
    return movie


def hot_pixels(movie: Hidden, rng: Rng) -> Hidden:
    hot = rng.random((SIZE_PX, SIZE_PX)) < 0.01
    shape = movie.frames[:, hot].shape
    movie.frames[:, hot] += rng.uniform(50, 600, hot.sum()) + rng.normal(0, 5, shape)
    return movie


def noisy_pixels(movie: Hidden, rng: Rng) -> Hidden:
    noisy = rng.random((SIZE_PX, SIZE_PX)) < 0.02
    movie.frames[:, noisy] += rng.normal(0, 40, movie.frames[:, noisy].shape)
    return movie


def cosmic_tracks(movie: Hidden, rng: Rng) -> Hidden:
    for frame in movie.frames:
        for _ in range(3):
            y, x, angle = rng.uniform(10, 54), rng.uniform(10, 54), rng.uniform(0, np.pi)
            steps = np.arange(rng.integers(5, 20))
            rows, columns = y + steps * np.sin(angle), x + steps * np.cos(angle)
            inside = (rows < SIZE_PX) & (columns < SIZE_PX) & (rows >= 0) & (columns >= 0)
            places = rows[inside].astype(int), columns[inside].astype(int)
            frame[places] += rng.uniform(500, 3000, inside.sum())
    return movie


def debris(movie: Hidden, rng: Rng) -> Hidden:
    """A blob of five pixels that swims through."""
    for t, frame in enumerate(movie.frames):
        away = (xx - 0.6 * t) ** 2 + (yy - 20 - 10 * np.sin(t / 9)) ** 2
        frame += light(rng, 300 * np.exp(-away / 50), frame.shape)
        movie.ignored[t] |= away < 15**2
    return movie


def beads(movie: Hidden, rng: Rng) -> Hidden:
    """Two beads of 20,000 photons that stay on."""
    for x, y in ((12.3, 50.2), (51.7, 13.4)):
        spot = np.exp(-((xx + 0.5 - x) ** 2 + (yy + 0.5 - y) ** 2) / (2 * 1.2**2))
        movie.frames[:] += light(rng, 20_000 * spot / (2 * np.pi * 1.44), movie.frames.shape)
        movie.ignored[:, (xx - x) ** 2 + (yy - y) ** 2 < BEAD_REACH_PX**2] = True
    return movie


def uneven_background(movie: Hidden, rng: Rng) -> Hidden:
    """Smooth light of 180 to 240 photons."""
    mean = 190 + 30 * np.sin(xx / 20.0) * np.cos(yy / 17.0)
    movie.frames[:] += light(rng, mean, movie.frames.shape)
    return movie


def fading_background(movie: Hidden, rng: Rng) -> Hidden:
    mean = 80 * np.exp(-np.arange(len(movie.frames)) / (0.3 * len(movie.frames)))
    movie.frames[:] += light(rng, mean[:, None, None], movie.frames.shape)
    return movie


def subtracted(movie: Hidden, rng: Rng) -> Hidden:
    """The median over the movie was subtracted from each pixel."""
    movie.frames[:] -= np.median(movie.frames, axis=0)
    return movie


def normalised(movie: Hidden, rng: Rng) -> Hidden:
    movie.frames[:] /= movie.frames.max()
    return movie


def standardised(movie: Hidden, rng: Rng) -> Hidden:
    movie.frames[:] = (movie.frames - movie.frames.mean()) / movie.frames.std()
    return movie


def smoothed(movie: Hidden, rng: Rng) -> Hidden:
    movie.frames[:] = ndimage.gaussian_filter(movie.frames, (0.0, 0.8, 0.8))
    return movie


def saturated(movie: Hidden, rng: Rng) -> Hidden:
    np.minimum(movie.frames, 400.0, out=movie.frames)
    return movie


def given(**changed: float) -> Callable[[Hidden, Rng], Hidden]:
    """Return a case in which the camera is entered wrongly."""

    def case(movie: Hidden, rng: Rng) -> Hidden:
        return movie._replace(camera=CAMERA.model_copy(update=changed))

    return case


CASES: dict[str, Callable[[Hidden, Rng], Hidden]] = {
    case.__name__: case
    for case in (
        plain, one_flash, bright_start, dropped_frames, alternating, shutter_late,
        repeated_frames, half_chip, quarter_chip, black_border, nan_border, moving_border,
        nan_frame, hot_pixels, noisy_pixels, cosmic_tracks, debris, beads, uneven_background,
        fading_background, saturated, smoothed, subtracted, normalised, standardised,
    )
}  # fmt: skip
CASES |= {
    "gain_twice": given(photons_per_adu=1.0),
    "gain_half": given(photons_per_adu=0.25),
    "gain_inverse": given(photons_per_adu=2.0),
    "gain_tenth": given(photons_per_adu=0.05),
    "baseline_high": given(baseline_adu=125.0),
    "baseline_low": given(baseline_adu=60.0),
    "em_gain_missing": given(photons_per_adu=0.5 * 100, em_gain=100.0),
}


def movie_of(frames: int, seed: int, density_per_um2: float = 0.5, **more: float) -> Any:
    """Simulate the clean movie."""
    emitters = {"intensity_photon": 1500.0, "intensity_std_photon": 400.0, **more}
    return simulate(
        CAMERA,
        Psf(sigma_nm=112.0, sigma_std_nm=0.0 if more else 8.0),
        Emitters(density_per_um2=density_per_um2, **emitters),
        Background(background_photon=20.0),
        Simulation(frames=frames, width_px=SIZE_PX, height_px=SIZE_PX, seed=seed),
    )


def outcome(movie: Any, case: Callable[[Hidden, Rng], Hidden]) -> str:
    """Reconstruct a case; return its line."""
    shape = movie.stack.shape
    unseen, ignored = np.zeros(shape, bool), np.zeros(shape, bool)
    hidden = case(Hidden(movie.stack.astype(np.float64), unseen, ignored), np.random.default_rng(3))
    frames: Any = hidden.frames
    if np.isfinite(frames).all() and frames.min() >= 0 and frames.max() > 1:
        frames = np.clip(np.rint(frames), 0, 65535).astype(np.uint16)
    else:
        frames = frames.astype(np.float32)
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            done = ds.reconstruct(frames, model="general", camera=hidden.camera)
    except ds.DeepStormError as error:
        return f"{'error':>9}{'':21} {error}"
    seconds = time.process_time() - start
    rows, jaccard = scored(done.table, movie.truth, hidden)
    said = [n for n in done.notes if not n.startswith("The general model")]
    if done.fits is not None and done.fits.sentences:
        said = [*said, done.fits.summary()]
    return f"{rows:9d} {jaccard:9.3f} {seconds:9.0f}s " + " | ".join(said)


def scored(table: pd.DataFrame, truth: pd.DataFrame, hidden: Hidden) -> tuple[int, float]:
    """Return the rows that count, and their Jaccard index."""
    edge = ndimage.binary_dilation(hidden.unseen, np.ones((1, 2 * MARGIN_PX + 1, 1)))
    edge |= ndimage.binary_dilation(hidden.unseen, np.ones((1, 1, 2 * MARGIN_PX + 1)))
    edge &= ~hidden.unseen
    inner = ndimage.binary_erosion(
        hidden.unseen, np.ones((1, 2 * MARGIN_PX + 1, 2 * MARGIN_PX + 1)), border_value=1
    )
    left_out = hidden.ignored | edge | (hidden.unseen & ~inner)
    found = table[~_at(left_out, table)]
    true = truth[~_at(left_out | hidden.unseen, truth)]
    matches = match_points(points_of(found), points_of(true), TOLERANCE_NM)
    right = len(matches.localization)
    return len(table), right / max(len(found) + len(true) - right, 1)


def _at(mask: Any, table: pd.DataFrame) -> Any:
    """Return the values of a mask at the rows of a table."""
    x, y = (
        np.clip((table[n] / CAMERA.pixel_size_nm).astype(int), 0, SIZE_PX - 1)
        for n in ("x_nm", "y_nm")
    )
    return mask[table["frame"].to_numpy(int), y, x]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--cases", nargs="+", choices=[*CASES, "sparse"], default=[*CASES, "sparse"]
    )
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sparse", type=int, default=6, help="seeds of the sparse movie")
    options = parser.parse_args()
    quiet_tensorflow()
    print(f"{'case':18}{'rows':>9} {'Jaccard':>9} {'time':>10} said", flush=True)
    clean = movie_of(options.frames, options.seed)
    for name in options.cases:
        if name in CASES:
            print(f"{name:18}{outcome(clean, CASES[name])}", flush=True)
            continue
        for seed in range(options.sparse):
            few = movie_of(options.frames, seed, 0.025, intensity_std_photon=0.0)
            print(f"{f'sparse {seed}':18}{outcome(few, plain)}", flush=True)


if __name__ == "__main__":
    main()
