"""Structures that emitters lie on: none (uniform), filaments, clusters, a sheet, or a mask image.

A structure draws positions in a field and in a margin around it, from where light reaches in.
It knows which share of them falls into the field itself, so that whoever draws gets the density
asked for **in the field**, whatever the structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deep_storm.simulation.field import Field, Places, Rng, Structure
from deep_storm.simulation.surfaces import Surface

FloatArray = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FILAMENT_LENGTH_UM_PER_UM2 = (0.3, 2.0)
FILAMENT_LENGTH_FACTOR = 1.3
"""A length that was given is met within this factor: a field has few filaments."""
FILAMENT_PERSISTENCE_UM = (2.0, 20.0)
FILAMENT_WIDTH_NM = (20.0, 120.0)
"""Labels included: from a thread of actin over a microtubule between its antibodies, whose labels
are some 60 nm apart, to small bundles."""
FILAMENT_STEP_NM = 100.0
FILAMENT_REACH_UM = 30.0
FILAMENT_WAVE_UM = (3.0, 20.0)
"""Over this length a filament's depth goes up and down once."""
SHEET_SCALE_UM = (0.5, 2.0)
SHEET_STD = 0.45
"""Depth of a sheet over the reach: standard deviation."""
CLUSTERS_PER_UM2 = (0.3, 3.0)
CLUSTER_RADIUS_NM = (30.0, 150.0)

MIN_RELATIVE_SHARE = 0.25
"""A structure that hardly touches the field is not made denser than four times for it."""


@dataclass(frozen=True)
class Uniform:
    """Emitters distributed uniformly."""

    field: Field

    @property
    def share_in_field(self) -> float:
        """The field's share of the area."""
        return self.field.share

    def positions(self, count: int, rng: Rng) -> tuple[FloatArray, FloatArray]:
        """Draw x and y in pixels."""
        return self.field.uniform(count, rng)

    def places(self, count: int, rng: Rng, reach_px: float) -> Places:
        """Draw x, y and any depth, in pixels."""
        x, y = self.field.uniform(count, rng)
        return Places(x, y, rng.uniform(-reach_px, reach_px, count))


@dataclass(frozen=True)
class Sheet(Uniform):
    """Emitters on a smooth, wavy sheet, uniformly distributed in x and y.

    Attributes
    ----------
    waves
        Its depth as a share of the reach.
    """

    waves: Surface

    def places(self, count: int, rng: Rng, reach_px: float) -> Places:
        """Draw x, y and the sheet's depth there, in pixels."""
        x, y = self.field.uniform(count, rng)
        return Places(x, y, reach_px * np.clip(self.waves.at(x, y), -1.0, 1.0))


@dataclass(frozen=True)
class Filaments:
    """Emitters along curves, scattered across their width.

    The curves are kept as short straight steps: middle (pixels), direction (radians), half the
    filament's width (pixels) and depth (share of the reach, −1 to 1), each of shape (steps,).
    """

    x_px: npt.NDArray[np.float32]
    y_px: npt.NDArray[np.float32]
    direction: npt.NDArray[np.float32]
    half_width_px: npt.NDArray[np.float32]
    step_px: float
    share_in_field: float
    depth: npt.NDArray[np.float32]

    def positions(self, count: int, rng: Rng) -> tuple[FloatArray, FloatArray]:
        """Draw x and y in pixels."""
        x, y, _ = self._drawn(count, rng)
        return x, y

    def places(self, count: int, rng: Rng, reach_px: float) -> Places:
        """Draw x and y in pixels, and the filament's depth there."""
        x, y, step = self._drawn(count, rng)
        around = rng.uniform(-1.0, 1.0, count) * self.half_width_px[step]
        z = reach_px * self.depth[step] + around
        return Places(x, y, np.clip(z, -reach_px, reach_px))

    def _drawn(self, count: int, rng: Rng) -> tuple[FloatArray, FloatArray, Integers]:
        """Draw x and y, and the step that each lies on."""
        step = rng.integers(self.x_px.size, size=count)
        along = rng.uniform(-0.5, 0.5, count) * self.step_px
        across = rng.uniform(-1.0, 1.0, count) * self.half_width_px[step]
        cosine, sine = np.cos(self.direction[step]), np.sin(self.direction[step])
        x = self.x_px[step] + along * cosine - across * sine
        return x, self.y_px[step] + along * sine + across * cosine, step


@dataclass(frozen=True)
class Clusters:
    """Emitters in Gaussian spots: centre and radius (standard deviation) in pixels.

    The depth of a spot's centre is a share of the reach, −1 to 1.
    """

    x_px: FloatArray
    y_px: FloatArray
    radius_px: FloatArray
    cumulative: FloatArray
    share_in_field: float
    depth: FloatArray

    def positions(self, count: int, rng: Rng) -> tuple[FloatArray, FloatArray]:
        """Draw x and y in pixels."""
        x, y, _ = self._drawn(count, rng)
        return x, y

    def places(self, count: int, rng: Rng, reach_px: float) -> Places:
        """Draw x, y and depth in pixels: a spot is as deep as it is wide."""
        x, y, spot = self._drawn(count, rng)
        z = reach_px * self.depth[spot] + self.radius_px[spot] * rng.standard_normal(count)
        return Places(x, y, np.clip(z, -reach_px, reach_px))

    def _drawn(self, count: int, rng: Rng) -> tuple[FloatArray, FloatArray, Integers]:
        """Draw x and y, and the spot that each is in."""
        spot = np.searchsorted(self.cumulative, rng.random(count), side="right")
        spot = np.minimum(spot, self.cumulative.size - 1)
        x = self.x_px[spot] + self.radius_px[spot] * rng.standard_normal(count)
        return x, self.y_px[spot] + self.radius_px[spot] * rng.standard_normal(count), spot


@dataclass(frozen=True)
class Composite:
    """Several structures, each with its share of the emitters in the field."""

    parts: Sequence[Structure]
    weights: tuple[float, ...]

    @property
    def share_in_field(self) -> float:
        """Share over all parts."""
        return 1.0 / float(self._drawn().sum())

    def _drawn(self) -> FloatArray:
        """Numbers of positions to draw from each part for one in the field."""
        return np.array(
            [w / p.share_in_field for w, p in zip(self.weights, self.parts, strict=True)]
        )

    def positions(self, count: int, rng: Rng) -> tuple[FloatArray, FloatArray]:
        """Draw x and y in pixels, part after part."""
        counts = self._counts(count, rng)
        pairs = [part.positions(int(n), rng) for part, n in zip(self.parts, counts, strict=True)]
        return np.concatenate([x for x, _ in pairs]), np.concatenate([y for _, y in pairs])

    def places(self, count: int, rng: Rng, reach_px: float) -> Places:
        """Draw x, y and depth in pixels, part after part."""
        counts = self._counts(count, rng)
        drawn = [
            part.places(int(n), rng, reach_px) for part, n in zip(self.parts, counts, strict=True)
        ]
        return Places(*(np.concatenate(axis) for axis in zip(*drawn, strict=True)))

    def _counts(self, count: int, rng: Rng) -> Integers:
        drawn = self._drawn()
        return rng.multinomial(count, drawn / drawn.sum())


def draw_filaments(field: Field, rng: Rng, um_per_um2: float = 0.0) -> Filaments:
    """Draw smooth random curves: worm-like chains with a persistence length of some µm.

    The direction along a chain of persistence length P changes by a normal step of variance
    ds/P (two dimensions).

    Parameters
    ----------
    um_per_um2
        Their length in an area; 0: any that is usual.
    """
    factor = FILAMENT_LENGTH_FACTOR
    lengths = (um_per_um2 / factor, um_per_um2 * factor)
    height_um, width_um = field.outer_um
    step_um = FILAMENT_STEP_NM / 1000.0
    reach_um = min(float(np.hypot(height_um, width_um)), FILAMENT_REACH_UM)
    lengths = lengths if um_per_um2 > 0 else FILAMENT_LENGTH_UM_PER_UM2
    wanted_um = _log_uniform(lengths, rng) * height_um * width_um
    length_um = min((height_um + width_um) / 2, 2 * reach_um)
    count = max(2, round(float(wanted_um) / length_um))
    steps = max(2, int(np.ceil(reach_um / step_um)))

    step_px = FILAMENT_STEP_NM / field.pixel_size_nm
    x0, y0 = field.uniform(count, rng)
    # One curve starts in the field itself, so that no field stays empty.
    x0[0], y0[0] = rng.uniform(0, field.width_px), rng.uniform(0, field.height_px)
    persistence_um = _log_uniform(FILAMENT_PERSISTENCE_UM, rng, count)
    turns = rng.standard_normal((count, 2, steps), dtype=np.float32)
    turns *= np.sqrt(step_um / persistence_um, dtype=np.float32)[:, None, None]
    start = rng.uniform(0, 2 * np.pi, count)[:, None] + np.array([0.0, np.pi])
    direction = start[:, :, None].astype(np.float32) + np.cumsum(turns, axis=2)
    x = _walk(x0, np.cos(direction), step_px)
    y = _walk(y0, np.sin(direction), step_px)
    half_width_px = rng.uniform(*FILAMENT_WIDTH_NM, count) / 2 / field.pixel_size_nm
    half_width = np.broadcast_to(half_width_px[:, None, None].astype(np.float32), x.shape)
    kept = field.contains(x, y, field.margin_px)
    share = float(field.contains(x[kept], y[kept]).mean())
    depth = _depths_along(count, steps, step_um, _own_rng(x0))
    return Filaments(
        x[kept],
        y[kept],
        direction[kept],
        half_width[kept],
        step_px,
        _bounded(share, field),
        depth[kept],
    )


def draw_sheet(field: Field, rng: Rng) -> Sheet:
    """Draw a smooth sheet whose depth changes over some µm."""
    scale_px = _log_uniform(SHEET_SCALE_UM, rng) * 1000.0 / field.pixel_size_nm
    return Sheet(field, Surface.drawn(SHEET_STD, float(scale_px), rng))


def _own_rng(drawn: FloatArray) -> Rng:
    """Return random numbers for depths that take none from those for x and y.

    So movies without depth stay what they were. They are seeded with what was drawn.
    """
    return np.random.default_rng(drawn[-1:].view(np.uint64))


def _depths_along(count: int, steps: int, step_um: float, rng: Rng) -> npt.NDArray[np.float32]:
    """Return depths along curves, −1 to 1, of shape (count, 2 arms, steps): smooth waves."""
    middle = rng.uniform(-1.0, 1.0, count)
    swing = rng.uniform(0.0, 1.0, count) * (1.0 - np.abs(middle))
    turns_per_um = 1.0 / _log_uniform(FILAMENT_WAVE_UM, rng, count)
    along_um = step_um * (np.arange(steps) + 0.5)
    both_um = np.stack([along_um, -along_um])
    phase = rng.uniform(0.0, 2 * np.pi, count)[:, None, None]
    wave = np.sin(2 * np.pi * turns_per_um[:, None, None] * both_um + phase)
    return (middle[:, None, None] + swing[:, None, None] * wave).astype(np.float32)


def _walk(
    start_px: FloatArray, slope: npt.NDArray[np.float32], step_px: float
) -> npt.NDArray[np.float32]:
    """Integrate the steps of walks, shape (curves, 2 arms, steps), along one axis, at midpoints."""
    moved = (np.cumsum(slope, axis=2) - slope / 2) * np.float32(step_px)
    return np.asarray(start_px.astype(np.float32)[:, None, None] + moved, dtype=np.float32)


def draw_clusters(field: Field, rng: Rng) -> Clusters:
    """Draw Gaussian spots of different sizes and numbers of emitters."""
    from scipy.special import ndtr

    height_um, width_um = field.outer_um
    expected = _log_uniform(CLUSTERS_PER_UM2, rng) * height_um * width_um
    count = max(1, int(rng.poisson(expected)))
    x, y = field.uniform(count, rng)
    # One spot is in the field itself, so that no field stays empty.
    x[0], y[0] = rng.uniform(0, field.width_px), rng.uniform(0, field.height_px)
    radius = rng.uniform(*CLUSTER_RADIUS_NM, count) / field.pixel_size_nm
    weight = rng.standard_gamma(2.0, count)
    weight /= weight.sum()
    inside_x = ndtr((field.width_px - x) / radius) - ndtr(-x / radius)
    inside_y = ndtr((field.height_px - y) / radius) - ndtr(-y / radius)
    share = float(np.sum(weight * inside_x * inside_y))
    depth = _own_rng(x).uniform(-1.0, 1.0, count)
    return Clusters(x, y, radius, np.cumsum(weight), _bounded(share, field), depth)


def _bounded(share: float, field: Field) -> float:
    return max(share, MIN_RELATIVE_SHARE * field.share)


def _log_uniform(ends: tuple[float, float], rng: Rng, count: int | None = None) -> FloatArray:
    return np.asarray(np.exp(rng.uniform(np.log(ends[0]), np.log(ends[1]), count)))
