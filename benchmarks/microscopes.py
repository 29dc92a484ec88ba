"""Accuracy on movies of microscopes drawn at random, by a simulator of its own.

    python benchmarks/microscopes.py                 # twelve microscopes, blind and with all known
    python benchmarks/microscopes.py --seeds 4 5 --ways blind --refine

Nothing of Deep-STORM's simulation is used, so that what both could have wrong alike shows: light is
polarized (six parts of freely rotating dipoles), aberrations and depth are the pupil's, pixels are
integrated over. Drawn are objective, wavelength, pixel size (80 to 150 nm), aberrations up to 0.08
waves rms, depth, density, photons, background, illumination (even, or a Gaussian beam that lights
molecules and background unevenly), uniform or on filaments, on for one to three frames in the mean,
bleaching, drift, and the camera (CMOS, sCMOS with unlike pixels, EM). Ways: ``blind`` (the camera
is given and nothing else) and ``known`` (the true PSF, and photons, density and background from the
truth). True emitters below 100 photons do not count, as in ``real_light.py``, which says how.
"""

from __future__ import annotations

import argparse
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from real_light import MIN_PHOTON, scored
from scipy.ndimage import convolve1d, gaussian_filter, map_coordinates, spline_filter

import deep_storm as ds
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Background, Emitters, Psf, Reconstruction
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

FloatArray = npt.NDArray[np.float64]

FRAMES, EDGE_PX = 150, 72
SAMPLES_PER_PX, HALF_PX = 5, 16
PUPIL_SAMPLES = 256
IMMERSION_INDEX = 1.518
LIGHT_WITHIN = 0.97
"""Share of the light within HALF_PX of an emitter."""
MARGIN_NM = 800.0
WARM_UP = 8
"""Frames before the first, in which molecules that are still on may have begun."""
DRAWN_PX = 13
FILAMENTS = 8
CAMERAS = {
    "cmos": {"baseline_adu": 50.0, "photons_per_adu": 0.8},
    "scmos": {"baseline_adu": 100.0, "photons_per_adu": 0.46},
    "emccd": {"baseline_adu": 200.0, "photons_per_adu": 5.0, "em_gain": 100.0},
}
READ_NOISE_ADU = {"cmos": 2.5, "scmos": 3.5, "emccd": 8.0}


class Microscope(NamedTuple):
    """What is drawn once for a movie; ``waves``: six Zernike coefficients."""

    camera: str
    pixel_nm: float
    aperture: float
    wavelength_nm: float
    waves: FloatArray
    depth_std_nm: float
    density_per_um2: float
    photons: float
    shape: float
    background: float
    beam: bool
    uneven: bool
    structure: str
    on_frames: float

    @property
    def edge_nm(self) -> float:
        """Edge of the field."""
        return EDGE_PX * self.pixel_nm

    @property
    def depths_nm(self) -> FloatArray:
        """Depths at which the PSF is computed."""
        return np.linspace(-3.0, 3.0, 13) * self.depth_std_nm if self.depth_std_nm else np.zeros(1)


class Movie(NamedTuple):
    """Frames in ADU, and the true emitters in the field."""

    adu: npt.NDArray[np.uint16]
    truth: pd.DataFrame


def drawn(rng: np.random.Generator) -> Microscope:
    """Draw a microscope and its sample."""

    def between(low: float, high: float) -> float:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    waves = rng.normal(size=6)
    waves *= rng.uniform(0.0, 0.08) / np.linalg.norm(waves)
    return Microscope(
        camera=str(rng.choice(list(CAMERAS))),
        pixel_nm=float(rng.choice([80.0, 100.0, 107.0, 130.0, 150.0])),
        aperture=float(rng.choice([1.3, 1.4, 1.45, 1.49])),
        wavelength_nm=rng.uniform(580.0, 700.0),
        waves=waves,
        depth_std_nm=float(rng.choice([0.0, 0.0, 100.0, 150.0])),
        density_per_um2=between(0.3, 2.5),
        photons=between(700.0, 4000.0),
        shape=float(rng.choice([1.5, 3.0, 8.0])),
        background=between(8.0, 150.0),
        beam=bool(rng.choice([False, True])),
        uneven=bool(rng.choice([False, True])),
        structure=str(rng.choice(["uniform", "uniform", "filaments"])),
        on_frames=float(rng.choice([1.0, 2.0, 3.0])),
    )


def psf_of(scope: Microscope) -> FloatArray:
    """Return the pixel's share of the light, (z, y, x), by a vectorial pupil."""
    edge = (np.arange(PUPIL_SAMPLES) + 0.5) / PUPIL_SAMPLES * 2.0 - 1.0
    u, v = np.meshgrid(edge, edge)
    r, angle = np.hypot(u, v), np.arctan2(v, u)
    sine = np.clip(r * scope.aperture / IMMERSION_INDEX, 0.0, 0.9999)
    cosine = np.sqrt(1.0 - sine**2)
    modes = [
        np.sqrt(6.0) * r**2 * np.cos(2 * angle),
        np.sqrt(6.0) * r**2 * np.sin(2 * angle),
        np.sqrt(8.0) * (3 * r**3 - 2 * r) * np.cos(angle),
        np.sqrt(8.0) * (3 * r**3 - 2 * r) * np.sin(angle),
        np.sqrt(5.0) * (6 * r**4 - 6 * r**2 + 1),
        np.sqrt(8.0) * r**3 * np.cos(3 * angle),
    ]
    front = np.tensordot(scope.waves, np.array(modes), 1)
    along, across = np.cos(angle), np.sin(angle)
    cross = (cosine - 1.0) * across * along
    dipoles = [
        (cosine * along**2 + across**2, cross),
        (cross, cosine * across**2 + along**2),
        (-sine * along, -sine * across),
    ]
    reach = HALF_PX * SAMPLES_PER_PX
    x_nm = np.arange(-reach, reach + 1) * scope.pixel_nm / SAMPLES_PER_PX
    turn = np.exp(2j * np.pi * scope.aperture / scope.wavelength_nm * np.outer(x_nm, edge))
    images = []
    for z_nm in scope.depths_nm:
        phase = front + IMMERSION_INDEX * cosine * z_nm / scope.wavelength_nm
        field = np.exp(2j * np.pi * phase) * (r <= 1.0) / np.sqrt(cosine)
        parts = [np.abs(turn @ (field * part) @ turn.T) ** 2 for pair in dipoles for part in pair]
        image = np.sum(parts, axis=0)
        image *= LIGHT_WITHIN * SAMPLES_PER_PX**2 / image.sum()
        box = np.full(SAMPLES_PER_PX, 1.0 / SAMPLES_PER_PX)
        images.append(convolve1d(convolve1d(image, box, axis=0), box, axis=1))
    return np.array(images)


def curves_of(scope: Microscope, rng: np.random.Generator) -> FloatArray:
    """Return points on bent filaments in and around the field, in nm."""
    edge = scope.edge_nm
    t = np.linspace(-1.2 * edge, 1.2 * edge, 4000)
    points = []
    for _ in range(FILAMENTS):
        angle, bend = rng.uniform(0.0, 2 * np.pi), rng.normal() * 0.3 / edge
        x0, y0 = rng.uniform(0.0, edge, 2)
        along, across = np.cos(angle), np.sin(angle)
        bent = bend * t**2
        points.append(np.c_[x0 + t * along - bent * across, y0 + t * across + bent * along])
    all_points = np.concatenate(points)
    return all_points[((all_points > -MARGIN_NM) & (all_points < edge + MARGIN_NM)).all(axis=1)]


def emitters_of(scope: Microscope, light: FloatArray, rng: np.random.Generator) -> pd.DataFrame:
    """Draw molecules that go on and off; one row for each frame in which one is on."""
    edge = scope.edge_nm
    area_um2 = (edge + 2 * MARGIN_NM) ** 2 / 1e6
    left = rng.uniform(0.6, 1.0)
    drift = rng.normal(size=2) * rng.choice([0.0, 30.0])
    curves = curves_of(scope, rng) if scope.structure == "filaments" else None
    rows = []
    for first in range(-WARM_UP, FRAMES):
        share = 1.0 - (1.0 - left) * max(first, 0) / FRAMES
        n = rng.poisson(scope.density_per_um2 / scope.on_frames * area_um2 * share)
        if curves is None:
            xy = rng.uniform(-MARGIN_NM, edge + MARGIN_NM, (n, 2))
        else:
            xy = curves[rng.integers(0, len(curves), n)] + rng.normal(0.0, 12.0, (n, 2))
        blinks = scope.on_frames > 1.0
        start = first + (rng.uniform(0.0, 1.0, n) if blinks else np.zeros(n))
        end = start + (rng.exponential(scope.on_frames, n) if blinks else np.ones(n))
        bright = rng.gamma(scope.shape, scope.photons / scope.shape, n)
        reach = scope.depths_nm[-1]
        z = np.clip(rng.normal(0.0, 1.0, n) * scope.depth_std_nm, -reach, reach)
        pixel = np.clip(xy / scope.pixel_nm, 0, EDGE_PX - 1).astype(int)
        bright *= light[pixel[:, 1], pixel[:, 0]]
        for k in range(n):
            for frame in range(max(0, int(start[k])), min(FRAMES, int(np.ceil(end[k])))):
                on = min(end[k], frame + 1) - max(start[k], frame)
                x, y = xy[k] + drift * frame / FRAMES
                rows.append((frame, x, y, z[k], bright[k] * on))
    names = ["frame", "x_nm", "y_nm", "z_nm", "intensity_photon"]
    return pd.DataFrame(rows, columns=names).sort_values("frame", ignore_index=True)


def light_of(scope: Microscope, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Return how bright the light is over the field, and the background, (y, x) each."""
    y, x = np.mgrid[:EDGE_PX, :EDGE_PX]
    y0, x0 = EDGE_PX / 2 + rng.uniform(-10.0, 10.0, 2)
    width = EDGE_PX * rng.uniform(0.5, 0.9)
    beam = np.exp(-((y - y0) ** 2 + (x - x0) ** 2) / (2 * width**2))
    light = beam if scope.beam else np.ones_like(beam)
    waves = gaussian_filter(rng.normal(size=light.shape), 10.0)
    uneven = rng.uniform(0.2, 0.6) * waves / np.abs(waves).max() if scope.uneven else 0.0
    return light, scope.background * light * (1.0 + uneven)


def filmed(scope: Microscope, rng: np.random.Generator) -> Movie:
    """Take a movie."""
    light, background = light_of(scope, rng)
    emitters = emitters_of(scope, light, rng)
    splines = [spline_filter(image, order=3) for image in psf_of(scope)]
    expected = np.tile(background, (FRAMES, 1, 1))
    middle = HALF_PX * SAMPLES_PER_PX
    for frame, x_nm, y_nm, z_nm, photons in emitters.to_numpy():
        x, y = x_nm / scope.pixel_nm - 0.5, y_nm / scope.pixel_nm - 0.5
        rows = np.arange(max(int(y) - DRAWN_PX, 0), min(int(y) + DRAWN_PX + 1, EDGE_PX))
        columns = np.arange(max(int(x) - DRAWN_PX, 0), min(int(x) + DRAWN_PX + 1, EDGE_PX))
        if not rows.size or not columns.size:
            continue
        plane = splines[int(np.argmin(np.abs(scope.depths_nm - z_nm)))]
        places = np.meshgrid(
            (rows - y) * SAMPLES_PER_PX + middle,
            (columns - x) * SAMPLES_PER_PX + middle,
            indexing="ij",
        )
        share = map_coordinates(plane, places, order=3, prefilter=False, mode="constant")
        expected[int(frame)][np.ix_(rows, columns)] += photons * np.maximum(share, 0.0)
    adu = np.clip(np.round(exposed(scope.camera, expected, rng)), 0, 65535).astype(np.uint16)
    places_nm = emitters[["x_nm", "y_nm"]]
    inside = ((places_nm >= 0) & (places_nm < scope.edge_nm)).all(axis=1)
    return Movie(adu, emitters[inside].reset_index(drop=True))


def exposed(camera: str, expected: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return what a camera makes of expected photons, in ADU."""
    values = CAMERAS[camera]
    photons = rng.poisson(expected).astype(np.float64)
    noise = rng.normal(size=expected.shape) * READ_NOISE_ADU[camera]
    if camera == "emccd":
        gain = values["em_gain"]
        photons = rng.gamma(np.maximum(photons, 1e-9), gain) * (photons > 0)
    elif camera == "scmos":
        noise *= np.exp(rng.normal(0.0, 0.35, expected.shape[1:]))
        noise += rng.normal(0.0, 0.6, expected.shape[1:])
    return photons / values["photons_per_adu"] + values["baseline_adu"] + noise


def known_model(scope: Microscope, truth: pd.DataFrame) -> ds.Model:
    """Return the general model, told the true PSF and what the truth says of the molecules."""
    cut = (HALF_PX - 10) * SAMPLES_PER_PX
    values = psf_of(scope)[:, cut:-cut, cut:-cut].astype(np.float32)
    table = PsfTable(values, scope.depths_nm, scope.pixel_nm, SAMPLES_PER_PX)
    photons = truth["intensity_photon"]
    seen = int((photons >= MIN_PHOTON).sum())
    molecules = Molecules(
        ds.Camera(
            pixel_size_nm=scope.pixel_nm,
            read_noise_adu=READ_NOISE_ADU[scope.camera],
            **CAMERAS[scope.camera],
        ),
        Psf(
            sigma_nm=table.effective_sigma_nm,
            sigma_std_nm=3.0,
            depth_std_nm=scope.depth_std_nm,
        ),
        Emitters(
            density_per_um2=seen / FRAMES / (scope.edge_nm / 1000.0) ** 2,
            intensity_photon=float(photons.mean()),
            intensity_std_photon=float(photons.std()),
            spread="gamma",
            structure=scope.structure,
            seen_frames=scope.on_frames + 1.0 if scope.on_frames > 1.0 else 1.0,
        ),
        Background(
            background_photon=scope.background * (0.8 if scope.beam else 1.0),
            unevenness=0.2 if scope.beam or scope.uneven else 0.0,
        ),
        table=table,
    )
    return adapted(ds.Model.load("general"), molecules)


def described(scope: Microscope) -> str:
    """Return a microscope in a line."""
    rms = float(np.linalg.norm(scope.waves))
    light = "beam" if scope.beam else "even"
    return (
        f"{scope.camera}, {scope.pixel_nm:.0f} nm px, NA {scope.aperture}, {rms:.3f} waves, "
        f"depth {scope.depth_std_nm:.0f} nm, {scope.density_per_um2:.2g}/µm² {scope.structure}, "
        f"{scope.photons:.0f} photons on {scope.background:.0f}, {light}, on {scope.on_frames:.0f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(1, 13)))
    parser.add_argument("--ways", nargs="+", choices=("blind", "known"), default=["blind", "known"])
    parser.add_argument("--refine", action="store_true", help="with refinement too")
    options = parser.parse_args()
    quiet_tensorflow()
    for seed in options.seeds:
        rng = np.random.default_rng(seed)
        scope = drawn(rng)
        movie = filmed(scope, rng)
        print(f"{seed:3} {described(scope)}", flush=True)
        for way in options.ways:
            for refine in (False, True)[: 1 + options.refine]:
                print(f"    {line_of(way, scope, movie, refine)}", flush=True)


def line_of(way: str, scope: Microscope, movie: Movie, refine: bool) -> str:
    """Return the scores of one way, or why it gives none."""
    label = f"{way:5} {'refined' if refine else 'network':8}"
    settings = Reconstruction(refine=refine)
    try:
        if way == "known":
            model = known_model(scope, movie.truth)
            result = ds.reconstruct(movie.adu, model=model, settings=settings, no_report=True)
        else:
            camera = ds.Camera(pixel_size_nm=scope.pixel_nm, **CAMERAS[scope.camera])
            result = ds.reconstruct(
                movie.adu, model="general", camera=camera, settings=settings, no_report=True
            )
    except ds.DeepStormError as error:
        return f"{label} {error}"
    values = scored(result.table, movie.truth)
    names = ("Jaccard", "precision", "RMSE", "ECE", "err/unc")
    left_out = any("refinement is left out" in note for note in result.notes)
    said = " (refinement left out)" if refine and left_out else ""
    return label + "".join(f"  {name} {values[name]:.3f}" for name in names) + said


if __name__ == "__main__":
    main()
