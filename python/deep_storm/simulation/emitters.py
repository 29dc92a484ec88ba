"""Emitters: position, width and brightness, frame by frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from deep_storm.settings import Emitters, Psf
from deep_storm.simulation.field import Field, Places, Structure
from deep_storm.simulation.mask import MaskLike, mask_structure
from deep_storm.simulation.structures import (
    Composite,
    Uniform,
    draw_clusters,
    draw_filaments,
    draw_sheet,
)

FloatArray = npt.NDArray[np.float64]
Spread = Literal["uniform", "normal", "gamma"]

STRUCTURES = ("uniform", "filaments", "clusters", "mixed", "surface")
"""Names of structures; anything else is the path of a mask image."""

UNIFORM_SHARE = 0.3
"""Share of mixed frames (or of a mixed movie's emitters) without structure."""

MIN_OF_MEAN = 0.2
"""Sigma, photons and background are cut at this share of their mean."""

MIN_OF_MEAN_DENSITY = 0.02

MARGIN_SIGMAS = 4.0
"""Width of the margin: an emitter farther out sends less than 1e-4 of its light in."""


@dataclass(frozen=True)
class EmitterSet:
    """Emitters of some frames, sorted by frame.

    Attributes
    ----------
    frame
        0-based frame, int64 of shape (n,).
    x_px, y_px
        Positions in pixels (corner rule), float64 of shape (n,); some lie in the margin outside.
    sigma_px
        PSF sigma in pixels, float64 of shape (n,).
    intensity_photon
        Expected photons in that frame, float64 of shape (n,).
    z_nm
        Depths, float64 of shape (n,); default: all in focus.
    """

    frame: npt.NDArray[np.int64]
    x_px: FloatArray
    y_px: FloatArray
    sigma_px: FloatArray
    intensity_photon: FloatArray
    z_nm: FloatArray = dataclasses.field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if self.z_nm.size != self.frame.size:
            object.__setattr__(self, "z_nm", np.zeros(self.frame.size))

    def __len__(self) -> int:
        return int(self.frame.size)

    def inside(self, height_px: int, width_px: int) -> EmitterSet:
        """Return the emitters within the frame itself."""
        kept = (self.x_px >= 0) & (self.x_px < width_px)
        kept &= (self.y_px >= 0) & (self.y_px < height_px)
        return self.where(kept)

    def where(self, kept: npt.NDArray[np.bool_ | np.signedinteger]) -> EmitterSet:
        """Return some of the emitters: those of a mask or, in their order, of indices."""
        return EmitterSet(
            self.frame[kept],
            self.x_px[kept],
            self.y_px[kept],
            self.sigma_px[kept],
            self.intensity_photon[kept],
            self.z_nm[kept],
        )

    def at_depths(self, z_nm: FloatArray, sigma_px: FloatArray) -> EmitterSet:
        """Return the emitters at other depths, with the given apparent widths."""
        return replace(self, z_nm=z_nm, sigma_px=sigma_px)


def draw_spread(
    mean: float,
    std: float,
    spread: Spread,
    count: int,
    rng: np.random.Generator,
    min_of_mean: float = MIN_OF_MEAN,
) -> FloatArray:
    """Draw positive values around a mean.

    Parameters
    ----------
    mean, std
        Mean and standard deviation, before the cut.
    spread
        ``"uniform"`` (mean ± √3·std), ``"normal"`` or ``"gamma"``; the last has no cut.
    count
        How many.
    rng
        Source of randomness.
    min_of_mean
        Values below this share of the mean do not occur.

    Returns
    -------
    float64 of shape (count,).
    """
    least = min_of_mean * mean
    if spread == "gamma" and std > 0:
        shape = (mean / std) ** 2
        return rng.gamma(shape, mean / shape, count)
    if spread == "uniform":
        half = np.sqrt(3.0) * std
        return rng.uniform(max(mean - half, least), mean + half, count)
    values = rng.normal(mean, std, count)
    low = np.flatnonzero(values < least)
    while low.size:
        values[low] = rng.normal(mean, std, low.size)
        low = low[values[low] < least]
    return values


def draw_shares(on_time_frames: float, count: int, rng: np.random.Generator) -> FloatArray:
    """Draw the fraction of a frame during which emitters are on, for those that are on in it.

    Emitters switch on at any time and stay on for a time that is exponentially distributed. Of
    those seen in a frame, T/(T + 1) were on before it began (T: mean on-time in frames) and have,
    as they age without memory, the same distribution before them.

    Parameters
    ----------
    on_time_frames
        Mean on-time; 0 gives 1 for all.
    count
        How many.
    rng
        Source of randomness.

    Returns
    -------
    float64 of shape (count,), above 0 and at most 1.
    """
    if on_time_frames <= 0:
        return np.ones(count)
    before = rng.random(count) < on_time_frames / (on_time_frames + 1.0)
    left = np.where(before, 1.0, rng.uniform(0.0, 1.0, count))
    return np.minimum(left, rng.exponential(on_time_frames, count))


def default_margin_px(psf: Psf, pixel_size_nm: float) -> float:
    """Return the width of the margin from which emitters still send light into the field."""
    widest_nm = psf.sigma_nm + 2 * psf.sigma_std_nm
    return MARGIN_SIGMAS * widest_nm / pixel_size_nm


def draw_structure(
    emitters: Emitters, field: Field, rng: np.random.Generator, mask: MaskLike | None = None
) -> Structure:
    """Draw one realisation of the structure that the settings name.

    Parameters
    ----------
    emitters
        ``structure`` is used: a name, or the path of a mask image. ``mixed`` gives all three at
        once: 30 % of the emitters anywhere, the rest on filaments and in clusters.
    field
        Field and margin.
    rng
        Source of randomness.
    mask
        Mask image in place of the one that the settings name.

    Raises
    ------
    SettingsError
        The structure is neither a known name nor a readable mask image.
    """
    if mask is not None:
        return mask_structure(mask, field)
    if emitters.structure == "uniform":
        return Uniform(field)
    if emitters.structure in ("filaments", "clusters"):
        return draw_structured(emitters, field, rng)
    if emitters.structure == "surface":
        return draw_sheet(field, rng)
    if emitters.structure == "mixed":
        filaments = draw_filaments(field, rng, emitters.filament_um_per_um2)
        parts = (Uniform(field), filaments, draw_clusters(field, rng))
        half = (1.0 - UNIFORM_SHARE) / 2
        return Composite(parts, (UNIFORM_SHARE, half, half))
    return mask_structure(emitters.structure, field)


def draw_structured(emitters: Emitters, field: Field, rng: np.random.Generator) -> Structure:
    """Draw ``filaments``, ``clusters`` or a ``surface``; for ``mixed`` one of the first two."""
    name = emitters.structure
    if name == "surface":
        return draw_sheet(field, rng)
    if name == "mixed":
        name = "filaments" if rng.random() < 0.5 else "clusters"
    if name == "filaments":
        return draw_filaments(field, rng, emitters.filament_um_per_um2)
    return draw_clusters(field, rng)


def place_emitters(
    structures: Sequence[Structure],
    densities_per_um2: FloatArray,
    field: Field,
    emitters: Emitters,
    psf: Psf,
    rng: np.random.Generator,
) -> EmitterSet:
    """Draw the emitters of frames with given structures and densities.

    Parameters
    ----------
    structures
        One per frame (the same one may stand for all).
    densities_per_um2
        Mean emitters per µm² of the field without the margin, shape (frames,). The count is a
        Poisson number of this mean.
    field
        Field and margin that the structures were drawn for.
    emitters, psf
        Photons and sigma with their spread, and the reach in depth.
    rng
        Source of randomness.
    """
    shares = np.array([s.share_in_field for s in structures])
    counts = rng.poisson(densities_per_um2 * field.area_um2 / shares)
    drawn = zip(structures, counts, strict=True)
    reach_px = psf.depth_reach_nm / field.pixel_size_nm
    places = [_places(structure, int(count), rng, reach_px) for structure, count in drawn]
    kept = [one.x.size for one in places]
    total = sum(kept)
    # Sigmas do not spread as photons do: a PSF is never as broad as it is wide.
    of_sigma: Spread = "normal" if emitters.spread == "gamma" else emitters.spread
    sigma_nm = draw_spread(psf.sigma_nm, psf.sigma_std_nm, of_sigma, total, rng)
    photons = draw_spread(
        emitters.intensity_photon, emitters.intensity_std_photon, emitters.spread, total, rng
    )
    if emitters.on_time_frames > 0:
        photons = photons * draw_shares(emitters.on_time_frames, total, rng)
    return EmitterSet(
        frame=np.repeat(np.arange(len(structures), dtype=np.int64), kept),
        x_px=np.concatenate([one.x for one in places]),
        y_px=np.concatenate([one.y for one in places]),
        sigma_px=sigma_nm / field.pixel_size_nm,
        intensity_photon=photons,
        z_nm=np.concatenate([one.z for one in places]) * field.pixel_size_nm,
    )


def _places(structure: Structure, count: int, rng: np.random.Generator, reach_px: float) -> Places:
    """Draw positions, and depths where there are any."""
    if reach_px > 0:
        return structure.places(count, rng, reach_px)
    x, y = structure.positions(count, rng)
    return Places(x, y, np.zeros(x.size))


def draw_densities(emitters: Emitters, frames: int, rng: np.random.Generator) -> FloatArray:
    """Draw the density of each frame, emitters per µm², shape (frames,)."""
    return draw_spread(
        emitters.density_per_um2,
        emitters.density_std_per_um2,
        "normal" if emitters.spread == "gamma" else emitters.spread,
        frames,
        rng,
        MIN_OF_MEAN_DENSITY,
    )
