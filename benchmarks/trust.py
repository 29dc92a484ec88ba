"""Can the answer be believed? Confidence, uncertainty, photons and bias against the truth.

    python benchmarks/trust.py -o docs/images
    python benchmarks/trust.py --refine
    python benchmarks/trust.py --fits          # does the model notice when it does not fit?

Prints for each set of ``accuracy.py``: the expected calibration error of the confidence over the
reported rows, error / uncertainty in each quartile of local density, photons, sigma and background
against the truth, the spread of photons of isolated emitters over its limit, and the bias by the
position inside the pixel (a cell of the network is half a pixel); draws reliability and bias.

``--fits`` simulates stacks that the general model was given rightly and wrongly of – PSF ±20 %,
baseline ±10 photons, photons per ADU × 2 and ÷ 2, three times the density – and prints what the
verdict of each reconstruction names. Those given rightly are made from 20 seeds.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import accuracy
import numpy as np
from scipy.spatial import cKDTree
from scipy.special import ndtr

import deep_storm as ds
from deep_storm.quality.calibration import calibration_error, reliability
from deep_storm.quality.matching import match
from deep_storm.simulation.frames import simulate
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

RADIUS_NM = 500.0
ALONE_NM = 800.0
BORDER_NM = 500.0
MIN_ALONE = 100
PLACES = 10


def local_density(table: Any, radius_nm: float = RADIUS_NM) -> Any:
    """Emitters per µm² within a radius of each, in its own frame."""
    spaced = np.column_stack([table["x_nm"], table["y_nm"], table["frame"] * 1e6])
    tree = cKDTree(spaced)
    near = tree.query_ball_point(spaced, radius_nm, return_length=True)
    return near / (np.pi * (radius_nm / 1000) ** 2)


def photon_limit(data: accuracy.Set, photons: float) -> float:
    """Return the Cramér-Rao limit of an isolated emitter's photons, relative to them.

    Position, photons, background and PSF sigma are free, the last within what is known of it; mean
    over positions inside the pixel.
    """
    camera, size = data.camera, 15
    sigma_px, sigma_std_px = camera.px(data.psf.sigma_nm), camera.px(data.psf.sigma_std_nm)
    edges = np.arange(size + 1)

    def expected(x: float, y: float, n: float, b: float, sigma: float) -> Any:
        across, down = (np.diff(ndtr((edges - c) / sigma)) for c in (x, y))
        return (n * down[:, None] * across + b).ravel()

    limits = []
    for shift in np.linspace(0.05, 0.95, 5):
        background = data.background.background_photon
        at = np.array([size // 2 + shift, size / 2, photons, background, sigma_px])
        steps = np.diag(1e-4 * np.maximum(at, 1.0))
        slopes = [(expected(*(at + d)) - expected(*(at - d))) / (2 * d.sum()) for d in steps]
        excess = camera.excess_noise_factor / camera.quantum_efficiency
        variance = excess * expected(*at) + camera.read_noise_photon**2
        information = np.array(slopes) / variance @ np.array(slopes).T
        information[4, 4] += 1.0 / max(sigma_std_px, 1e-3) ** 2
        limits.append(np.sqrt(np.linalg.inv(information)[2, 2]) / photons)
    return float(np.mean(limits))


def photon_spread(data: accuracy.Set, found: Any, true: Any, rows: Any) -> float:
    """Return the spread of isolated emitters' photons over its limit; nan where few are alone.

    Half the distance between the 16th and the 84th percentile.
    """
    truth = data.truth.reset_index(drop=True)
    lonely = local_density(truth, ALONE_NM)[rows] * np.pi * (ALONE_NM / 1000) ** 2 < 1.5
    field = [n * data.camera.pixel_size_nm for n in reversed(shape_of(data))]
    for name, edge in zip(("x_nm", "y_nm"), field, strict=True):
        lonely &= (true[name].to_numpy() > BORDER_NM) & (true[name].to_numpy() < edge - BORDER_NM)
    if lonely.sum() < MIN_ALONE:
        return float("nan")
    photons = true["intensity_photon"].to_numpy()[lonely]
    off = found["intensity_photon"].to_numpy()[lonely] / photons - 1.0
    low, high = np.percentile(off / np.interp(photons, *limits_at(data, photons)), [15.87, 84.13])
    return float((high - low) / 2)


def limits_at(data: accuracy.Set, photons: Any) -> tuple[Any, Any]:
    """Return the limit at some numbers of photons within the range of ``photons``."""
    some = np.linspace(photons.min(), photons.max() + 1.0, 8)
    return some, np.array([photon_limit(data, n) for n in some])


def shape_of(data: accuracy.Set) -> tuple[int, int]:
    """Return height and width of the frames."""
    with ds.open_frames(data.stack) as stream:
        return stream.shape[1], stream.shape[2]


def judged(data: accuracy.Set, model: Any, refine: bool) -> dict[str, Any]:
    """Reconstruct one set and compare each column with the truth."""
    reported = ds.reconstruct(data.stack, model=model, refine=refine).table
    truth = data.truth.reset_index(drop=True)
    matches = match(reported, truth, 100.0)
    correct = np.zeros(len(reported), bool)
    correct[matches.localization] = True
    confidence = reported["confidence"].to_numpy()
    found, true = reported.iloc[matches.localization], truth.iloc[matches.emitter]
    error = {n: found[n].to_numpy() - true[n].to_numpy() for n in ("x_nm", "y_nm")}
    off = sum(e**2 for e in error.values()) / 2 / found["uncertainty_xy_nm"].to_numpy() ** 2
    density = local_density(truth)[matches.emitter]
    quartiles = np.array_split(np.argsort(density, kind="stable"), 4)
    ratio = {
        name: found[name].to_numpy() / true[name].to_numpy()
        for name in ("intensity_photon", "sigma_nm")
    }
    pixel = data.camera.pixel_size_nm
    place = {n: (true[n].to_numpy() % pixel / pixel * PLACES).astype(int) % PLACES for n in error}
    return {
        "set": data.name,
        "rows": len(reported),
        "ece": calibration_error(confidence, correct),
        "reliability": reliability(confidence, correct),
        "unc": float(np.sqrt(off.mean())),
        "unc_quartiles": [float(np.sqrt(off[q].mean())) for q in quartiles],
        "photons": float(np.median(ratio["intensity_photon"])),
        "photon_spread": photon_spread(data, found, true, matches.emitter),
        "sigma": float(np.median(ratio["sigma_nm"])),
        "background": float(
            found["background_photon"].mean() / np.square(true["bkgstd_photon"].to_numpy()).mean()
        ),
        "bias": {n: float(e.mean()) for n, e in error.items()},
        "by_place": {
            n: [float(e[place[n] == k].mean()) for k in range(PLACES)] for n, e in error.items()
        },
        "by_place_noise": float(
            np.sqrt(PLACES) * np.std(error["x_nm"]) / np.sqrt(max(len(found), 1))
        ),
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
CAUSES = {
    "PSF -20 %": ("PSF width", {"sigma": 0.8}),
    "PSF +20 %": ("PSF width", {"sigma": 1.2}),
    "baseline +": ("baseline", {"baseline_error_photon": 10.0}),
    "baseline -": ("baseline", {"baseline_error_photon": -10.0}),
    "gain x 2": ("photons per ADU", {"gain": 2.0}),
    "gain / 2": ("photons per ADU", {"gain": 0.5}),
    "density x 3": ("density", {"density": 3.0}),
}


def fits_camera(em: bool, baseline_error_photon: float = 0.0, gain: float = 1.0) -> ds.Camera:
    camera = (
        ds.Camera(
            pixel_size_nm=100, baseline_adu=400, photons_per_adu=5, em_gain=100, read_noise_adu=20
        )
        if em
        else ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)
    )
    return camera.model_copy(
        update={
            "baseline_adu": camera.baseline_adu + baseline_error_photon / camera.photons_per_count,
            "photons_per_adu": camera.photons_per_adu * gain,
        }
    )


def fits_movie(
    name: str,
    seed: int,
    sigma: float = 1.0,
    density: float = 1.0,
    baseline_error_photon: float = 0.0,
    gain: float = 1.0,
) -> tuple[Any, tuple[Any, ...]]:
    """Return a stack as it truly is, and what the model is given."""
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
        fits_camera(em, baseline_error_photon, gain),
        psf.model_copy(update={"sigma_nm": 130 * sigma}),
        emitters.model_copy(update={"density_per_um2": per_um2 * density}),
        background,
        ds.Simulation(frames=frames, seed=1000 + seed),
    )
    return movie.stack, (fits_camera(em), psf, emitters, background)


def judge_fits() -> None:
    """Print what is named for right and wrong settings."""
    general = ds.Model.load("general")
    for name in FITS_SETS:
        model = adapted(general, Molecules(*fits_movie(name, 0)[1]))
        said = []
        for seed in range(RIGHT_SEEDS):
            result = ds.reconstruct(fits_movie(name, seed)[0], model=model)
            said.append(", ".join(result.fits.causes) or "fits")
        print(f"{name:<18}{'right':<13}fits in {said.count('fits')} of {RIGHT_SEEDS}", flush=True)
        for cause, (right, wrong) in CAUSES.items():
            movie = fits_movie(name, 77, **wrong)[0]
            fits = ds.reconstruct(movie, model=model, trust_camera=True).fits
            answer = ", ".join(fits.causes) or "fits"
            print(
                f"{name:<18}{cause:<13}{answer:<26}{'ok' if answer == right else 'WRONG':<7}"
                f"χ² {fits.chi2:.2f}, dim {fits.chi2_dim:.2f}, bright {fits.chi2_bright:.2f}, "
                f"sigma {fits.sigma_ratio:.2f}; {fits.sentences[0][:90] if fits.sentences else ''}",
                flush=True,
            )


def draw(rows: list[dict[str, Any]], folder: Path, name: str) -> None:
    """Draw reliability, error over uncertainty by local density, and bias by place."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    left.plot([0, 1], [0, 1], color="0.6", lw=1)
    for row in rows:
        counts, said, seen = row["reliability"]
        enough = counts >= 20
        left.plot(said[enough], seen[enough], ".-", label=row["set"])
        middle.plot(range(1, 5), row["unc_quartiles"], ".-")
        places = (np.arange(PLACES) + 0.5) / PLACES
        right.plot(places, np.mean(list(row["by_place"].values()), axis=0), ".-")
    left.set(xlabel="confidence", ylabel="share that is right", title="Confidence")
    middle.axhspan(0.8, 1.25, color="0.92")
    middle.set(xlabel="quartile of local density", title="Error / uncertainty", ylim=(0.5, 1.5))
    middle.set_xticks(range(1, 5))
    right.axhline(0, color="0.6", lw=1)
    right.axvline(0.5, color="0.8", lw=1)
    right.set(xlabel="place inside the pixel (two cells)", title="Bias of x and y (nm)")
    right.set_ylim(-5, 5)
    left.legend(frameon=False, fontsize=7)
    figure.savefig(folder / f"{name}.png", dpi=110)


def main() -> None:
    """Judge sets, or the verdict on the fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*accuracy.CAMERAS, *(f"own_{d:g}" for d in accuracy.OWN_DENSITIES)]
    parser.add_argument("--sets", nargs="+", default=names)
    parser.add_argument("--way", default="general", choices=accuracy.WAYS)
    parser.add_argument("--refine", action="store_true")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--steps", type=int)
    parser.add_argument("-o", "--output", type=Path, help="folder for the picture")
    parser.add_argument("--fits", action="store_true", help="judge the verdict on the fit instead")
    options = parser.parse_args()
    if options.fits:
        judge_fits()
        return
    print(
        f"{'set':<16}{'rows':>7}{'ECE':>7}{'err/unc':>9}  {'by density':<21}{'photons':>8}"
        f"{'spread':>8}{'sigma':>7}{'backgr.':>8}{'bias x, y':>14}{'by place (noise)':>18}"
    )
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.sets:
            data = accuracy.named_set(name, Path(folder))
            model, _ = accuracy.model_for(options.way, data, options.minutes, options.steps, 1)
            row = judged(data, model, options.refine)
            rows.append(row)
            print(line(row), flush=True)
    if options.output:
        draw(rows, options.output, "trust-refined" if options.refine else "trust")


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    parts = " ".join(f"{v:.2f}" for v in row["unc_quartiles"])
    bias = ", ".join(f"{v:.2f}" for v in row["bias"].values())
    most = max(np.abs(v).max() for v in row["by_place"].values())
    return (
        f"{row['set']:<16}{row['rows']:>7}{row['ece']:>7.3f}{row['unc']:>9.2f}  {parts:<21}"
        f"{row['photons']:>8.3f}{row['photon_spread']:>8.2f}{row['sigma']:>7.3f}"
        f"{row['background']:>8.3f}{bias:>14}{most:>10.2f} ({row['by_place_noise']:.2f})"
    )


if __name__ == "__main__":
    main()
