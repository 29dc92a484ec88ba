"""What the general model does best with when it is told it: width and spread of photons.

    python benchmarks/told.py

Experiments with a Gaussian PSF are drawn at random (camera with and without EM gain, widths,
photons, background, density, a third of them on filaments). For each the network is told the width
and the spread of the photons as they are, or by a factor less, and reads the same simulated frames.
Prints how much the best Jaccard index of any threshold changes, the mean over the experiments of a
kind and its standard error.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

import deep_storm as ds
from deep_storm.model import Model
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.training import calibration
from deep_storm.training.adaptation import conditioned
from deep_storm.training.session import Molecules
from deep_storm.training.threshold import THRESHOLDS, jaccards

KINDS = {
    "photons with an upper end": ("uniform", (0.05, 0.35)),
    "gamma, spread of .3 to .5": ("gamma", (0.3, 0.5)),
    "gamma, spread of .5 to 1": ("gamma", (0.5, 1.0)),
}
FACTORS = ((1.0, 1.0), (0.97, 1.0), (0.94, 1.0), (1.0, 0.65), (0.97, 0.65))
"""Of the width and of the spread of photons."""
CUTS = THRESHOLDS.tolist()


def drawn(kind: str, rng: np.random.Generator) -> Molecules:
    """Draw an experiment."""
    spread, (low, high) = KINDS[kind]
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
    if rng.random() < 0.2:
        camera = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=5, em_gain=100.0)
    sigma_nm, photons, background, density = (
        float(np.exp(rng.uniform(*np.log(limits))))
        for limits in ((85, 180), (500, 5000), (5, 80), (0.3, 6))
    )
    filaments = {"structure": "filaments", "filament_um_per_um2": float(rng.uniform(0.4, 1.5))}
    on_filaments = rng.random() < 1 / 3
    return Molecules(
        camera,
        ds.Psf(sigma_nm=sigma_nm, sigma_std_nm=0.0 if rng.random() < 0.5 else 0.04 * sigma_nm),
        ds.Emitters(
            density_per_um2=min(density, 3.0) if on_filaments else density,
            intensity_photon=photons,
            intensity_std_photon=photons * rng.uniform(low, high),
            spread=spread,
            **(filaments if on_filaments else {}),
        ),
        ds.Background(background_photon=background),
    )


def best_jaccards(general: Model, molecules: Molecules) -> list[float]:
    """Return the best Jaccard index with each pair of factors."""
    model, scales = conditioned(general, molecules), molecules.scales()
    found = []
    for width, spread in FACTORS:
        told = {
            "sigma_px": width * scales.sigma_px,
            "intensity_spread": spread * scales.intensity_spread,
        }
        card = model.card.model_copy(update={"scales": scales.model_copy(update=told)})
        seen = calibration.on_simulation(replace(model, card=card), 1, None)
        nm = molecules.camera.pixel_size_nm
        curve = jaccards(seen.candidates, seen.truth, seen.candidates.score, CUTS, nm)
        found.append(max(jaccard for jaccard, _ in curve))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--experiments", type=int, default=12, help="of each kind")
    options = parser.parse_args()
    quiet_tensorflow()
    general = Model.load("general")
    heads = "".join(f"{f'{w:g} x width, {s:g} x spread':>26}" for w, s in FACTORS[1:])
    print(f"{'':28}{'as they are':>12}{heads}")
    for number, kind in enumerate(KINDS):
        rngs = [np.random.default_rng([77, number, k]) for k in range(options.experiments)]
        found = np.array([best_jaccards(general, drawn(kind, rng)) for rng in rngs])
        gains = found[:, 1:] - found[:, :1]
        errors = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
        cells = zip(gains.mean(axis=0), errors, strict=True)
        row = "".join(f"{f'{gain:+.4f} ± {error:.4f}':>26}" for gain, error in cells)
        print(f"{kind:28}{found[:, 0].mean():12.4f}{row}", flush=True)


if __name__ == "__main__":
    main()
