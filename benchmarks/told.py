"""What the general model does best with when it is told it: width and spread of photons.

    python benchmarks/told.py

Experiments are drawn at random (camera with and without EM gain, PSF, photons, background, density,
a third of them on filaments). For each the network is told the width
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
from deep_storm.psf.pupil import Pupil, pupil_table
from deep_storm.psf.table import PsfTable
from deep_storm.training import calibration
from deep_storm.training.adaptation import conditioned
from deep_storm.training.session import Molecules
from deep_storm.training.threshold import THRESHOLDS, jaccards

KINDS = {
    "photons with an upper end": ("uniform", (0.05, 0.35), "Gaussian"),
    "gamma, spread of .3 to .6": ("gamma", (0.3, 0.6), "Gaussian"),
    "gamma, spread of .6 to 1": ("gamma", (0.6, 1.0), "Gaussian"),
    "the second, Airy PSF": ("gamma", (0.3, 0.6), "Airy"),
    "the second, aberrated": ("gamma", (0.3, 0.6), "aberrated"),
    "the second, in depth": ("gamma", (0.3, 0.6), "in depth"),
}
PIXEL_NM = 100.0
ABERRATIONS = (
    "astigmatism_waves",
    "horizontal_coma_waves",
    "vertical_coma_waves",
    "spherical_waves",
    "oblique_trefoil_waves",
)
DEPTHS_NM = np.linspace(-400.0, 400.0, 17)
FACTORS = ((1.0, 1.0), (0.97, 1.0), (0.94, 1.0), (1.0, 0.65), (0.97, 0.65))
"""Of the width and of the spread of photons."""
CUTS = THRESHOLDS.tolist()


def drawn_psf(light: str, rng: np.random.Generator) -> tuple[ds.Psf, PsfTable | None]:
    """Draw a PSF; the Gaussian ones of half of the experiments differ in width."""
    if light == "Gaussian":
        sigma_nm = float(np.exp(rng.uniform(*np.log((85, 180)))))
        return ds.Psf(sigma_nm=sigma_nm, sigma_std_nm=sigma_nm * rng.choice((0.0, 0.04))), None
    waves = rng.normal(size=len(ABERRATIONS)) * (light == "aberrated")
    waves *= rng.uniform(0.05, 0.11) / max(np.linalg.norm(waves), 1e-9)
    pupil = Pupil(
        numerical_aperture=float(rng.uniform(1.2, 1.45)),
        wavelength_nm=float(rng.uniform(580, 700)),
        **dict(zip(ABERRATIONS, waves.tolist(), strict=True)),
    )
    deep = light == "in depth"
    table = pupil_table(pupil, PIXEL_NM, DEPTHS_NM if deep else (0.0,))
    values = {"sigma_std_nm": 15.0 if deep else 3.0, "depth_std_nm": 150.0 if deep else 0.0}
    return ds.Psf(sigma_nm=table.effective_sigma_nm, **values), table


def drawn(kind: str, rng: np.random.Generator) -> Molecules:
    """Draw an experiment."""
    spread, (low, high), light = KINDS[kind]
    camera = ds.Camera(pixel_size_nm=PIXEL_NM, baseline_adu=100, photons_per_adu=0.5)
    if rng.random() < 0.2:
        camera = ds.Camera(
            pixel_size_nm=PIXEL_NM, baseline_adu=100, photons_per_adu=5, em_gain=100.0
        )
    photons, background, density = (
        float(np.exp(rng.uniform(*np.log(limits)))) for limits in ((500, 5000), (5, 80), (0.3, 6))
    )
    emitters = ds.Emitters(
        density_per_um2=density,
        intensity_photon=photons,
        intensity_std_photon=photons * rng.uniform(low, high),
        spread=spread,
    )
    if rng.random() < 1 / 3:
        on_filaments = {
            "structure": "filaments",
            "filament_um_per_um2": float(rng.uniform(0.4, 1.5)),
            "density_per_um2": min(density, 3.0),
        }
        emitters = emitters.model_copy(update=on_filaments)
    psf, table = drawn_psf(light, rng)
    return Molecules(
        camera, psf, emitters, ds.Background(background_photon=background), table=table
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
