"""How the super-resolution image compares with the truth, on frames like crowded microtubules.

    python benchmarks/image_quality.py --classic-minutes 8 --picture docs/images/image-quality.png

Simulates a movie whose emitters sit on bundles (200 nm wide, about 9 emitters per µm² and frame
where they are), and prints correlation, SSIM and NRMSE of each image with the true emitters, all of
them blurred by one super-resolution pixel: the general model's image (the expected density), its
table drawn, the same with ``refine``, and the image of a ``classic`` network that was trained on
matched simulation. One row is what single frames allow (see ``limit.py``): the true emitters,
fitted together. ``--thin`` has single filaments instead of bundles.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from limit import fitted_table
from PIL import Image
from scipy.spatial import cKDTree

import deep_storm as ds
from deep_storm.quality.images import compare_maps
from deep_storm.rendering import emitter_image, render
from deep_storm.settings import Network, Rendering, Simulation
from deep_storm.simulation.field import Field
from deep_storm.simulation.frames import SimulatedStack, simulate
from deep_storm.simulation.structures import draw_filaments
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
PSF = ds.Psf(sigma_nm=130, sigma_std_nm=5)
BACKGROUND = ds.Background(background_photon=20)
SIZE_PX = 64
BUNDLE_NM = 200.0
STRUCTURE_SEED = 10
MASK_NM = 10.0
RADIUS_NM = 500.0
HEAD = f"{'image':<34}{'min':>6}{'correlation':>13}{'SSIM':>8}{'NRMSE':>8}{'Jaccard':>9}{'RMSE':>7}"


def emitters(density_per_um2: float) -> ds.Emitters:
    """Return what the models are given of the emitters."""
    return ds.Emitters(
        density_per_um2=density_per_um2,
        intensity_photon=1500,
        intensity_std_photon=300,
        structure="filaments",
    )


def bundles() -> np.ndarray:
    """Return a mask image of bundles: filaments as wide as several side by side."""
    rng = np.random.default_rng(STRUCTURE_SEED)
    thin = draw_filaments(Field(SIZE_PX, SIZE_PX, CAMERA.pixel_size_nm), rng)
    half_px = np.full_like(thin.half_width_px, BUNDLE_NM / 2 / CAMERA.pixel_size_nm)
    x, y = replace(thin, half_width_px=half_px).positions(4_000_000, rng)
    edges = np.arange(0, SIZE_PX + 1e-9, MASK_NM / CAMERA.pixel_size_nm)
    return np.histogram2d(y, x, (edges, edges))[0].astype(np.float32)


def movie(frames: int, density_per_um2: float, thin: bool) -> SimulatedStack:
    """Simulate the frames."""
    settings = Simulation(frames=frames, width_px=SIZE_PX, height_px=SIZE_PX, seed=STRUCTURE_SEED)
    mask = None if thin else bundles()
    told = emitters(density_per_um2)
    return simulate(CAMERA, PSF, told, BACKGROUND, settings, mask=mask)


def local_density(truth: Any) -> float:
    """Return the median density (per µm²) within 500 nm of an emitter, in its frame."""
    spaced = np.column_stack([truth["x_nm"], truth["y_nm"], truth["frame"] * 1e6])
    near = cKDTree(spaced).query_ball_point(spaced, RADIUS_NM, return_length=True)
    return float(np.median(near) / (np.pi * (RADIUS_NM / 1000) ** 2))


def line(name: str, minutes: float, image: Any, truth: Any, found: Any = None) -> str:
    """Compare one image with the truth."""
    scores = compare_maps(image, truth).scores
    text = (
        f"{name:<34}{minutes:>6.1f}{scores.correlation:>13.3f}{scores.ssim:>8.3f}"
        f"{scores.nrmse:>8.3f}"
    )
    return text if found is None else f"{text}{found.jaccard:>9.3f}{found.rmse_nm:>7.1f}"


def save_picture(path: Path, images: list[Any]) -> None:
    """Write images side by side, each from 0 to its 99.8th percentile."""
    shown = [np.clip(i / np.percentile(i, 99.8), 0, 1) * 255 for i in images]
    gap = np.full((shown[0].shape[0], 8), 255.0)
    parts = [part for one in shown for part in (one, gap)][:-1]
    Image.fromarray(np.hstack(parts).astype(np.uint8)).save(path)


def limit_image(data: SimulatedStack, density_per_um2: float, nm: float) -> Any:
    """Return the image of the true emitters, each moved to where its own frame puts it."""
    known = SimpleNamespace(
        camera=CAMERA,
        psf=PSF,
        emitters=emitters(density_per_um2),
        background=BACKGROUND,
        truth=data.truth,
        beyond=None,
    )
    edge = round(SIZE_PX * CAMERA.pixel_size_nm / nm)
    return emitter_image(fitted_table(data.stack, known), (edge, edge), nm, blur_px=1.0)


def trained_classic(options: argparse.Namespace) -> Any:
    """Return a ``classic`` model trained on matched simulation."""
    return ds.train(
        camera=CAMERA,
        psf=PSF,
        emitters=emitters(options.density),
        background=BACKGROUND,
        network=Network(network="classic", upsampling=options.upsampling),
        from_model="none",
        minutes=options.classic_minutes,
    ).model


def compare(options: argparse.Namespace) -> list[Any]:
    """Print a row for each image; return the truth and the images."""
    data = movie(options.frames, options.density, options.thin)
    nm = CAMERA.pixel_size_nm / options.upsampling
    field_nm = (SIZE_PX * CAMERA.pixel_size_nm,) * 2
    truth = emitter_image(data.truth, (SIZE_PX * options.upsampling,) * 2, nm, blur_px=1.0)
    print(
        f"{options.frames} frames, {len(data.truth) / options.frames:.0f} emitters a frame, "
        f"median local density {local_density(data.truth):.1f} per µm², pixels of {nm:g} nm"
    )
    print(HEAD, flush=True)
    shown = [truth]

    def judge(name: str, minutes: float, model: Any, **settings: Any) -> None:
        result = ds.reconstruct(data.stack, model=model, **settings)
        found = ds.evaluate(result.table, data.truth, tolerance_nm=(100.0,)).comparison.scores[0]
        print(line(name, minutes, result.image, truth, found), flush=True)
        shown.append(result.image)
        if "upsampling" in settings:
            drawn = render(result.table, Rendering(pixel_size_nm=nm), field_nm)
            print(line(f"{name}, table drawn", minutes, drawn, truth), flush=True)
            shown.append(drawn)

    native = adapted(
        ds.Model.load("general"), Molecules(CAMERA, PSF, emitters(options.density), BACKGROUND)
    )
    judge("general", 0.0, native, upsampling=options.upsampling)
    judge("general --refine", 0.0, native, upsampling=options.upsampling, refine=True)
    limit = limit_image(data, options.density, nm)
    print(line("limit of single frames", 0.0, limit, truth), flush=True)
    if options.classic_minutes:
        began = time.perf_counter()
        classic = trained_classic(options)
        judge("classic", (time.perf_counter() - began) / 60, classic)
    return shown


def main() -> None:
    """Simulate, reconstruct, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=361)
    parser.add_argument("--density", type=float, default=5.5, help="mean, per µm²")
    parser.add_argument("--thin", action="store_true", help="single filaments, not bundles")
    parser.add_argument("--upsampling", type=int, default=8)
    parser.add_argument("--classic-minutes", type=float, default=0.0, help="0: without classic")
    parser.add_argument("--picture", type=Path, help="truth | native | its table | classic")
    options = parser.parse_args()
    from deep_storm.networks.device import quiet_tensorflow

    quiet_tensorflow()
    shown = compare(options)
    if options.picture:
        save_picture(options.picture, [shown[k] for k in (0, 1, 2, -1)])


if __name__ == "__main__":
    main()
