"""The classic network, trained on the data that came with Deep-STORM's notebook, on other frames.

    python benchmarks/classic.py --minutes 20 --picture classic.png

Trains on ``ArtificialDataset_demo1.tif`` and its positions alone (20 frames), reconstructs
``dense_d6`` (6 emitters per µm², another simulation with another camera gain), and prints how its
table and its image compare with the truth, beside those of the general model. The true image is
blurred by one super-resolution pixel. Needs the data sets beside the repository.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from scipy.ndimage import gaussian_filter

import deep_storm as ds
from deep_storm.quality.images import compare_maps
from deep_storm.rendering import emitter_image
from deep_storm.settings import Network

SHARED = Path(__file__).resolve().parents[2] / "shared"
DEMO1 = SHARED / "deepstorm-demo1"
THUNDERSTORM = SHARED / "thunderstorm"
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
MOLECULES = {
    "sigma_nm": 110.0,
    "density_per_um2": 6.0,
    "intensity_photon": 2250.0,
    "background_photon": 20.0,
}
UPSAMPLING = 8


def frames_for_the_models_camera() -> np.ndarray:
    """Return ``dense_d6`` as the camera of demo1 would have written it: half a photon per ADU."""
    return 2.0 * (tifffile.imread(THUNDERSTORM / "dense_d6.tif").astype(np.float32) - 100) + 100


def true_image(truth, shape: tuple[int, int]) -> np.ndarray:
    """Return the true emitters of all frames, blurred by a super-resolution pixel."""
    return emitter_image(truth, shape, CAMERA.pixel_size_nm / UPSAMPLING, blur_px=1.0)


def show(name: str, result, truth, seconds: float) -> None:
    """Print a row of the table."""
    found = ds.evaluate(result.table, truth, tolerance_nm=(100.0,)).comparison.scores[0]
    wanted = true_image(truth, result.image.shape)
    image = compare_maps(result.image, wanted).scores
    smooth = gaussian_filter(result.image.astype(np.float64), 1.0)
    blurred = compare_maps(smooth, wanted).scores
    print(
        f"{name:<26}{seconds / 60:>6.1f}{found.jaccard:>9.3f}{found.recall:>8.3f}"
        f"{found.precision:>11.3f}{found.rmse_nm:>7.1f}{image.correlation:>13.3f}"
        f"{image.ssim:>7.3f}{blurred.correlation:>10.3f}{blurred.ssim:>7.3f}"
        f"{result.frames_per_second:>7.1f}",
        flush=True,
    )


def save_picture(path: Path, images: list[np.ndarray]) -> None:
    """Write images side by side, each from 0 to its 99.5th percentile."""
    shown = [np.clip(i / np.percentile(i, 99.5), 0, 1) * 255 for i in images]
    gap = np.full((shown[0].shape[0], 8), 255.0)
    parts = [part for one in shown for part in (one, gap)][:-1]
    Image.fromarray(np.hstack(parts).astype(np.uint8)).save(path)


def main() -> None:
    """Train, reconstruct, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--batch", type=int, help="patches per training step")
    parser.add_argument("--picture", type=Path, help="classic | general | truth, side by side")
    options = parser.parse_args()
    if not SHARED.is_dir():
        raise SystemExit(f"this benchmark needs {DEMO1.name} and {THUNDERSTORM.name}")
    truth = ds.read_table(THUNDERSTORM / "dense_d6_gt.csv", CAMERA, kind="ground truth")
    frames = frames_for_the_models_camera()
    began = time.perf_counter()
    classic = ds.train(
        simulation=(DEMO1 / "ArtificialDataset_demo1.tif", DEMO1 / "positions_demo1.csv"),
        camera=CAMERA,
        network=Network(network="classic", upsampling=UPSAMPLING),
        minutes=options.minutes,
        batch=options.batch,
    ).model
    trained = time.perf_counter() - began
    print(
        f"{'model':<26}{'min':>6}{'Jaccard':>9}{'recall':>8}{'precision':>11}{'RMSE':>7}"
        f"{'correlation':>13}{'SSIM':>7}{'blurred':>10}{'SSIM':>7}{'fps':>7}"
    )
    first = ds.reconstruct(frames, model=classic)
    show("classic, demo1 alone", first, truth, trained)
    second = ds.reconstruct(frames, model="general", camera=CAMERA, **MOLECULES)
    show("general, not trained", second, truth, 0.0)
    if options.picture:
        images = [first.image, second.image, true_image(truth, first.image.shape)]
        save_picture(options.picture, [gaussian_filter(i, 1.0) for i in images[:2]] + images[2:])


if __name__ == "__main__":
    main()
