"""Filaments in fields of any size: what is estimated of them, and what is found.

    python benchmarks/filaments.py                                  # 256 × 256 px, six movies
    python benchmarks/filaments.py --field-px 64 --seeds 1 2 3 4

The movies are our own simulation: each has a PSF drawn at random (aberrated, nowhere a Gaussian),
photons, background, on-times, density and filaments of its own. ``blind``: the camera is given,
nothing else. ``told``: what was simulated is. A line for each movie says what was estimated of its
true molecules: density, mean photons and light as a ratio, the relative spread of the photons less
the true one, and what they were found to lie on.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from real_light import scored

import deep_storm as ds
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.inputs.movie import examined_movie
from deep_storm.io.psf_files import write_psf
from deep_storm.io.stacks.frames import open_frames
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.psf.random import draw_psf
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Background, Emitters, Psf, Reconstruction, Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

FRAMES = 100
FILAMENT_UM_PER_UM2 = 0.3, 1.0
CAMERA = ds.Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5, read_noise_adu=2.0)


class Movie(NamedTuple):
    """A simulated movie: frames in ADU, its molecules, and what was simulated."""

    stack: np.ndarray
    truth: pd.DataFrame
    molecules: Molecules


def filmed(seed: int, field_px: int, folder: Path) -> Movie:
    """Draw an experiment and simulate it."""
    rng = np.random.default_rng(seed)
    table: PsfTable = draw_psf(rng, CAMERA.pixel_size_nm)
    psf_file = folder / f"psf{seed}.toml"
    write_psf(psf_file, table)
    psf = Psf(psf_file=str(psf_file), sigma_nm=table.effective_sigma_nm, sigma_std_nm=0.0)
    photons = float(np.exp(rng.uniform(np.log(700.0), np.log(3000.0))))
    emitters = Emitters(
        density_per_um2=float(rng.uniform(0.4, 1.5)),
        intensity_photon=photons,
        intensity_std_photon=float(rng.uniform(0.4, 1.2)) * photons,
        spread="gamma",
        on_time_frames=float(rng.choice([0.0, 1.0, 2.0])),
        structure="filaments",
        filament_um_per_um2=float(np.exp(rng.uniform(*np.log(FILAMENT_UM_PER_UM2)))),
    )
    background = Background(background_photon=float(rng.uniform(10.0, 60.0)))
    size = Simulation(frames=FRAMES, width_px=field_px, height_px=field_px, seed=seed)
    made = simulate(CAMERA, psf, emitters, background, size)
    truth = made.truth.sort_values("frame", kind="stable", ignore_index=True)
    return Movie(made.stack, truth, Molecules(CAMERA, psf, emitters, background, table=table))


def model_for(way: str, movie: Movie) -> ds.Model:
    """Return the general model, ready for a movie."""
    general = ds.Model.load("general")
    if way == "told":
        return adapted(general, movie.molecules)
    with open_frames(movie.stack) as stream:
        examined = examined_movie(stream, CAMERA)
        return ready_model(general, Expected(examined.camera), examined, measure_psf=True).model


def estimated(movie: Movie, emitters: Emitters) -> list[float]:
    """Return density, photons and light over the true ones, and the spread less the true one."""
    photons = movie.truth["intensity_photon"]
    area_um2 = movie.stack.size * CAMERA.pixel_area_um2
    density = emitters.density_per_um2 / (len(photons) / area_um2)
    brightness = emitters.intensity_photon / float(photons.mean())
    spread = emitters.intensity_std_photon / emitters.intensity_photon
    return [
        density,
        brightness,
        density * brightness,
        spread - float(photons.std() / photons.mean()),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(1, 7)))
    parser.add_argument("--field-px", type=int, default=256)
    parser.add_argument("--ways", nargs="+", choices=("blind", "told"), default=["blind", "told"])
    options = parser.parse_args()
    quiet_tensorflow()
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds:
            movie = filmed(seed, options.field_px, Path(folder))
            for way in options.ways:
                ratios += lines_of(way, seed, movie)
    if ratios:
        off = np.array(ratios)
        off[:, :3] = np.log(off[:, :3])
        rms = np.sqrt(np.mean(off**2, axis=0))
        print("rms error (logarithm; of the spread as it is): " + numbers(rms.tolist()))


def lines_of(way: str, seed: int, movie: Movie) -> list[list[float]]:
    """Print what is found in a movie, and return what was estimated of it, if it was."""
    try:
        model = model_for(way, movie)
    except ds.DeepStormError as error:
        print(f"{seed:3} {way:6} {error}", flush=True)
        return []
    found = []
    if way == "blind":
        found = [estimated(movie, model.card.emitters)]
        length = model.card.emitters.filament_um_per_um2
        print(f"{seed:3} {numbers(found[0])} {model.card.emitters.structure} {length:.2f}/um")
    for refine in (False, True):
        table = ds.reconstruct(
            movie.stack, model=model, settings=Reconstruction(refine=refine)
        ).table
        values = scored(table, movie.truth)
        names = ("Jaccard", "precision", "RMSE", "ECE", "err/unc")
        text = "  ".join(f"{name} {values[name]:.3f}" for name in names)
        print(f"    {way:6} {'refined' if refine else 'network'}  {text}", flush=True)
    return found


def numbers(values: list[float]) -> str:
    """Name what :func:`estimated` returns."""
    names = ("density", "photons", "light", "spread")
    return "  ".join(f"{name} {value:.2f}" for name, value in zip(names, values, strict=True))


if __name__ == "__main__":
    main()
