"""Read a network's output tile by tile: candidates and the super-resolution image.

Each network has its reader; the reconstruction knows only this interface. What a tile gives is
small (active cells, maxima), so a large frame is never held as a whole answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from deep_storm.cells import Answers
from deep_storm.errors import ModelError, SettingsError
from deep_storm.extraction import active, classic, native
from deep_storm.extraction.candidates import Candidates, by_frame, concatenated
from deep_storm.extraction.depths import Depths
from deep_storm.inference.drawing import Drawing, Gaussians
from deep_storm.inference.tiles import Tile, plan_tiles
from deep_storm.io.model_folder import PSF_FILE
from deep_storm.model import Model
from deep_storm.psf.depth import DepthCode

Float32 = npt.NDArray[np.float32]


class Reader(ABC):
    """Reads the output of one network.

    Attributes
    ----------
    upsampling
        Of the image.
    working_bytes_per_px
        Memory that inference takes for one camera pixel, about.
    """

    upsampling: int
    working_bytes_per_px: int

    @abstractmethod
    def part(self, answers: Answers, tile: Tile) -> Any:
        """Reduce the output for one tile of some frames to what is needed of it.

        Raises
        ------
        AnswerError
            The output is no usable number.
        """

    @abstractmethod
    def joined(self, parts: Sequence[tuple[int, Any]], dead: npt.NDArray[np.bool_]) -> Any:
        """Join the parts of a chunk of frames.

        Parameters
        ----------
        parts
            In the order of tiles, and each with the number of its first frame in the chunk.
        dead
            Frames of the chunk that are left out, bool ``(t,)``.
        """

    @abstractmethod
    def candidates(self, whole: Any, first: int, shape_px: tuple[int, int]) -> Candidates:
        """Return the candidates of joined parts, whose first frame has the number ``first``."""

    @abstractmethod
    def drawing(self, whole: Any) -> Drawing:
        """Return what joined parts add to the super-resolution image."""

    def of_frames(self, answers: Answers, tile: Tile, first: int) -> list[Candidates]:
        """Return the candidates of each of some frames that are a single tile."""
        whole = self.joined([(0, self.part(answers, tile))], np.zeros(len(answers), np.bool_))
        rows, columns = tile.core
        shape_px = rows.stop - rows.start, columns.stop - columns.start
        return by_frame(self.candidates(whole, first, shape_px), first, len(answers))


class NativeReader(Reader):
    """The ``native`` network: active cells; the image is the expected density of emitters.

    ``shift_px``: how far in x and y the network's places are from the true ones, in the mean.
    """

    working_bytes_per_px = 720  # measured: about five times 32 features, and the answer

    def __init__(
        self,
        upsampling: int,
        depths: Depths | None = None,
        shift_px: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self.upsampling = upsampling
        self.depths = depths
        self.shift_px = np.array(shift_px, np.float32)

    def part(self, answers: Answers, tile: Tile) -> active.ActiveCells:
        """Return the active cells of the tile."""
        rows, columns = tile.window
        cells = active.active_cells(answers, tile.core_in_window, rows.start, columns.start)
        cells.values[:, 1:3] -= self.shift_px
        return cells

    def joined(
        self, parts: Sequence[tuple[int, active.ActiveCells]], dead: npt.NDArray[np.bool_]
    ) -> active.ActiveCells:
        """Join active cells by frame."""
        cells = active.joined([part.later(first) for first, part in parts])
        return cells.at(~dead[cells.frame]) if dead.any() else cells

    def candidates(
        self, whole: active.ActiveCells, first: int, shape_px: tuple[int, int]
    ) -> Candidates:
        """Gather the cells of whole frames."""
        cells = active.in_raster_order(whole, *shape_px)
        return native.read_candidates(cells, first, shape_px[0], self.depths)

    def drawing(self, whole: active.ActiveCells) -> Gaussians:
        """Return each cell as a Gaussian, weighted by its probability."""
        values, scale = whole.values, np.float32(self.upsampling)
        spread = np.sqrt((values[:, 5] ** 2 + values[:, 6] ** 2) / 2.0)
        return Gaussians(
            values[:, 1] * scale, values[:, 2] * scale, spread * scale, values[:, 0].copy()
        )


class WindowReader(Protocol):
    """Finds the candidates in windows of frames; see :func:`window_reader`."""

    def __call__(
        self, photons: Float32, first: int = 0, beside: Float32 | None = None
    ) -> list[Candidates]:
        """Return the candidates of each frame; the first has the number ``first``."""


class Heat(NamedTuple):
    """What is kept of the heat map of a tile of one frame: its number, maxima, core and tile."""

    frame: int
    maxima: classic.HeatMaxima
    core: Float32
    tile: Tile


class HeatMaps(NamedTuple):
    """Heat maps that are added to the image, divided by what a single emitter gives."""

    heats: list[Heat]
    upsampling: int
    amplitude: float

    def draw(self, band: Float32, top: int) -> None:
        """Add them to a band of the image that begins at row ``top``."""
        for heat in self.heats:
            rows, columns = (_times(s, self.upsampling) for s in heat.tile.core)
            first, stop = max(rows.start, top), min(rows.stop, top + len(band))
            if first < stop:
                seen = heat.core[first - rows.start : stop - rows.start]
                share = np.maximum(seen, 0.0) / np.float32(self.amplitude)
                band[first - top : stop - top, columns] += share


class ClassicReader(Reader):
    """The ``classic`` network: local maxima; the image is the sum of heat maps."""

    def __init__(self, upsampling: int, amplitude: float) -> None:
        self.upsampling = upsampling
        self.amplitude = amplitude
        self.working_bytes_per_px = upsampling**2 * 4 * (3 * 32 + 1)

    def part(self, answers: Answers, tile: Tile) -> list[Heat]:
        """Return the tile's maxima and its core of the heat map."""
        heats: Any = answers  # nothing is picked of them
        rows, columns = [_times(s, self.upsampling) for s in tile.core_in_window]
        row_sr = tile.window[0].start * self.upsampling
        column_sr = tile.window[1].start * self.upsampling
        return [
            Heat(
                frame,
                classic.heat_maxima(heat, (rows, columns), row_sr, column_sr, self.amplitude),
                heat[rows, columns],
                tile,
            )
            for frame, heat in enumerate(heats[..., 0])
        ]

    def joined(
        self, parts: Sequence[tuple[int, list[Heat]]], dead: npt.NDArray[np.bool_]
    ) -> list[Heat]:
        """Join heat maps by frame."""
        every = [heat._replace(frame=heat.frame + first) for first, part in parts for heat in part]
        return sorted((h for h in every if not dead[h.frame]), key=lambda heat: heat.frame)

    def candidates(self, whole: list[Heat], first: int, shape_px: tuple[int, int]) -> Candidates:
        """Join the maxima of all tiles of each frame."""
        return concatenated(
            [
                classic.read_candidates([h.maxima for h in heats], first + frame, self.upsampling)
                for frame, heats in groupby(whole, key=lambda heat: heat.frame)
            ]
        )

    def drawing(self, whole: list[Heat]) -> HeatMaps:
        """Return the heat maps, as emitters per super-resolution pixel."""
        return HeatMaps(whole, self.upsampling, self.amplitude)


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
    shift_px = model.card.calibration.shift_px
    return NativeReader(upsampling or own, _depths_of(model), shift_px)


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


def window_reader(model: Model, height_px: int, width_px: int) -> WindowReader:
    """Return what finds the candidates in windows of frames.

    Parameters
    ----------
    model
        Whose network reads them.
    height_px, width_px
        Of the windows: multiples of what the network needs, and small enough to be read at once.

    Returns
    -------
    From photons ``(t, y, x)``, the number of the first frame and the frames before and after each
    ``(t, y, x, 2)``, where they are known, to the candidates of each frame.
    """
    network, reader, scales = model.network, make_reader(model), model.card.scales
    infer = network.inference(model.keras_model, scales, model.precision)
    whole = max(height_px, width_px)
    (tile,) = plan_tiles(height_px, width_px, whole, network.halo_px, network.alignment_px)

    def read(photons: Float32, first: int = 0, beside: Float32 | None = None) -> list[Candidates]:
        return reader.of_frames(infer(scales.network_input(photons, beside)), tile, first)

    return read
