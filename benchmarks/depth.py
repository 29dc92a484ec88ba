"""Accuracy in depth: astigmatic movies of another simulator, LD, MD and HD.

    python benchmarks/depth.py --minutes 10
    python benchmarks/depth.py --steps 600 --frames 200

Sets: ``3DAS_*`` of NAIRR-SMLM in ``../shared/nairr``: 32 × 32 px of 100 nm, 2,400 photons, depths
from -400 to 400 nm, 6, 16 and 34 emitters a frame. The PSF is made of the published widths
(elliptical Gaussians), the camera is as described; its read-out noise is that of dark pixels, whose
variance is 50, of which 30 is the background's. One model is trained on that, from the general one,
at the density of MD, and then told the density of each set and how long emitters stay on. None lie
beyond the border: the frames get darker towards it. Depth comes from the network alone, and from
its refinement.

Printed: Jaccard index (within 250 nm laterally and 500 nm axially, as in the SMLM challenge),
precision, lateral and axial RMSE along one axis, bias along z, error over stated uncertainty along
x, y and z, the Cramér–Rao limit of isolated emitters and of the emitters as they lie beside each
other, and the joint fit that starts at the truth (``limit``). A second line is for those emitters
alone that have no other one within 1 µm and lie 0.4 µm or more from the border, where nothing of
their light is cut off: for these the first of the two limits holds.
The truth of these movies is taken as it is: 109 isolated emitters lie 0.1 and -0.3 nm beside it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from limit import prior_for, settled
from scipy.spatial import cKDTree

import deep_storm as ds
from deep_storm.inference.refining import map_frames
from deep_storm.model import Model
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.psf.elliptical import Widths, elliptical_table
from deep_storm.psf.precision import cramer_rao
from deep_storm.psf.window import fill_table_window
from deep_storm.quality.matching import match_points, points_of
from deep_storm.settings import (
    Background,
    Device,
    Emitters,
    Network,
    Psf,
    Reconstruction,
    Training,
)
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules, train_model

DATA = Path(__file__).resolve().parents[2] / "shared" / "nairr"
CAMERA = ds.Camera(pixel_size_nm=100.0, baseline_adu=500.0, photons_per_adu=1.0, read_noise_adu=4.5)
DENSITIES = {"LD": 0.6, "MD": 1.6, "HD": 3.3}
SEEN_FRAMES = {"LD": 2.1, "MD": 3.0, "HD": 4.1}
"""In a row that an emitter is on, as ``estimate`` finds it in each movie."""
PHOTONS, BACKGROUND, REACH_NM = 2400.0, 30.0, 400.0
LATERAL_NM, AXIAL_NM, APART_NM, BORDER_NM = 250.0, 500.0, 1000.0, 400.0


def psf_table() -> Any:
    """Return the PSF of the published widths; its focus along x lies below that along y."""
    z_nm = np.linspace(-600.0, 600.0, 25)

    def widths(usual: float, focus: float, third: float, fourth: float) -> Any:
        u = (z_nm - focus) / 290.0
        return usual * np.sqrt(1.0 + u**2 + third * u**3 + fourth * u**4)

    x_nm, y_nm = widths(140.0, -205.0, 0.05, 0.03), widths(135.0, 205.0, -0.01, 0.02)
    return elliptical_table(Widths(z_nm, x_nm, y_nm), 100.0)


def molecules(name: str, table: Any) -> Molecules:
    """Return what the description of a set says, and its movie of how long emitters stay on."""
    return Molecules(
        CAMERA,
        Psf(sigma_nm=table.effective_sigma_nm, depth_reach_nm=REACH_NM),
        Emitters(
            density_per_um2=DENSITIES[name],
            intensity_photon=PHOTONS,
            intensity_std_photon=0.02 * PHOTONS,
            seen_frames=SEEN_FRAMES[name],
            beyond_border=False,  # as ``estimate`` finds
        ),
        Background(background_photon=BACKGROUND),
        table=table,
    )


def read_truth(name: str, frames: int) -> pd.DataFrame:
    """Return frame (from 0), x, y, z in nm."""
    table = pd.read_csv(DATA / f"3DAS_{name}_Train.csv.gz")
    columns = {
        "frame": table["Frame"] - 1,
        "x_nm": table["x (nm)"],
        "y_nm": table["y (nm)"],
        "z_nm": table["z (nm)"],
    }
    truth = pd.DataFrame(columns).sort_values("frame", ignore_index=True)
    return truth[truth["frame"] < frames]


def isolated(truth: pd.DataFrame, edge_nm: float) -> Any:
    """Return which emitters have neither another one nor the border near them."""
    far_apart = truth["frame"].to_numpy() * 1e6
    places = np.column_stack([truth["x_nm"], truth["y_nm"], far_apart])
    inside = np.minimum(places[:, :2], edge_nm - places[:, :2]).min(axis=1) > BORDER_NM
    return inside & (cKDTree(places).query(places, 2)[0][:, 1] > APART_NM)


def joint_limit(truth: pd.DataFrame, table: Any, edge: int) -> tuple[float, float]:
    """Return the Cramér–Rao limit (lateral, axial) of emitters as they lie beside each other.

    Photons are known to 5 % before, as refinement knows them, and the background is even.
    """
    variances = []
    for _, rows in truth.groupby("frame"):
        places = rows[["x_nm", "y_nm", "z_nm"]].to_numpy(np.float64)
        slopes = [np.ones((1, edge * edge))]
        mean = np.full(edge * edge, BACKGROUND)
        for x, y, z in places:
            light = np.empty((4, edge, edge))
            fill_table_window(
                0, 0, edge, edge, x / 100.0, y / 100.0, z, table.coefficients,
                table.samples_per_px, table.radius_px, table.z0_nm, table.dz_nm, light,
            )  # fmt: skip
            flat = light.reshape(4, -1)
            slopes.append(np.vstack([PHOTONS * flat[1:], flat[:1]]))
            mean += PHOTONS * flat[0]
        every = np.concatenate(slopes)
        information = (every / (np.maximum(mean, 0.1) + CAMERA.read_noise_photon**2)) @ every.T
        known = np.tile([1e-4, 1e-4, REACH_NM**-2, (0.05 * PHOTONS) ** -2], len(places))
        information[np.diag_indices(len(every))] += [0.0, *known]
        variances.append(np.diag(np.linalg.inv(information))[1:].reshape(-1, 4))
    mean_variance = np.concatenate(variances).mean(axis=0)
    lateral = np.sqrt((mean_variance[0] + mean_variance[1]) / 2.0) * CAMERA.pixel_size_nm
    return float(lateral), float(np.sqrt(mean_variance[2]))


def scored(table: pd.DataFrame, truth: pd.DataFrame, only: Any = None) -> dict[str, float]:
    """Return the scores of a table; errors of the emitters in ``only`` alone."""
    points, true_points = (points_of(t)._replace(z_nm=t["z_nm"].to_numpy()) for t in (table, truth))
    matches = match_points(points, true_points, LATERAL_NM, AXIAL_NM)
    right = len(matches.emitter)
    chosen = slice(None) if only is None else only[matches.emitter]
    found = table.iloc[matches.localization[chosen]]
    true = truth.iloc[matches.emitter[chosen]]
    off = {a: found[f"{a}_nm"].to_numpy() - true[f"{a}_nm"].to_numpy() for a in "xyz"}
    lateral = np.hypot(off["x"], off["y"])
    scores = {
        "Jaccard": right / (len(table) + len(truth) - right),
        "precision": right / max(len(table), 1),
        "lateral": float(np.sqrt(np.mean(lateral**2) / 2.0)),
        "axial": float(np.sqrt(np.mean(off["z"] ** 2))),
        "bias z": float(off["z"].mean()),
    }
    if "uncertainty_z_nm" in table:
        stated = {a: found["uncertainty_xy_nm"].to_numpy() for a in "xy"}
        stated["z"] = found["uncertainty_z_nm"].to_numpy()
        scores |= {
            f"err/unc {a}": float(np.sqrt(np.mean(off[a] ** 2 / stated[a] ** 2))) for a in "xyz"
        }
    return scores


def limit_of(photons: Any, truth: pd.DataFrame, known: Molecules) -> pd.DataFrame:
    """Return the table of a fit that starts at the truth."""
    nm = CAMERA.pixel_size_nm
    psf = known.psf.model_copy(update={"depth_reach_nm": 0.0, "depth_std_nm": REACH_NM})
    prior = prior_for(CAMERA, psf, known.emitters, known.table)
    start = truth[["x_nm", "y_nm"]].assign(photons=PHOTONS, z=truth["z_nm"]).to_numpy(np.float64)
    start = start / (nm, nm, 1.0, nm)
    frame = truth["frame"].to_numpy()
    rise = CAMERA.read_noise_photon**2 / prior.excess

    def fitted(number: int) -> Any:
        places = start[frame == number]
        found = settled(photons[number], places, rise, BACKGROUND, prior)
        return found[:, [0, 1, 3]] * nm

    found = np.concatenate(map_frames(fitted, np.unique(frame).tolist()))
    names = ("x_nm", "y_nm", "z_nm")
    return pd.DataFrame({"frame": frame, **dict(zip(names, found.T, strict=True))})


def trained(options: argparse.Namespace, known: Molecules) -> Model:
    """Return the model of the options, or train one."""
    if options.model is not None:
        return Model.load(options.model)
    training = Training(minutes=options.minutes, steps=options.steps)
    model, done = train_model(known, Network(), training, Device(), start=Model.load("general"))
    print(f"{done.steps} steps in {done.seconds / 60:.1f} minutes")
    if options.save is not None:
        model.save(options.save, overwrite=True)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=DENSITIES, default=list(DENSITIES))
    parser.add_argument("--minutes", type=float, default=10.0, help="of training")
    parser.add_argument("--steps", type=int, help="of training, instead of minutes")
    parser.add_argument("--model", help="a model folder of an earlier run, instead of training")
    parser.add_argument("--save", help="folder to keep the trained model in")
    parser.add_argument("--frames", type=int, default=1000, help="of each set")
    options = parser.parse_args()
    if not DATA.is_dir():
        parser.error(f"{DATA} is not there: these movies do not come with the project")
    quiet_tensorflow()
    table = psf_table()
    depths = np.linspace(-REACH_NM, REACH_NM, 17)
    limit = cramer_rao(table, depths, PHOTONS, BACKGROUND, CAMERA.read_noise_photon)
    lateral = float(np.sqrt(np.mean(limit.x**2 + limit.y**2) / 2.0))
    axial = float(np.sqrt(np.mean(limit.z**2)))
    print(f"Cramér–Rao limit of isolated emitters: lateral {lateral:.1f} nm, axial {axial:.1f} nm")
    model = trained(options, molecules("MD", table))
    for name in options.sets:
        known = molecules(name, table)
        told = model if name == "MD" else adapted(model, known)
        stack = ds.open_frames(DATA / f"3DAS_{name}_Train.tif").read(0, options.frames)
        truth = read_truth(name, len(stack))
        lateral, axial = joint_limit(truth, table, stack.shape[1])
        print(f"3DAS_{name} Cramér–Rao, as they lie: lateral {lateral:.1f}, axial {axial:.1f} nm")
        tables = {"limit": limit_of(CAMERA.photons(stack), truth, known)}
        for label, refine in (("network", False), ("refined", True)):
            settings = Reconstruction(refine=refine)
            began = time.perf_counter()
            done = ds.reconstruct(stack, model=told, settings=settings, trust_camera=True)
            print(f"3DAS_{name} {label:8} {time.perf_counter() - began:.0f} s", flush=True)
            tables[label] = done.table
        for label, one in tables.items():
            values = "  ".join(f"{k} {v:.3f}" for k, v in scored(one, truth).items())
            print(f"3DAS_{name} {label:8} {values}", flush=True)
            alone = isolated(truth, stack.shape[1] * CAMERA.pixel_size_nm)
            if not alone.any():
                continue
            values = "  ".join(
                f"{k} {v:.3f}"
                for k, v in scored(one, truth, alone).items()
                if k not in ("Jaccard", "precision")
            )
            print(f"    {alone.sum()} that stand alone: {values}", flush=True)


if __name__ == "__main__":
    main()
