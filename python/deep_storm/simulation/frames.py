"""Movies: any number of simulated frames and their ground truth.

Every frame has its own random numbers, made from the seed and the frame's number. So a frame is
the same whichever others are made with it, and a movie need not be kept to be read. That also
holds for molecules that stay on for several frames: see :mod:`deep_storm.simulation.switching`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, check_maps
from deep_storm.errors import StackError
from deep_storm.progress import Progress
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.emitters import (
    EmitterSet,
    draw_densities,
    draw_spread,
    draw_structure,
    place_emitters,
)
from deep_storm.simulation.field import Field
from deep_storm.simulation.haze import add_haze
from deep_storm.simulation.light import Light
from deep_storm.simulation.mask import MaskLike
from deep_storm.simulation.noise import draw_response, dtype_of, expose
from deep_storm.simulation.on_times import mean_frames_seen, switching_at_any_time
from deep_storm.simulation.surfaces import Surface
from deep_storm.simulation.switching import Switching
from deep_storm.simulation.truth import Drawn, truth_table

Frames = npt.NDArray[Any]

STRUCTURE_STREAM = 1
FRAME_STREAM = 2
"""Second word of the seeds: what random numbers are for, so that no two uses share any."""

CHUNK_PIXELS = 4_000_000
"""Pixels made between two calls of ``progress``: a few tenths of a second."""


@dataclass(frozen=True)
class SimulatedStack:
    """A simulated movie.

    Attributes
    ----------
    stack
        Pixel values of shape (t, y, x): uint16, or signed where the camera's baseline is negative.
    truth
        The emitters in the field, a table as in :mod:`deep_storm.localizations` with the columns
        frame, x_nm, y_nm, sigma_nm, intensity_photon, baseline_photon, bkgstd_photon and
        ThunderSTORM's meaning: offset is the camera's baseline in photons, bkgstd the square root
        of the mean background photons.
    """

    stack: Frames
    truth: pd.DataFrame


class SimulatedFrames:
    """A simulated movie, generated while it is read.

    Parameters
    ----------
    camera, psf, emitters, background
        What is simulated. Filaments and clusters stay where they are during the movie.
    simulation
        Size of the movie, and seed.
    maps
        Per-pixel camera properties of shape (height, width).
    mask
        Mask image (array or path) in place of the structure of ``emitters``.
    table
        The PSF in place of the Gaussian of ``psf``, whose depth spread is used.

    Raises
    ------
    CameraError
        The maps do not have the frames' size.
    SettingsError
        The structure is neither known nor a readable mask image.
    """

    def __init__(
        self,
        camera: Camera,
        psf: Psf,
        emitters: Emitters,
        background: Background,
        simulation: Simulation,
        maps: CameraMaps | None = None,
        mask: MaskLike | None = None,
        table: PsfTable | None = None,
    ) -> None:
        check_maps(maps, simulation.height_px, simulation.width_px)
        self.camera = camera
        self.psf = psf
        self.emitters = emitters
        self.background = background
        self.simulation = simulation
        self.maps = maps
        self.light = Light.of(psf, table, camera.pixel_size_nm)
        margin_px = self.light.margin_px(emitters, camera.pixel_size_nm)
        self.field = Field(
            simulation.height_px, simulation.width_px, camera.pixel_size_nm, margin_px
        )
        rng = np.random.default_rng([simulation.seed, STRUCTURE_STREAM])
        self._structure = draw_structure(emitters, self.field, rng, mask)
        self._surface = self._drawn_surface(rng)
        self._response = draw_response(camera, self.shape[1:], rng)
        self._switching = Switching(
            self._structure,
            self.field,
            switching_at_any_time(emitters),
            psf,
            self.light,
            simulation.seed,
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, height and width."""
        return self.simulation.frames, self.simulation.height_px, self.simulation.width_px

    @property
    def dtype(self) -> np.dtype[Any]:
        """The frames' dtype."""
        return dtype_of(self.camera)

    @property
    def pixel_size_nm(self) -> float:
        """Pixel size of the camera."""
        return self.camera.pixel_size_nm

    def __len__(self) -> int:
        return self.simulation.frames

    def read(self, start: int, stop: int) -> Frames:
        """Simulate frames ``start`` … ``stop − 1``: of shape (stop − start, y, x).

        Raises
        ------
        StackError
            The movie has no such frames.
        """
        return self.read_with_truth(start, stop).stack

    def truth(self, start: int, stop: int) -> pd.DataFrame:
        """Return the ground truth of frames ``start`` … ``stop − 1`` without simulating the frames.

        Raises
        ------
        StackError
            The movie has no such frames.
        """
        self._check_range(start, stop)
        drawn = [self._draw(t) for t in range(start, stop)]
        return truth_table(start, drawn, self.camera, self.light.has_depth, self.shape[1:])

    def read_with_truth(self, start: int, stop: int) -> SimulatedStack:
        """Simulate frames ``start`` … ``stop − 1`` with their ground truth.

        Raises
        ------
        StackError
            The movie has no such frames.
        """
        self._check_range(start, stop)
        stack = np.empty((stop - start, *self.shape[1:]), dtype=self.dtype)
        drawn = [self._draw(t) for t in range(start, stop)]
        for frame, one in zip(stack, drawn, strict=True):
            frame[:] = self._expose(one)
        return SimulatedStack(
            stack, truth_table(start, drawn, self.camera, self.light.has_depth, self.shape[1:])
        )

    def _check_range(self, start: int, stop: int) -> None:
        if not 0 <= start <= stop <= self.simulation.frames:
            raise StackError(
                f"frames {start} to {stop} (0-based, the last not included) were asked for",
                f"a range within the movie's {self.simulation.frames} frames",
                "ask for fewer frames or simulate more",
            )

    def _draw(self, t: int) -> Drawn:
        rng = np.random.default_rng([self.simulation.seed, FRAME_STREAM, t])
        background = self.background
        photons = draw_spread(
            background.background_photon, background.background_std_photon, "uniform", 1, rng
        )
        stay = mean_frames_seen(self.emitters) > 1.0
        drawn = self._switching.at(t) if stay else self._placed(rng)
        dark = self._dark(float(photons[0]), rng)
        placed = drawn if stay else self.light.placed(drawn, rng)
        return Drawn(placed, dark + self.light.tails(placed, 1, self.field.outer_px), rng)

    def _placed(self, rng: np.random.Generator) -> EmitterSet:
        """Place the emitters of a frame that is independent of all others."""
        density = draw_densities(self.emitters, 1, rng)
        return place_emitters([self._structure], density, self.field, self.emitters, self.psf, rng)

    def _dark(self, mean_photon: float, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return the light of one frame without emitters, (1, y, x) or (1, 1, 1)."""
        background = self.background
        if not background.is_structured:
            return np.full((1, 1, 1), mean_photon, np.float32)
        dark = np.full((1, *self.shape[1:]), mean_photon, np.float32)
        if self._surface is not None:
            dark *= self._surface
        if background.haze_per_um2 > 0:
            add_haze(
                dark,
                background.haze_per_um2 * self.camera.pixel_area_um2,
                self.emitters.intensity_photon,
                self.camera.px(self.psf.sigma_nm),
                rng,
            )
        return dark

    def _drawn_surface(self, rng: np.random.Generator) -> npt.NDArray[np.float32] | None:
        """Return the unevenness of the background, which is constant during the movie."""
        if self.background.unevenness <= 0:
            return None
        scale_px = self.camera.px(1000.0 * self.background.unevenness_scale_um)
        return Surface.drawn(self.background.unevenness, scale_px, rng).over(*self.shape[1:])

    def _expose(self, drawn: Drawn) -> Frames:
        expected = np.empty((1, *self.shape[1:]), dtype=np.float32)
        expected[:] = drawn.background_photon
        self.light.add(expected, drawn.emitters)
        if self._response is not None:
            expected *= self._response
        frame: Frames = expose(expected[0], self.camera, drawn.rng, self.maps, self.dtype)
        return frame


def simulate_chunks(
    frames: SimulatedFrames, chunk_frames: int | None = None, progress: Progress | None = None
) -> Iterator[SimulatedStack]:
    """Iterate over a simulated movie in chunks.

    Parameters
    ----------
    frames
        The movie.
    chunk_frames
        Frames in a chunk; default: so many that a chunk takes a fraction of a second.
    progress
        Called after each chunk with the frames done and in all.

    Yields
    ------
    SimulatedStack
        Frames and ground truth of a chunk; frame numbers are those of the whole movie.
    """
    total, height_px, width_px = frames.shape
    size = chunk_frames or max(1, CHUNK_PIXELS // (height_px * width_px))
    for start in range(0, total, size):
        stop = min(start + size, total)
        yield frames.read_with_truth(start, stop)
        if progress is not None:
            progress(stop, total, "frames simulated")


def simulate(
    camera: Camera,
    psf: Psf,
    emitters: Emitters,
    background: Background,
    simulation: Simulation,
    maps: CameraMaps | None = None,
    mask: MaskLike | None = None,
    progress: Progress | None = None,
    table: PsfTable | None = None,
) -> SimulatedStack:
    """Simulate a movie and keep it in memory.

    Parameters
    ----------
    camera, psf, emitters, background, simulation, maps, mask, table
        As :class:`SimulatedFrames` takes them.
    progress
        Called with the frames done and in all; cancels by raising.

    Returns
    -------
    SimulatedStack
        Frames and ground truth. The same settings give the same values.

    Raises
    ------
    CameraError
        The maps do not have the frames' size.
    SettingsError
        The structure is neither known nor a readable mask image.
    """
    movie = SimulatedFrames(camera, psf, emitters, background, simulation, maps, mask, table)
    stack = np.empty(movie.shape, dtype=movie.dtype)
    tables = []
    done = 0
    for chunk in simulate_chunks(movie, progress=progress):
        stack[done : done + len(chunk.stack)] = chunk.stack
        done += len(chunk.stack)
        tables.append(chunk.truth)
    return SimulatedStack(stack, pd.concat(tables, ignore_index=True))
