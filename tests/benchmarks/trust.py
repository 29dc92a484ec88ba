"""Can the answer be believed? Confidence, uncertainty, photons and bias against the truth.

    python tests/benchmarks/trust.py --way general -o docs/images

Prints for each set of ``accuracy.py``: the expected calibration error of the confidence over all
candidates, error / uncertainty in each quartile of local density, photons, sigma and background
against the truth, and the bias by the position inside the pixel; draws reliability and bias.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).parent))
import accuracy

import deep_storm as ds
from deep_storm.quality.calibration import calibration_error, reliability
from deep_storm.quality.matching import match

RADIUS_NM = 500.0
LEAST_CONFIDENCE = 0.05


def local_density(table: Any) -> Any:
    """Emitters per µm² within 500 nm of each, in its own frame."""
    spaced = np.column_stack([table["x_nm"], table["y_nm"], table["frame"] * 1e6])
    tree = cKDTree(spaced)
    near = tree.query_ball_point(spaced, RADIUS_NM, return_length=True)
    return near / (np.pi * (RADIUS_NM / 1000) ** 2)


def judged(data: accuracy.Set, model: Any) -> dict[str, Any]:
    result = ds.reconstruct(data.stack, model=model, threshold=LEAST_CONFIDENCE)
    table, truth = result.table, data.truth.reset_index(drop=True)
    matches = match(table, truth, 100.0)
    correct = np.zeros(len(table), bool)
    correct[matches.localization] = True
    confidence = table["confidence"].to_numpy()
    sure = confidence >= model.card.threshold
    reported = table[sure].reset_index(drop=True)
    matches = match(reported, truth, 100.0)
    found, true = reported.iloc[matches.localization], truth.iloc[matches.emitter]
    dx = found["x_nm"].to_numpy() - true["x_nm"].to_numpy()
    dy = found["y_nm"].to_numpy() - true["y_nm"].to_numpy()
    off = (dx**2 + dy**2) / 2 / found["uncertainty_xy_nm"].to_numpy() ** 2
    density = local_density(truth)[matches.emitter]
    quartiles = np.array_split(np.argsort(density, kind="stable"), 4)
    ratio = {
        name: found[name].to_numpy() / true[name].to_numpy()
        for name in ("intensity_photon", "sigma_nm")
    }
    pixel = data.camera.pixel_size_nm
    place = (true["x_nm"].to_numpy() % pixel) / pixel
    bins = np.minimum((place * 10).astype(int), 9)
    return {
        "set": data.name,
        "ece": calibration_error(confidence, correct),
        "reliability": reliability(confidence, correct),
        "unc": float(np.sqrt(off.mean())),
        "unc_quartiles": [float(np.sqrt(off[q].mean())) for q in quartiles],
        "unc_median": float(np.sqrt(np.median(off) / np.log(2.0))),
        "photons": float(np.median(ratio["intensity_photon"])),
        "sigma": float(np.median(ratio["sigma_nm"])),
        "background": float(
            found["offset_photon"].mean() / np.square(true["bkgstd_photon"].to_numpy()).mean()
        ),
        "bias_x": float(dx.mean()),
        "bias_y": float(dy.mean()),
        "bias_by_place": [float(dx[bins == k].mean()) for k in range(10)],
    }


def draw(rows: list[dict[str, Any]], folder: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="0.6", lw=1)
    for row in rows:
        said, seen, _ = row["reliability"]
        left.plot(said, seen, ".-", label=row["set"])
        right.plot((np.arange(10) + 0.5) / 10, row["bias_by_place"], ".-")
    left.set(xlabel="confidence", ylabel="share that is right", title="Confidence")
    right.axhline(0, color="0.6", lw=1)
    right.set(xlabel="x inside the pixel", ylabel="mean error in x (nm)", title="Bias")
    right.set_ylim(-8, 8)
    left.legend(frameon=False)
    figure.savefig(folder / "trust.png", dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*accuracy.CAMERAS, "own_1", "own_5"]
    parser.add_argument("--sets", nargs="+", default=names)
    parser.add_argument("--way", default="general", choices=accuracy.WAYS)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("-o", "--output", type=Path, help="folder for the picture")
    options = parser.parse_args()
    print(
        f"{'set':<16}{'ECE':>7}{'err/unc':>9}  {'by density':<24}{'photons':>8}{'sigma':>7}"
        f"{'backgr.':>8}{'bias':>12}{'bias by place':>14}"
    )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.sets:
            own = name.startswith("own_")
            data = (
                accuracy.own_set(float(name[4:]), Path(folder))
                if own
                else accuracy.thunderstorm_set(name)
            )
            model, _ = accuracy.model_for(options.way, data, options.minutes, options.steps, 1)
            row = judged(data, model)
            rows.append(row)
            parts = " ".join(f"{v:.2f}" for v in row["unc_quartiles"])
            place = np.ptp(row["bias_by_place"])
            print(
                f"{row['set']:<16}{row['ece']:>7.3f}{row['unc']:>9.2f}  {parts:<24}"
                f"{row['photons']:>8.3f}{row['sigma']:>7.3f}{row['background']:>8.3f}"
                f"{row['bias_x']:>6.2f}{row['bias_y']:>6.2f}{place:>14.2f}",
                flush=True,
            )
    if options.output:
        draw(rows, options.output)


if __name__ == "__main__":
    main()
