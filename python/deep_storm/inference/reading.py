"""Read a network's output tile by tile: candidates and the super-resolution image.

Each network has its reader; the reconstruction knows only this interface. What a tile gives is
small (active cells, maxima), so a large frame is never held as a whole answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.errors import ModelError, SettingsError
from deep_storm.extraction import classic, native
from deep_storm.extraction.candidates import Candidates
from deep_storm.extraction.depths import Depths
from deep_storm.inference.tiles import Tile
from deep_storm.io.model_folder import PSF_FILE
from deep_storm.model import Model
from deep_storm.psf.depth import DepthCode

Float32 = npt.NDArray[np.float32]


class Reader(ABC):
    """Reads the output of one network."""

    working_bytes_per_px: int
    """Memory that inference takes for one camera pixel, about."""

    @abstractmethod
    def part(self, answer: Float32, tile: Tile) -> Any:
        """Reduce the output ``(y, x, channels)`` for one tile to what is needed of it."""

    @abstractmethod
    def candidates(self, parts: list[Any], frame: int, shape_px: tuple[int, int]) -> Candidates:
        """Return the candidates of one frame from the parts of its tiles."""

    @abstractmethod
    def draw(self, part: Any, band: Float32, top: int) -> None:
        """Add one part to a band of the super-resolution image that begins at row ``top``."""


class NativeReader(Reader):
    """The ``native`` network: active cells; the image is the expected density of emitters."""

    working_bytes_per_px = 720  # measured: about five times 32 features, and the answer

    def __init__(self, upsampling: int, depths: Depths | None = None) -> None:
        self.upsampling = upsampling
        self.depths = depths

    def part(self, answer: Float32, tile: Tile) -> native.ActiveCells:
        """Return the tile's active cells."""
        rows, columns = tile.window
        return native.active_cells(answer, tile.core_in_window, rows.start, columns.start)

    def candidates(
        self, parts: list[native.ActiveCells], frame: int, shape_px: tuple[int, int]
    ) -> Candidates:
        """Gather the cells of the whole frame."""
        return native.read_candidates(native.joined(parts), frame, *shape_px, self.depths)

    def draw(self, part: native.ActiveCells, band: Float32, top: int) -> None:
        """Draw each cell's Gaussian, weighted by its probability."""
        from deep_storm.rendering.kernels import gaussians  # pandas

        values = part.values
        spread = np.sqrt((values[:, 5] ** 2 + values[:, 6] ** 2) / 2.0)
        scale = np.float32(self.upsampling)
        gaussians(
            band, top, values[:, 1] * scale, values[:, 2] * scale, spread * scale, values[:, 0]
        )


class ClassicReader(Reader):
    """The ``classic`` network: local maxima; the image is the sum of heat maps."""

    def __init__(self, upsampling: int, amplitude: float) -> None:
        self.upsampling = upsampling
        self.amplitude = amplitude
        self.working_bytes_per_px = upsampling**2 * 4 * (3 * 32 + 1)

    def part(self, answer: Float32, tile: Tile) -> tuple[classic.HeatMaxima, Float32, Tile]:
        """Return the tile's maxima and its core of the heat map."""
        heat = answer[..., 0]
        rows, columns = (_times(s, self.upsampling) for s in tile.core_in_window)
        row_sr = tile.window[0].start * self.upsampling
        column_sr = tile.window[1].start * self.upsampling
        maxima = classic.heat_maxima(heat, (rows, columns), row_sr, column_sr, self.amplitude)
        return maxima, heat[rows, columns], tile

    def candidates(
        self,
        parts: list[tuple[classic.HeatMaxima, Float32, Tile]],
        frame: int,
        shape_px: tuple[int, int],
    ) -> Candidates:
        """Join the maxima of all tiles."""
        return classic.read_candidates([maxima for maxima, _, _ in parts], frame, self.upsampling)

    def draw(self, part: tuple[classic.HeatMaxima, Float32, Tile], band: Float32, top: int) -> None:
        """Add the heat map, as emitters per super-resolution pixel."""
        _, heat, tile = part
        rows, columns = (_times(s, self.upsampling) for s in tile.core)
        first, stop = max(rows.start, top), min(rows.stop, top + len(band))
        if first < stop:
            seen = heat[first - rows.start : stop - rows.start]
            band[first - top : stop - top, columns] += np.maximum(seen, 0.0) / np.float32(
                self.amplitude
            )


def _times(pixels: slice, factor: int) -> slice:
    return slice(pixels.start * factor, pixels.stop * factor)


def make_reader(model: Model, upsampling: int | None = None) -> Reader:
    """Return the reader of a model's network.

    Parameters
    ----------
    upsampling
        Of the image; the ``classic`` network has only the one that it was trained for.

    Raises
    ------
    SettingsError
        Another upsampling than the ``classic`` network's was asked for.
    """
    own = model.card.network.upsampling
    if model.card.network.network == "classic":
        from deep_storm.networks.classic import AMPLITUDE  # tensorflow

        if upsampling is not None and upsampling != own:
            raise SettingsError(
                f"upsampling {upsampling} for a classic model trained for {own}",
                f"upsampling {own}",
                "leave --upsampling out, or train a classic model for it",
            )
        return ClassicReader(own, AMPLITUDE)
    return NativeReader(upsampling or own, _depths_of(model))


def _depths_of(model: Model) -> Depths | None:
    """Return how the depths of a model that states them are read."""
    scales, table = model.card.scales, model.table
    if scales.depth_reach_nm is None:
        return None
    if table is None:
        raise ModelError(
            "the model states depth and has no PSF", f"{PSF_FILE} in its folder", "train it again"
        )
    pixel_nm = model.card.camera.pixel_size_nm
    sigmas = table.effective_sigmas_nm / (pixel_nm * scales.sigma_px)
    return Depths(DepthCode(scales.depth_reach_nm), table.z_nm, sigmas, pixel_nm)
