"""Does the verdict name the right cause? A confusion matrix over simulated movies.

    python benchmarks/verdict.py                       # 10 seeds of each cause: five minutes
    python benchmarks/verdict.py --seeds 20 --sets emccd

Movies (64 × 64 px, few frames) of which one thing is not as the model was told, reconstructed with
the general model: the PSF's shape (random aberrations of 0.09 waves rms, the same width), its width
(± 14 %), depth (± 200 nm), an uneven background with emitters out of focus, photons per ADU (÷ and
× 1.5), baseline (± 10 photons), pixels that are not alike (an sCMOS camera without maps), three
times the density, emitters that are on for parts of frames – and nothing at all. The camera is
entered as told and trusted. Limits were chosen on other seeds.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

import deep_storm as ds
from deep_storm.camera_maps import CameraMaps
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil
from deep_storm.simulation.frames import simulate
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

FRAMES, SIZE_PX = 12, 64
LENS = {
    "numerical_aperture": 1.4,
    "wavelength_nm": 670.0,
    "immersion_index": 1.515,
    "apodization": "aplanatic",
}
DEPTHS_NM = np.linspace(-600.0, 600.0, 13)
PSF = ds.Psf(sigma_nm=115.0, sigma_std_nm=4.0)
EMITTERS = ds.Emitters(
    density_per_um2=1.0, intensity_photon=1500.0, intensity_std_photon=400.0, spread="gamma"
)
BACKGROUND = ds.Background(background_photon=20.0)
SETS = {
    "cmos": (
        ds.Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5, read_noise_adu=2.0),
        EMITTERS,
    ),
    "emccd": (
        ds.Camera(
            pixel_size_nm=100.0,
            baseline_adu=400.0,
            photons_per_adu=5.0,
            em_gain=100.0,
            read_noise_adu=20.0,
        ),
        EMITTERS,
    ),
    "dense": (
        ds.Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5, read_noise_adu=2.0),
        EMITTERS.model_copy(update={"density_per_um2": 3.0}),
    ),
}
CAUSES = (
    "fits", "PSF shape", "PSF width", "depth", "background", "photons per ADU", "baseline",
    "pixel noise", "density", "brightness", "blinking",
)  # fmt: skip
FIRST_SEED = 200


class Truth(NamedTuple):
    """What a movie is really made with."""

    camera: ds.Camera
    psf: ds.Psf
    emitters: ds.Emitters
    background: ds.Background
    maps: CameraMaps | None = None
    table: Any = None


def truth_of(cause: str, told: Truth, rng: np.random.Generator) -> Truth:
    """Return what is told with one thing changed."""
    camera, emitters = told.camera, told.emitters
    if cause in ("PSF shape", "depth"):
        return through_pupil(cause, told, rng)
    changes: dict[str, dict[str, dict[str, Any]]] = {
        "PSF width": {"psf": {"sigma_nm": 115.0 * rng.choice([0.87, 1.15])}},
        "background": {
            "background": {"background_photon": 40.0, "unevenness": 0.5, "haze_per_um2": 0.8}
        },
        "photons per ADU": {
            "camera": {"photons_per_adu": camera.photons_per_adu * rng.choice([1 / 1.5, 1.5])}
        },
        "baseline": {
            "camera": {
                "baseline_adu": camera.baseline_adu
                + rng.choice([-10.0, 10.0]) / camera.photons_per_count
            }
        },
        "density": {"emitters": {"density_per_um2": 3.0 * emitters.density_per_um2}},
        "brightness": {"emitters": as_bright(emitters, rng.choice([0.5, 1.7]))},
        "blinking": {"emitters": {"on_time_frames": 1.0}},
    }
    if cause == "pixel noise":
        return told._replace(maps=unlike_pixels(camera, rng))
    changed = {
        name: getattr(told, name).model_copy(update=values)
        for name, values in changes.get(cause, {}).items()
    }
    return told._replace(**changed)


def as_bright(emitters: ds.Emitters, factor: float) -> dict[str, float]:
    """Return other photons, spread as widely."""
    names = ("intensity_photon", "intensity_std_photon")
    return {name: factor * getattr(emitters, name) for name in names}


def through_pupil(cause: str, told: Truth, rng: np.random.Generator) -> Truth:
    """Return what is told with the PSF of a pupil: aberrated, or in depth."""
    waves, depth_std_nm, depths = np.array([0.0, 0.0, 0.04, 0.0]), 200.0, DEPTHS_NM
    if cause == "PSF shape":
        waves, depth_std_nm, depths = rng.normal(size=4), 0.0, np.zeros(1)
        waves *= 0.09 / np.linalg.norm(waves)
    names = ("astigmatism", "horizontal_coma", "spherical", "oblique_trefoil")
    aberrations = {f"{n}_waves": float(w) for n, w in zip(names, waves, strict=True)}
    table = pupil_table(Pupil(**LENS, **aberrations), 100.0, depths)
    sigma_nm = table.effective_sigma_nm
    psf = told.psf.model_copy(update={"sigma_nm": sigma_nm, "depth_std_nm": depth_std_nm})
    return told._replace(table=table, psf=psf)


def unlike_pixels(camera: ds.Camera, rng: np.random.Generator) -> CameraMaps:
    """Return maps of an sCMOS camera: offsets, gains, and a few noisy pixels."""
    shape, photon = (SIZE_PX, SIZE_PX), 1.0 / camera.photons_per_count
    variance = (photon * np.exp(rng.normal(0.0, 0.75, shape))) ** 2
    variance += photon**2 * rng.gamma(0.15, 60.0, shape)
    return CameraMaps(
        baseline_adu=(camera.baseline_adu + 1.5 * photon * rng.normal(size=shape)).astype("f4"),
        photons_per_adu=(camera.photons_per_adu * rng.normal(1.0, 0.05, shape)).astype("f4"),
        read_noise_adu=np.sqrt(variance).astype("f4"),
    )


def named(result: Any) -> str:
    """Return the cause that a reconstruction names first."""
    for note in result.notes:
        if note.startswith("Warning: the noise of") and "photons per ADU" in note:
            return "photons per ADU"
        if note.startswith("Warning: the darkest part") and "read-out noise of" not in note:
            return "baseline"
        if "far more noise than their neighbours" in note:
            return "pixel noise"
    if result.fits is None:
        return "too few"
    return str(result.fits.causes[0]) if result.fits.causes else "fits"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=["cmos"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--causes", nargs="+", choices=CAUSES, default=list(CAUSES))
    options = parser.parse_args()
    quiet_tensorflow()
    warnings.simplefilter("ignore")
    general = ds.Model.load("general")
    for name in options.sets:
        camera, emitters = SETS[name]
        told = Truth(camera, PSF, emitters, BACKGROUND)
        model = adapted(general, Molecules(camera, PSF, emitters, BACKGROUND))
        heads = (*CAUSES, "unknown", "too few", "other")
        print(f"{name + ': truth':20}" + "".join(f"{h[:9]:>10}" for h in heads), flush=True)
        right = 0
        for cause in options.causes:
            found: Counter[str] = Counter()
            for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
                truth = truth_of(cause, told, np.random.default_rng(seed))
                size = ds.Simulation(frames=FRAMES, width_px=SIZE_PX, height_px=SIZE_PX, seed=seed)
                stack = simulate(*truth[:4], size, maps=truth.maps, table=truth.table).stack
                named_first = named(ds.reconstruct(stack, model=model, trust_camera=True))
                found[named_first if named_first in heads else "other"] += 1
            right += found[cause]
            print(f"{cause:20}" + "".join(f"{found[h] or '':>10}" for h in heads), flush=True)
        print(f"right: {right} of {options.seeds * len(options.causes)}", flush=True)


if __name__ == "__main__":
    main()
