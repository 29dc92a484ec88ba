"""Random experiments from the domain of a general model.

An experiment has a camera, a PSF, a brightness, a background and a density of its own; what is
drawn is what microscopes differ in: aberrated and defocused PSFs, emitters in depth, uneven
background and haze, photons that spread widely, pixels of an sCMOS camera that nobody has measured.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.psf.code import psf_code
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.random import draw_psf
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Background, Domain, Emitters, Psf
from deep_storm.simulation.emitters import Spread
from deep_storm.simulation.on_times import as_seen

PIXEL_SIZE_NM = 100.0
EM_GAIN = 100.0
PHOTONS_PER_COUNT = (0.2, 2.0)
STRUCTURES = ("uniform", "mixed", "filaments")
SPREADS: tuple[Spread, ...] = ("uniform", "normal", "gamma")
SPREAD_SHARES = (0.25, 0.25, 0.5)
BROAD_SPREAD = (0.3, 1.0)
"""Relative spread of photons that are distributed as a gamma variable."""
ON_TIME_FRAMES = (0.7, 6.0)
MIN_SIGNAL_TO_NOISE = 4.0
"""An emitter of mean brightness over the noise under it: dimmer ones nobody can localize."""
USUAL_BACKGROUND_PHOTON = 120.0
USUAL_READ_NOISE_PHOTON = 3.0
USUAL_PHOTON = 6000.0
"""Most experiments stay below these; the rest of the domain is seen, but more seldom."""
SHARE_BEYOND_USUAL = 0.2
CROWDED_SIGMA_PX = 1.3
"""Of wider PSFs fewer fit beside each other."""
UNEVENNESS_SCALE_PX = (8.0, 40.0)
PSFS = 400
PSF_SEED = 7
MIN_SPREAD = 0.01
"""Relative, of the photons that emitters are seen with."""


class Experiment(NamedTuple):
    """One draw from the domain; ``table`` is None for a Gaussian PSF.

    ``photons`` and ``photons_spread``: mean and relative spread of what emitters have in a frame,
    on-times included. ``hidden``: which share of the pixels misbehaves without anyone's knowledge.
    """

    camera: Camera
    psf: Psf
    emitters: Emitters
    background: Background
    table: PsfTable | None
    photons: float
    photons_spread: float
    hidden_noise: float


class PsfBank:
    """Random PSFs, drawn once and kept; identical for the same seed."""

    def __init__(self, count: int = PSFS, seed: int = PSF_SEED) -> None:
        self.count = count
        self.seed = seed
        self._tables: dict[int, PsfTable] = {}

    def drawn(self, rng: np.random.Generator) -> PsfTable:
        """Return one of the PSFs, flipped and turned at random."""
        number = int(rng.integers(self.count))
        if number not in self._tables:
            own = np.random.default_rng([self.seed, number])
            table = draw_psf(own, PIXEL_SIZE_NM)
            _ = table.effective_sigma_nm, table.effective_sigmas_nm  # kept, and turned with it
            self._tables[number] = table
        flips = rng.integers(0, 2, 3).astype(bool).tolist()
        return self._tables[number].turned(*flips)


def draw_experiment(
    domain: Domain, rng: np.random.Generator, bank: PsfBank | None = None
) -> Experiment:
    """Draw an experiment; all scales are distributed log-uniformly.

    Parameters
    ----------
    domain
        What the model shall be used for.
    rng
        Source of randomness.
    bank
        PSFs to choose from; needed where the domain has others than Gaussians.
    """
    em = rng.random() < domain.em_share
    read_noise = _usual_or_more(domain.read_noise_photon, USUAL_READ_NOISE_PHOTON, rng)
    camera = _camera(em, min(read_noise, USUAL_READ_NOISE_PHOTON) if em else read_noise, rng)
    table = None
    if bank is not None and rng.random() >= domain.gaussian_share:
        table = bank.drawn(rng)
    depth_nm = rng.uniform(*domain.depth_std_nm) if rng.random() < 0.6 else 0.0
    sigma_px = (
        _log_uniform(domain.sigma_px, rng)
        if table is None
        else table.effective_sigma_nm / PIXEL_SIZE_NM
    )
    spread = rng.uniform(*domain.sigma_spread) if table is None else 0.0
    background = _background(domain, sigma_px, rng)
    emitters = _emitters(domain, camera, background, sigma_px, rng)
    seen = as_seen(emitters)
    return Experiment(
        camera,
        Psf(
            sigma_nm=sigma_px * PIXEL_SIZE_NM,
            sigma_std_nm=spread * sigma_px * PIXEL_SIZE_NM,
            depth_std_nm=depth_nm if table is not None and len(table.z_nm) > 1 else 0.0,
        ),
        emitters,
        background,
        table,
        seen.intensity_photon,
        max(seen.intensity_std_photon / seen.intensity_photon, MIN_SPREAD),
        0.0 if em or rng.random() >= domain.hidden_noise_share else rng.uniform(0.0, 0.01),
    )


def code_of(experiment: Experiment) -> tuple[float, ...]:
    """Return the code of the experiment's PSF."""
    table = experiment.table or gaussian_table(experiment.psf.sigma_nm, PIXEL_SIZE_NM)
    return psf_code(table, experiment.psf.depth_std_nm)


def hidden_maps(
    experiment: Experiment, shape: tuple[int, int], rng: np.random.Generator
) -> CameraMaps | None:
    """Draw the maps of an uncalibrated sCMOS camera (y, x); None for other cameras."""
    if experiment.hidden_noise <= 0:
        return None
    camera = experiment.camera
    variance = camera.read_noise_photon**2 + rng.gamma(
        rng.uniform(1.0, 3.0), rng.uniform(0.5, 3.0), shape
    )
    hot = rng.random(shape) < experiment.hidden_noise
    variance = np.where(hot, rng.uniform(50.0, 300.0, shape), variance)
    gain = rng.normal(1.0, 0.05, shape).clip(0.8, 1.2)
    return CameraMaps(
        photons_per_adu=(camera.photons_per_adu / gain).astype(np.float32),
        read_noise_adu=(np.sqrt(variance) / camera.photons_per_adu).astype(np.float32),
    )


def min_photon(experiment: Experiment, sigma_px: Any) -> Any:
    """Return the photon count below which an emitter is indistinguishable from noise."""
    return 1.6 * _noise_under(experiment.camera, experiment.background, sigma_px)


def _noise_under(camera: Camera, background: Background, sigma_px: Any) -> Any:
    """Return the standard deviation of the photons under an emitter of this width."""
    variance = max(background.background_photon, 1.0) + camera.read_noise_photon**2
    return np.sqrt(camera.excess_noise_factor * variance * 4.0 * np.pi) * sigma_px


def _camera(em: bool, read_noise_photon: float, rng: np.random.Generator) -> Camera:
    counts = _log_uniform(PHOTONS_PER_COUNT, rng)
    return Camera(
        pixel_size_nm=PIXEL_SIZE_NM,
        baseline_adu=100.0,
        photons_per_adu=counts * EM_GAIN if em else counts,
        em_gain=EM_GAIN if em else None,
        read_noise_adu=read_noise_photon / counts,
    )


def _background(domain: Domain, sigma_px: float, rng: np.random.Generator) -> Background:
    mean = _usual_or_more(domain.background_photon, USUAL_BACKGROUND_PHOTON, rng)
    uneven = rng.random() < domain.uneven_share
    hazy = rng.random() < domain.hazy_share
    return Background(
        background_photon=mean,
        background_std_photon=rng.uniform(0.0, 0.1) * mean,
        unevenness=rng.uniform(*domain.unevenness) if uneven else 0.0,
        unevenness_scale_um=_log_uniform(UNEVENNESS_SCALE_PX, rng) * PIXEL_SIZE_NM / 1000.0,
        haze_per_um2=_log_uniform(domain.haze_per_um2, rng) * _room(sigma_px) if hazy else 0.0,
    )


def _emitters(
    domain: Domain,
    camera: Camera,
    background: Background,
    sigma_px: float,
    rng: np.random.Generator,
) -> Emitters:
    low, high = domain.intensity_photon
    low = max(low, MIN_SIGNAL_TO_NOISE * float(_noise_under(camera, background, sigma_px)))
    photons = _usual_or_more((low, max(high, 2.0 * low)), max(USUAL_PHOTON, 2.0 * low), rng)
    spread = SPREADS[int(rng.choice(len(SPREADS), p=SPREAD_SHARES))]
    relative = rng.uniform(*(BROAD_SPREAD if spread == "gamma" else domain.intensity_spread))
    return Emitters(
        density_per_um2=_log_uniform(domain.density_per_um2, rng) * _room(sigma_px),
        intensity_photon=photons,
        intensity_std_photon=relative * photons,
        spread=spread,
        on_time_frames=(
            _log_uniform(ON_TIME_FRAMES, rng) if rng.random() < domain.blinking_share else 0.0
        ),
        structure=str(rng.choice(STRUCTURES)),
    )


def _room(sigma_px: float) -> float:
    return min(1.0, CROWDED_SIGMA_PX / sigma_px)


def _usual_or_more(ends: tuple[float, float], usual: float, rng: np.random.Generator) -> float:
    """Draw mostly from the lower part of a range, and now and then from its upper part."""
    low, high = ends
    if high <= usual:
        return rng.uniform(low, high) if low <= 0 else _log_uniform(ends, rng)
    if rng.random() < SHARE_BEYOND_USUAL:
        return _log_uniform((usual, high), rng)
    return rng.uniform(low, usual) if low <= 0 else _log_uniform((low, usual), rng)


def _log_uniform(ends: tuple[float, float], rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(ends))))
