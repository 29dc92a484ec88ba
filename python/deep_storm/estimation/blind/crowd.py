"""Blind estimation from pixel statistics: background, density, photons, PSF and on-time.

One pass from the frames of a :class:`~deep_storm.estimation.sampling.Sample` to the fitted model:
covariance of pixels (PSF, rough photons, how long emitters stay on), exponents, fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from deep_storm.camera import Camera
from deep_storm.errors import StackError
from deep_storm.estimation.blind.covariance import (
    REACH_PX,
    Covariance,
    fit_covariance,
    temporal_covariance,
)
from deep_storm.estimation.blind.exponents import border_weights, measure_exponents
from deep_storm.estimation.blind.on_time import hidden_by_mean, on_time
from deep_storm.estimation.blind.photons import Knowledge, PhotonFit, Start, fit_photons
from deep_storm.estimation.blind.spots import constant_spots
from deep_storm.estimation.density import chance_unevenness, shared_by_halves, unevenness
from deep_storm.estimation.parts import segments
from deep_storm.estimation.sampling import Sample

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SEGMENT_FRAMES = 50
"""Frames over which drift and bleaching are taken to stand still."""
LONGEST_SEGMENT = 400
FRAMES_PER_MEMORY = 25
SIGNIFICANT = 5.0
FLICKER_SIGNIFICANT = 4.0
MIN_LEFT = 0.2
"""Share of the field that must be left when constant spots are left out."""
BASELINE_SEARCH = 1e3
"""Error of the baseline (photoelectrons) that leaves the decision on it to the noise."""


class Crowd(NamedTuple):
    """Properties of emitters, estimated from pixel statistics.

    Attributes
    ----------
    fit
        The fitted model, in photoelectrons and pixels.
    covariance
        Of the pixels.
    on_time_frames, on_time_error
        Mean number of frames that an emitter stays on.
    baseline_error, baseline_uncertainty
        By how much the noise says that the camera's baseline is too low, photoelectrons.
    shared_photon2
        How much the mean images of the two halves have in common by molecules that shine in both,
        as :func:`~deep_storm.estimation.density.chance_unevenness` takes it, photoelectrons².
    mean_in_windows, mean_in_field
        Mean value where the fit looked (weighted, without borders) and of the whole field without
        constant spots, photoelectrons.
    excluded
        Share of the pixels left out because of constant bright spots.
    density_variation
        Relative standard deviation of the density from frame to frame.
    """

    fit: PhotonFit
    covariance: Covariance
    on_time_frames: float
    on_time_error: float
    baseline_error: float
    baseline_uncertainty: float
    mean_in_windows: float
    mean_in_field: float
    excluded: float
    density_variation: float
    shared_photon2: float = 0.0


def measure_crowd(sample: Sample, camera: Camera, read_variance: float, name: str) -> Crowd:
    """Estimate properties of emitters without localizing any.

    Parameters
    ----------
    sample
        Frames in photoelectrons.
    camera
        Tells whether electrons are multiplied.
    read_variance
        Of a pixel, photoelectrons².
    name
        What the stack is called in errors.

    Raises
    ------
    StackError
        Nothing blinks in the frames.
    """
    em = camera.em_gain is not None
    weights, found, spots = _prepared(sample, camera, name)
    mean = _weighted_mean(sample.blocks, weights)
    background = _darkest(sample.blocks, weights)
    photons = found.amplitude / max(mean - background, 1e-3 * max(mean, 1.0))
    memory, memory_error = on_time(sample.blocks, weights, found.sigma_px, _reach(found.sigma_px))
    length = int(np.clip(FRAMES_PER_MEMORY * memory, SEGMENT_FRAMES, LONGEST_SEGMENT))
    if memory == 1.0:
        length = SEGMENT_FRAMES
    pieces, piece_weights = _pieces(sample.blocks, weights, length)
    exponents = measure_exponents(pieces, piece_weights, found.sigma_px, photons, memory)
    if exponents.values.size < 8:
        raise StackError(
            f"the emitters of {name} overlap so much that no pixel is ever dark",
            "frames in which single emitters blink",
            "estimate from a sparser part of the movie, or check the camera's baseline",
        )
    flicker, flicker_error = _flicker(pieces, piece_weights, found, mean, read_variance, em, memory)
    halves = sample.halves_photon[:, sample.field]
    halves *= camera.quantum_efficiency
    halves -= background
    shared = _shared(found, memory, sample.range_frames)
    light = float(halves.mean())
    uneven = unevenness(halves, chance_unevenness(shared, light, found.sigma_px))
    knowledge = Knowledge(em, read_variance, flicker, flicker_error, uneven)
    start = Start(background, max(mean - background, 0.01) / photons, photons, found.sigma_px)
    fit = fit_photons(exponents, start, knowledge)
    free = knowledge._replace(baseline_error=BASELINE_SEARCH, read_noise_is_right=True)
    baseline = fit_photons(exponents, start, free)
    return Crowd(
        fit,
        found,
        memory,
        memory_error,
        baseline.light.baseline_error,
        baseline.errors.baseline_error,
        mean,
        _field_mean(sample, spots, found.sigma_px, camera),
        float(np.mean([mask.mean() for mask in spots])),
        math.sqrt(fit.light.density_variance / uneven) if flicker > 0 else 0.0,
        shared,
    )


def _shared(found: Covariance, memory: float, range_frames: Sequence[int]) -> float:
    """Return what two halves of the frames have in common by molecules that shine in both."""
    seen = 1.0 - hidden_by_mean(1.0 - 1.0 / memory, SEGMENT_FRAMES)
    return found.amplitude / seen * shared_by_halves(range_frames, memory)


def _prepared(
    sample: Sample, camera: Camera, name: str
) -> tuple[list[FloatArray], Covariance, list[Mask]]:
    """Return the pixels' weights, the covariance fitted with them, and constant spots."""
    blocks = sample.blocks
    weights = [
        border_weights(block.shape[1], block.shape[2], 1.2, ~used)
        for block, used in zip(blocks, sample.used, strict=True)
    ]
    found = _covariance(blocks, weights, REACH_PX)
    if _reach(found.sigma_px) > REACH_PX:  # a wide PSF needs larger distances
        found = _covariance(blocks, weights, _reach(found.sigma_px))
    if not found.amplitude > SIGNIFICANT * found.amplitude_error:
        raise StackError(
            f"nothing blinks in {name}",
            "frames in which single emitters appear and disappear",
            "use another part of the movie, without averaging",
        )
    background = _darkest(blocks, weights)
    spots = [constant_spots(b, found, background, camera.excess_noise_factor) for b in blocks]
    if not any(mask.any() for mask in spots):
        return weights, found, spots
    sigma_px = found.sigma_px
    less = [
        border_weights(block.shape[1], block.shape[2], sigma_px, mask | ~used)
        for block, mask, used in zip(blocks, spots, sample.used, strict=True)
    ]
    if sum(w.sum() for w in less) < MIN_LEFT * sum(w.sum() for w in weights):
        return weights, found, [np.zeros_like(mask) for mask in spots]
    return less, _covariance(blocks, less, _reach(sigma_px)), spots


def _field_mean(sample: Sample, spots: list[Mask], sigma_px: float, camera: Camera) -> float:
    """Return the mean of the whole field; with constant spots, of the windows around them."""
    if not any(mask.any() for mask in spots):
        return float(sample.mean_photon[sample.field].mean()) * camera.quantum_efficiency
    means = []
    for block, mask, used in zip(sample.blocks, spots, sample.used, strict=True):
        near = ~used | ndimage.binary_dilation(mask, iterations=math.ceil(4.0 * sigma_px))
        means.append(float(block.mean(axis=0, dtype=np.float64)[~near].mean()))
    return float(np.mean(means))


def _reach(sigma_px: float) -> int:
    return max(REACH_PX, math.ceil(4.0 * sigma_px))


def _covariance(blocks: list[Float32], weights: list[FloatArray], reach: int) -> Covariance:
    parts = [
        temporal_covariance(piece, np.sqrt(weight), reach)
        for piece, weight in zip(*_pieces(blocks, weights, SEGMENT_FRAMES), strict=True)
    ]
    return fit_covariance(np.mean(parts, axis=0))


def _pieces(
    blocks: list[Float32], weights: list[FloatArray], length: int
) -> tuple[list[Float32], list[FloatArray]]:
    pairs = [
        (piece, weight)
        for block, weight in zip(blocks, weights, strict=True)
        for piece in segments(block, length)
    ]
    return [piece for piece, _ in pairs], [weight for _, weight in pairs]


def _weighted_mean(blocks: list[Float32], weights: list[FloatArray]) -> float:
    means = [
        float(np.sum(block.mean(axis=0, dtype=np.float64) * weight) / weight.sum())
        for block, weight in zip(blocks, weights, strict=True)
    ]
    return float(np.mean(means))


def _darkest(blocks: list[Float32], weights: list[FloatArray]) -> float:
    """Return a first guess of the background: the darkest pixels of the mean image."""
    dark = [
        float(np.percentile(block.mean(axis=0, dtype=np.float64)[weight > 0.1], 2))
        for block, weight in zip(blocks, weights, strict=True)
    ]
    return 0.95 * max(float(np.mean(dark)), 0.01)


def _flicker(
    pieces: list[Float32],
    weights: list[FloatArray],
    found: Covariance,
    mean: float,
    read_variance: float,
    em: bool,
    memory: float,
) -> tuple[float, float]:
    """Return the variance of the frames' means beyond that of independent emitters.

    Zero where it is not significant: the light of all emitters scatters by itself.
    """
    beyond, errors = [], []
    noise = found.amplitude + (2.0 if em else 1.0) * max(mean, 0.0) + read_variance
    for piece, weight in zip(pieces, weights, strict=True):
        share = weight / weight.sum()
        means = np.tensordot(piece, share.astype(np.float32), axes=2).astype(np.float64)
        expected = noise * float(np.sum(share**2))
        beyond.append(float(np.var(means, ddof=1)) - expected)
        errors.append(expected * math.sqrt(2.0 * (2.0 * memory - 1.0) / (len(piece) - 1)))
    error = math.sqrt(sum(e**2 for e in errors)) / len(errors)
    value = float(np.mean(beyond))
    if value < FLICKER_SIGNIFICANT * error:
        return 0.0, error
    own = value * math.sqrt(2.0 / max(sum(len(p) for p in pieces) - 1, 1))
    return value, math.hypot(error, own)
