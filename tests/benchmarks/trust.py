"""Can the answer be believed? Confidence, uncertainty, photons and bias against the truth.

    python tests/benchmarks/trust.py --way general -o docs/images
    python tests/benchmarks/trust.py --fits          # does the model notice when it does not fit?

Prints for each set of ``accuracy.py``: the expected calibration error of the confidence over all
candidates, error / uncertainty in each quartile of local density, photons, sigma and background
against the truth, and the bias by the position inside the pixel; draws reliability and bias.

``--fits`` simulates stacks that the general model was told rightly and wrongly of – PSF ±20 %,
baseline ±10 photons, photons per ADU × 2 and ÷ 2, three times the density – and prints what the
verdict of each reconstruction names. Rightly told ones are made from 20 seeds.
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
from deep_storm.simulation.frames import simulate
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

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


FITS_SETS = {
    "sparse": (0.5, "uniform", False, 40),
    "2 /µm²": (2.0, "uniform", False, 20),
    "6 /µm²": (6.0, "uniform", False, 12),
    "filaments": (1.0, "filaments", False, 24),
    "EM gain": (1.0, "uniform", True, 24),
    "EM gain, 4 /µm²": (4.0, "uniform", True, 12),
}
RIGHT_SEEDS = 20
WORDS = {"PSF": "sigma", "baseline": "baseline", "photons per ADU": "gain", "emitters": "density"}
CAUSES = {
    "PSF -20 %": ("sigma", {"sigma": 0.8}),
    "PSF +20 %": ("sigma", {"sigma": 1.2}),
    "baseline +": ("baseline", {"offset_photon": 10.0}),
    "baseline -": ("baseline", {"offset_photon": -10.0}),
    "gain x 2": ("gain", {"gain": 2.0}),
    "gain / 2": ("gain", {"gain": 0.5}),
    "density x 3": ("density", {"density": 3.0}),
}


def fits_camera(em: bool, offset_photon: float = 0.0, gain: float = 1.0) -> ds.Camera:
    camera = (
        ds.Camera(
            pixel_size_nm=100, baseline_adu=400, photons_per_adu=5, em_gain=100, read_noise_adu=20
        )
        if em
        else ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)
    )
    return camera.model_copy(
        update={
            "baseline_adu": camera.baseline_adu + offset_photon / camera.photons_per_count,
            "photons_per_adu": camera.photons_per_adu * gain,
        }
    )


def fits_movie(
    name: str,
    seed: int,
    sigma: float = 1.0,
    density: float = 1.0,
    offset_photon: float = 0.0,
    gain: float = 1.0,
) -> tuple[Any, tuple[Any, ...]]:
    """Return a stack as it truly is, and what the model is told."""
    per_um2, structure, em, frames = FITS_SETS[name]
    psf = ds.Psf(sigma_nm=130, sigma_std_nm=5)
    emitters = ds.Emitters(
        density_per_um2=per_um2,
        intensity_photon=1500,
        intensity_std_photon=300,
        structure=structure,
    )
    background = ds.Background(background_photon=20)
    movie = simulate(
        fits_camera(em, offset_photon, gain),
        psf.model_copy(update={"sigma_nm": 130 * sigma}),
        emitters.model_copy(update={"density_per_um2": per_um2 * density}),
        background,
        ds.Simulation(frames=frames, seed=1000 + seed),
    )
    return movie.stack, (fits_camera(em), psf, emitters, background)


def named(sentences: tuple[str, ...]) -> str:
    found = (next((k for w, k in WORDS.items() if w in s), "regions") for s in sentences)
    return ", ".join(found) or "fits"


def judge_fits() -> None:
    """Print what is named for right and wrong settings."""
    general = ds.Model.load("general")
    for name in FITS_SETS:
        model = adapted(general, Molecules(*fits_movie(name, 0)[1]))
        said = []
        for seed in range(RIGHT_SEEDS):
            result = ds.reconstruct(fits_movie(name, seed)[0], model=model)
            said.append(named(result.fits.sentences))
        print(f"{name:<18}{'right':<13}fits in {said.count('fits')} of {RIGHT_SEEDS}", flush=True)
        for cause, (right, wrong) in CAUSES.items():
            result = ds.reconstruct(fits_movie(name, 77, **wrong)[0], model=model)
            answer, fits = named(result.fits.sentences), result.fits
            print(
                f"{name:<18}{cause:<13}{answer:<18}{'ok' if answer == right else 'WRONG':<7}"
                f"χ² {fits.chi2:.2f}, dim {fits.chi2_dim:.2f}, bright {fits.chi2_bright:.2f}, "
                f"sigma {fits.sigma_ratio:.2f}; {fits.sentences[0][:90] if fits.sentences else ''}",
                flush=True,
            )


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
    parser.add_argument("--fits", action="store_true", help="judge the verdict on the fit instead")
    options = parser.parse_args()
    if options.fits:
        judge_fits()
        return
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
