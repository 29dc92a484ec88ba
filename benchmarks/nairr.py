"""Crowded movies of another simulator, blind: how many molecules there are decides.

    python benchmarks/nairr.py
    python benchmarks/nairr.py --sets 2DAiry_HD --frames 100

Movies of NAIRR-SMLM with an Airy PSF (``../shared/nairr``): 32 × 32 px of 100 nm, 3,000 photons on
a background of 500, 4.4 and 6.9 emitters per µm². Only the camera is given; PSF, photons,
background and density are estimated, the general model is not trained. Their truth is 10 nm off in
x and y (the centroids of isolated emitters say so), which is taken off. Prints what was estimated,
then Jaccard index, precision and RMSE at 100 nm, with and without ``--refine``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

import deep_storm as ds
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.inputs.movie import examined_movie
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.quality.matching import Points, match_points, points_of
from deep_storm.settings import Reconstruction

DATA = Path(__file__).resolve().parents[2] / "shared" / "nairr"
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=500, photons_per_adu=1, read_noise_adu=17.3)
OFFSET_NM = 10.0
TOLERANCE_NM = 100.0


def read_truth(path: Path, frames: int) -> Points:
    """Return the true emitters of the first frames."""
    table = pd.read_csv(path)
    table = table[table["Frame"] <= frames]
    x, y = (table[f"{axis} (nm)"].to_numpy() + OFFSET_NM for axis in "xy")
    return Points(table["Frame"].to_numpy() - 1, x, y)


def score(table: pd.DataFrame, truth: Points) -> str:
    """Return Jaccard index, precision and RMSE."""
    matches = match_points(points_of(table), truth, TOLERANCE_NM)
    right = matches.localization.size
    jaccard = right / (len(table) + truth.frame.size - right)
    rmse = np.sqrt(np.mean(matches.distance_nm**2))
    return f"{jaccard:8.3f}{right / len(table):8.3f}{rmse:8.1f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=["2DAiry_MD", "2DAiry_HD"])
    parser.add_argument("--frames", type=int, default=300)
    options = parser.parse_args()
    if not DATA.is_dir():
        parser.error(f"{DATA} is not there: these movies do not come with the project")
    quiet_tensorflow()
    for name in options.sets:
        stack = tifffile.imread(DATA / f"{name}_Train.tif")[: options.frames]
        truth = read_truth(DATA / f"{name}_Train.csv.gz", options.frames)
        movie = examined_movie(ArrayFrames(stack), CAMERA, trust_camera=True)
        ready = ready_model("general", Expected(CAMERA), movie, measure_psf=True)
        emitters = ready.model.card.emitters
        area_um2 = stack[0].size * (CAMERA.pixel_size_nm / 1000.0) ** 2
        print(
            f"{name}: {emitters.intensity_photon:.0f} ± {emitters.intensity_std_photon:.0f} "
            f"photons, {emitters.density_per_um2:.2f} per µm² (true: "
            f"{truth.frame.size / len(stack) / area_um2:.2f})"
        )
        for refine in (False, True):
            settings = Reconstruction(refine=refine)
            found = ds.reconstruct(stack, model=ready.model, trust_camera=True, settings=settings)
            print(
                f"  {'--refine' if refine else 'network':10}{score(found.table, truth)}", flush=True
            )


if __name__ == "__main__":
    main()
