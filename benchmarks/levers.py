"""Ways to train better that were tried: each beside the same training without it.

    python benchmarks/levers.py                          # all (about an hour on 2 cores)
    python benchmarks/levers.py --only general --from-steps 1000

A matched simulation of 5 emitters per um2 (1,500 photons, PSF sigma 130 nm, background 10). From
nothing for ``--steps``: the network as it is, other widths, and a curriculum of density. From the
general model for ``--from-steps``: on the simulation, with a curriculum, on molecules that stay on,
on what refinement makes of the very frames that are scored (no truth of them is used), and towards
the mean of the general model's answers to four flips (an ensemble distilled into one network).
Beside them stand the general model as it comes, refined, and shown each frame alone.

Each network is scored on a movie whose molecules are on in one frame only, and on one with
molecules that stay on for a geometric number of frames, three in the mean; single frames of both
are alike. The threshold on the score comes from other simulated movies of the same kinds. All
seeds are fixed. Frames per second are those of the network alone.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from accuracy import CMOS

import deep_storm as ds
from deep_storm.camera_maps import photons_from
from deep_storm.extraction.candidates import Candidates, concatenated
from deep_storm.inference.reading import NativeReader
from deep_storm.inference.tiles import plan_tiles
from deep_storm.io.images import write_stack
from deep_storm.networks.base import Scales
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.quality.matching import Points, match_points, points_of
from deep_storm.settings import Background, Emitters, Psf, Training
from deep_storm.simulation.emitters import EmitterSet, default_margin_px, place_emitters
from deep_storm.simulation.field import Field
from deep_storm.simulation.noise import expose
from deep_storm.simulation.psf import add_emitters
from deep_storm.simulation.structures import Uniform
from deep_storm.training.data import Batch, SimulatedData
from deep_storm.training.imported_data import ImportedData
from deep_storm.training.loop import train_network
from deep_storm.training.schedule import ResolvedTraining, settings_for

PSF = Psf(sigma_nm=130, sigma_std_nm=0)
EMITTERS = Emitters(density_per_um2=5, intensity_photon=1500, intensity_std_photon=150)
BACKGROUND = Background(background_photon=10)
MOLECULES = {"camera": CMOS, "psf": PSF, "emitters": EMITTERS, "background": BACKGROUND}
SCALES = Scales.matching(*MOLECULES.values())
FIELD_PX = 64
FRAMES = 50
ON_FRAMES = 3.0
KINDS = (1.0, ON_FRAMES)
"""Frames that molecules stay on, of the movies that are scored."""
KNOWN, UNSEEN = 501, 502
"""Seeds of the movies that the threshold is from, and of those that are scored."""
TOLERANCE_NM = 100.0
CURRICULUM = (0.15, 0.3, 0.6, 1.0)
"""Density of the simulation by quarters of the training, over that of the movie."""
BATCH = 16


def lasting(
    frames: int, on_frames: np.ndarray, density: np.ndarray, size_px: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[EmitterSet]]:
    """Return frames in ADU whose molecules stay on, and the molecules of each frame.

    From frame to frame, each molecule stays with probability 1 - 1 / ``on_frames``; new ones keep
    the density. There are several such movies, all ``frames`` long, each with its own numbers.
    """
    movies = len(density)
    field = Field(size_px, size_px, CMOS.pixel_size_nm, default_margin_px(PSF, CMOS.pixel_size_nm))
    fresh = partial(place_emitters, [Uniform(field)] * movies, field=field, emitters=EMITTERS)
    now = fresh(densities_per_um2=density, psf=PSF, rng=rng)
    adu = np.empty((frames, movies, size_px, size_px), np.float32)
    seen = []
    for number in range(frames):
        expected = np.full(adu.shape[1:], BACKGROUND.background_photon, np.float32)
        add_emitters(expected, now.frame, now.x_px, now.y_px, now.sigma_px, now.intensity_photon)
        adu[number] = expose(expected, CMOS, rng)
        seen.append(now.inside(size_px, size_px))
        stays = rng.random(len(now)) < 1.0 - 1.0 / on_frames[now.frame]
        new = fresh(densities_per_um2=density / on_frames, psf=PSF, rng=rng)
        columns = [
            np.concatenate([old[stays], more])
            for old, more in zip(vars(now).values(), vars(new).values(), strict=True)
        ]
        order = np.argsort(columns[0], kind="stable")
        now = EmitterSet(*(column[order] for column in columns))
    return adu, seen


class Movie(NamedTuple):
    """Frames ``(t, y, x)`` in ADU and the molecules in them."""

    adu: np.ndarray
    truth: Points


def movie(on_frames: float, seed: int) -> Movie:
    """Simulate a movie."""
    density = np.array([EMITTERS.density_per_um2])
    rng = np.random.default_rng([seed, 77])
    adu, seen = lasting(FRAMES, np.array([on_frames]), density, FIELD_PX, rng)
    frame = np.repeat(np.arange(FRAMES), [len(e) for e in seen])
    nm = CMOS.pixel_size_nm
    x, y = (np.concatenate([getattr(e, name) for e in seen]) * nm for name in ("x_px", "y_px"))
    return Movie(adu[:, 0], Points(frame, x, y))


def with_neighbours(frames: np.ndarray) -> np.ndarray:
    """Return each frame with the one before and the one after it, as channels."""
    none = np.zeros_like(frames[:1])
    before = np.concatenate([none, frames[:-1]])
    after = np.concatenate([frames[1:], none])
    return np.concatenate([frames, before, after], -1)


class Curriculum:
    """A simulation that becomes denser while the training goes on."""

    def __init__(self, training: ResolvedTraining) -> None:
        self.steps = training.steps or 1
        self.patches_per_epoch = training.max_patches
        self.parts = [simulated(training, factor) for factor in CURRICULUM]

    def batch(self, index: int) -> Batch:
        part = min(len(self.parts) * index // self.steps, len(self.parts) - 1)
        return self.parts[part].batch(index)

    def validation(self) -> list[Batch]:
        return self.parts[-1].validation()


def simulated(
    training: ResolvedTraining, factor: float = 1.0, seen_frames: float = 1.0
) -> SimulatedData:
    """Return the matched simulation, or one that is denser or sparser by a factor."""
    density = factor * EMITTERS.density_per_um2
    emitters = EMITTERS.model_copy(update={"density_per_um2": density, "seen_frames": seen_frames})
    return SimulatedData(CMOS, PSF, emitters, BACKGROUND, SCALES, training)


def refined(frames: Movie, folder: Path) -> tuple[Path, pd.DataFrame]:
    """Return the frames as a file, and what the general model finds in them, refined."""
    stack = folder / "unlabelled.tif"
    adu = np.clip(np.rint(frames.adu), 0, 65535).astype(np.uint16)
    write_stack(stack, adu, CMOS.pixel_size_nm, overwrite=True)
    return stack, ds.reconstruct(stack, model="general", refine=True, fits=False, **MOLECULES).table


def corrected(training: ResolvedTraining, frames: Movie, folder: Path) -> ImportedData:
    """Return the frames with what refinement makes of them as their truth."""
    stack, table = refined(frames, folder)
    table = table.assign(bkgstd_photon=np.sqrt(BACKGROUND.background_photon))
    return ImportedData(ds.open_frames(stack), table, CMOS, SCALES, training)


REFINED = "general model, refined"


class Lever(NamedTuple):
    """A row of the table: which network learns from what, and where it starts."""

    name: str
    network: str = "plain"
    data: str = "simulated"
    general: bool = False
    trained: bool = True
    alone: bool = False


LEVERS = (
    Lever("as it is"),
    Lever("channels 24, 64, 192", "24, 64, 192"),
    Lever("channels 48, 96, 192", "48, 96, 192"),
    Lever("curriculum of density", data="curriculum"),
    Lever("general model, not trained", general=True, trained=False),
    Lever("general, each frame alone", general=True, trained=False, alone=True),
    Lever("general, trained on the simulation", general=True),
    Lever("general, curriculum of density", data="curriculum", general=True),
    Lever("general, on molecules that stay on", data="lasting", general=True),
    Lever("general, on what refinement corrects", data="corrected", general=True),
    Lever("general, distilled from four flips", "distilled", general=True),
)


def localized(infer: Callable[..., Any], network: Any, frames: Movie, alone: bool) -> Candidates:
    """Return the network's candidates on a movie."""
    seen = SCALES.network_input(photons_from(frames.adu.astype(np.float32), CMOS))
    seen = with_neighbours(seen)
    seen[..., 1:] *= not alone
    reader = NativeReader(8)
    (tile,) = plan_tiles(FIELD_PX, FIELD_PX, FIELD_PX, network.halo_px, network.alignment_px)
    found = []
    for number in range(0, len(seen), BATCH):
        found += reader.of_frames(infer(seen[number : number + BATCH]), tile, number)
    return concatenated(found)


def kept(found: Candidates, threshold: float) -> Points:
    """Return the candidates above a threshold."""
    good = found.where(found.score >= threshold)
    nm = CMOS.pixel_size_nm
    return Points(good.frame, good.x_px * nm, good.y_px * nm)


def scored(found: Points, truth: Points) -> tuple[float, float]:
    """Return Jaccard index and RMSE (nm)."""
    pairs = match_points(found, truth, TOLERANCE_NM)
    right = len(pairs)
    jaccard = right / max(1, found.frame.size + truth.frame.size - right)
    return jaccard, float(np.sqrt(np.mean(pairs.distance_nm**2))) if right else float("nan")


def judged(network: Any, model: Any, alone: bool) -> tuple[list[tuple[float, float]], float]:
    """Return the network's scores on both kinds of movies, and its frames per second."""
    import tensorflow as tf

    told = tf.constant(SCALES.expectations()[None])
    run = tf.function(lambda frames: model([frames, told], training=False), reduce_retracing=True)

    def infer(frames: np.ndarray) -> np.ndarray:
        return run(tf.constant(frames)).numpy()

    rows = []
    for on_frames in KINDS:
        known, unseen = (movie(on_frames, seed) for seed in (KNOWN, UNSEEN))
        found = localized(infer, network, known, alone)
        thresholds = np.linspace(0.1, 0.95, 35)
        best = max(thresholds, key=lambda t: scored(kept(found, t), known.truth)[0])
        seen = localized(infer, network, unseen, alone)
        rows.append(scored(kept(seen, best), unseen.truth))
    frames = np.zeros((BATCH, FIELD_PX, FIELD_PX, 3), np.float32)
    seconds = []
    for _ in range(8):
        began = time.perf_counter()
        infer(frames)
        seconds.append(time.perf_counter() - began)
    return rows, BATCH / min(seconds)


def refinement_judged(folder: Path) -> list[tuple[float, float]]:
    """Return the scores of the refined general model on both kinds of movies."""
    movies = [movie(on_frames, UNSEEN) for on_frames in KINDS]
    return [scored(points_of(refined(m, folder)[1]), m.truth) for m in movies]


def in_words(rows: list[tuple[float, float]]) -> str:
    """Return Jaccard index and RMSE of both kinds of movies as columns."""
    return "".join(f"{jaccard:>9.3f} /{rmse:>5.1f}" for jaccard, rmse in rows)


def measured(lever: Lever, network: Any, steps: int, folder: Path) -> str:
    """Train and score; return the row."""
    import keras

    keras.utils.set_random_seed(1)
    training = settings_for(network, Training(steps=steps, seed=1, patience_epochs=1000))
    model = network.build()
    if lever.general:
        model.set_weights(ds.Model.load("general").keras_model.get_weights())
    began = time.perf_counter()
    if lever.trained:
        data = {
            "simulated": partial(simulated, training),
            "curriculum": partial(Curriculum, training),
            "lasting": partial(simulated, training, seen_frames=ON_FRAMES),
            "corrected": lambda: corrected(training, movie(1.0, UNSEEN), folder),
        }[lever.data]()
        model.set_weights(train_network(model, network, data, training).best)
    minutes = (time.perf_counter() - began) / 60
    rows, speed = judged(network, model, lever.alone)
    values = in_words(rows)
    done = steps if lever.trained else 0
    return f"{lever.name:<42}{done:>6}{minutes:>6.1f}{values}{speed:>8.0f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000, help="of trainings from nothing")
    parser.add_argument("--from-steps", type=int, default=500, help="from the general model")
    parser.add_argument("--only", default="", help="levers whose name contains this")
    options = parser.parse_args()
    quiet_tensorflow()
    print(f"{'lever':<42}{'steps':>6}{'min':>6}{'on in 1 frame':>16}{'in 3':>16}{'fps':>8}")
    # TensorFlow is needed from here on, after it was told to be quiet.
    from lever_networks import NETWORKS

    with tempfile.TemporaryDirectory() as folder:
        for lever in (lever for lever in LEVERS if options.only in lever.name):
            steps = options.from_steps if lever.general else options.steps
            print(measured(lever, NETWORKS[lever.network](), steps, Path(folder)), flush=True)
        if options.only in REFINED:
            print(f"{REFINED:<54}{in_words(refinement_judged(Path(folder)))}", flush=True)


if __name__ == "__main__":
    main()
