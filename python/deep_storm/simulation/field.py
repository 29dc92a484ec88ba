"""The field that emitters are drawn for, and what every distribution of emitters gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Rng = np.random.Generator


@dataclass(frozen=True)
class Field:
    """The frame that emitters are drawn for, with the margin around it.

    Positions are in pixels with the corner rule: the field is 0 … width, 0 … height, the margin
    reaches from −margin to width + margin.
    """

    height_px: int
    width_px: int
    pixel_size_nm: float
    margin_px: float = 0.0

    @property
    def area_um2(self) -> float:
        """Area without the margin."""
        return self.height_px * self.width_px * (self.pixel_size_nm / 1000.0) ** 2

    @property
    def outer_um(self) -> tuple[float, float]:
        """Height and width with the margin, in µm."""
        scale = self.pixel_size_nm / 1000.0
        outer = 2 * self.margin_px
        return (self.height_px + outer) * scale, (self.width_px + outer) * scale

    @property
    def outer_px(self) -> float:
        """Area with the margin, in pixels."""
        outer = 2 * self.margin_px
        return (self.height_px + outer) * (self.width_px + outer)

    @property
    def share(self) -> float:
        """The field's share of the area with the margin."""
        height_um, width_um = self.outer_um
        return self.area_um2 / (height_um * width_um)

    def contains(
        self, x_px: npt.NDArray[np.floating], y_px: npt.NDArray[np.floating], margin_px: float = 0.0
    ) -> npt.NDArray[np.bool_]:
        """Return which positions are in the field (or not farther than a margin from it)."""
        return (
            (x_px >= -margin_px)
            & (x_px < self.width_px + margin_px)
            & (y_px >= -margin_px)
            & (y_px < self.height_px + margin_px)
        )

    def uniform(self, count: int, rng: Rng) -> tuple[FloatArray, FloatArray]:
        """Draw x, y uniformly in the field and its margin."""
        m = self.margin_px
        x = rng.uniform(-m, self.width_px + m, count)
        return x, rng.uniform(-m, self.height_px + m, count)


class Places(NamedTuple):
    """Positions and depths in pixels, each float64 of shape (n,)."""

    x: FloatArray
    y: FloatArray
    z: FloatArray


class Structure(Protocol):
    """Distribution of emitters in space."""

    @property
    def share_in_field(self) -> float:
        """Share of the drawn positions that fall into the field, without the margin."""

    def positions(self, count: int, rng: Rng) -> tuple[FloatArray, FloatArray]:
        """Draw ``count`` positions: x and y in pixels, each float64 of shape (count,).

        Those that lie beyond the margin may be left out.
        """

    def places(self, count: int, rng: Rng, reach_px: float) -> Places:
        """Draw ``count`` positions with depths, in pixels; they lie within ± ``reach_px``."""
