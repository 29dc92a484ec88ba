"""Endless training batches: crowded and sparse patches with their emitters.

A batch is made from the seed and its own number alone. Batches can therefore be made side by
side in threads, in any order, and training can be resumed in the middle.

For a network that sees the frames before and after the one it answers for, patches come as short
movies: each patch has the two beside it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import CameraError
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Background, Emitters, Psf, Simulation, field_default
from deep_storm.simulation.emitters import (
    STRUCTURES,
    UNIFORM_SHARE,
    EmitterSet,
    draw_spread,
    draw_structured,
    place_emitters,
)
from deep_storm.simulation.field import Field, Structure
from deep_storm.simulation.haze import add_haze
from deep_storm.simulation.light import Light
from deep_storm.simulation.mask import Mask, MaskLike, MaskWindow, mask_structure
from deep_storm.simulation.noise import draw_response, expose
from deep_storm.simulation.on_times import (
    draw_on_times,
    mean_frames_seen,
    switching_at_any_time,
)
from deep_storm.simulation.patch_batch import PatchBatch, padded
from deep_storm.simulation.structures import Uniform
from deep_storm.simulation.surfaces import Surface
from deep_storm.simulation.switching import switched

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]

PATCH_STREAM = 3
"""Second word of the seeds; ``frames`` uses others."""


class PatchSimulator:
    """Simulates training batches.

    Parameters
    ----------
    camera, psf, emitters, background
        What is simulated. Without structure all patches are uniform; otherwise most have the
        structure, drawn anew for each patch (``mixed``: filaments or clusters), or are windows
        of the mask image.
    patch_size_px
        Edge of a patch.
    batch
        Patches in a batch.
    seed
        The same seed gives the same batches.
    maps
        Per-pixel camera properties (y, x); each patch takes a random window of them.
    mask
        Mask image (array or path) in place of the structure of ``emitters``.
    density_factors
        The density of a patch is the settings' density times a factor between these two,
        log-uniform: crowded and sparse patches are both seen.
    mask_field_px
        Height and width in camera pixels that the mask image covers; default: the size of a
        simulated stack.
    uniform_share
        Share of the patches that are uniform though there is a structure.
    table
        The PSF in place of the Gaussian of ``psf``, whose depth spread is used.
    movie_frames
        Patches that follow each other in a short movie, where the frames beside them are wanted: of
        one place and one structure, with molecules that stay on as ``on_time_frames`` says. 0:
        patches stand alone.

    Raises
    ------
    CameraError
        The maps are smaller than a patch.
    SettingsError
        The structure is neither known nor a readable mask image.
    """

    def __init__(
        self,
        camera: Camera,
        psf: Psf,
        emitters: Emitters,
        background: Background,
        patch_size_px: int,
        batch: int,
        seed: int,
        maps: CameraMaps | None = None,
        mask: MaskLike | None = None,
        density_factors: tuple[float, float] = (0.3, 3.0),
        mask_field_px: tuple[int, int] | None = None,
        uniform_share: float = UNIFORM_SHARE,
        table: PsfTable | None = None,
        movie_frames: int = 0,
    ) -> None:
        self.movie_frames = movie_frames
        self.camera = camera
        self.psf = psf
        self.emitters = emitters
        self._switching = switching_at_any_time(emitters)
        self.background = background
        self.patch_size_px = patch_size_px
        self.batch = batch
        self.seed = seed
        self.maps = maps if maps is not None and maps.shape is not None else None
        self.density_factors = density_factors
        self.uniform_share = uniform_share
        self.light = Light.of(psf, table, camera.pixel_size_nm)
        margin = self.light.margin_px(emitters, camera.pixel_size_nm)
        self.field = Field(patch_size_px, patch_size_px, camera.pixel_size_nm, margin)
        self._check_maps()
        self._mask = self._spread_mask(mask, mask_field_px)

    def batch_at(self, index: int) -> PatchBatch:
        """Simulate the batch with this number: the same on every call and in every thread."""
        rng = np.random.default_rng([self.seed, PATCH_STREAM, index])
        size = self.patch_size_px
        # The first and the last frame of each movie are only there to stand beside others.
        frames = self.movie_frames + 2 if self.movie_frames else 1
        movies = -(-self.batch // max(self.movie_frames, 1))
        count = movies * frames
        backgrounds = draw_spread(
            self.background.background_photon,
            self.background.background_std_photon,
            "uniform",
            count,
            rng,
        )
        low, high = np.log(self.density_factors)
        densities = self.emitters.density_per_um2 * np.exp(rng.uniform(low, high, movies))
        structures = [self._draw_structure(rng) for _ in range(movies)]
        drawn = self._placed(structures, densities, frames, rng)
        dark = backgrounds.astype(np.float32)[:, None, None]
        if self.background.is_structured:
            dark = self._structured(dark, frames, rng)
        drawn = self.light.placed(drawn, rng)
        if self.movie_frames:
            drawn = self._switched(drawn, frames, rng)
        dark = dark + self.light.tails(drawn, count, self.field.outer_px)
        expected = np.empty((count, size, size), dtype=np.float32)
        expected[:] = dark
        self.light.add(expected, drawn)
        response = draw_response(self.camera, (movies, size, size), rng)
        if response is not None:
            expected *= np.repeat(response, frames, axis=0)
        corners = self._corners(movies, frames, rng)
        adu = expose(expected, self.camera, rng, self._crops(corners)).astype(np.float32)
        if not self.movie_frames:
            emitters = padded(drawn.inside(size, size), count)
            return PatchBatch(adu, dark, *emitters, self._crops(corners))
        kept = np.arange(count).reshape(movies, frames)[:, 1:-1].ravel()[: self.batch]
        return PatchBatch(
            adu[kept],
            dark[kept],
            *padded(_renumbered(drawn.inside(size, size), kept), len(kept)),
            self._crops(corners[:, kept]),
            np.stack([adu[kept - 1], adu[kept + 1]], axis=-1),
        )

    def _placed(
        self,
        structures: list[Structure],
        densities: FloatArray,
        frames: int,
        rng: np.random.Generator,
    ) -> EmitterSet:
        """Place the emitters of single patches, or all that a short movie will see."""
        emitters = self._switching
        if self.movie_frames:
            # Those that are on already in the first frame are among them.
            seen = mean_frames_seen(emitters)
            densities = densities * (frames - 1.0 + seen) / seen
            emitters = emitters.model_copy(update={"on_time_frames": 0.0})
        return place_emitters(structures, densities, self.field, emitters, self.psf, rng)

    def _switched(self, emitters: EmitterSet, frames: int, rng: np.random.Generator) -> EmitterSet:
        """Switch the emitters of each movie on and off."""
        count, seen = len(emitters), mean_frames_seen(self._switching)
        within, on = draw_on_times(self._switching, count, rng)
        start = rng.integers(0, frames, count) + within
        already = rng.random(count) < (seen - 1.0) / (frames - 1.0 + seen)
        return switched(emitters, np.where(already, 0.0, start), on, frames)

    def _structured(
        self, mean: Float32Array, frames: int, rng: np.random.Generator
    ) -> Float32Array:
        """Return uneven background with haze, float32 (b, y, x).

        In a movie of molecules that stay on, so does the light of those far out of focus.
        """
        size, background = self.patch_size_px, self.background
        dark = np.repeat(np.repeat(mean, size, axis=1), size, axis=2)
        if background.unevenness > 0:
            scale_px = self.camera.px(1000.0 * background.unevenness_scale_um)
            for movie in dark.reshape(-1, frames, size, size):
                movie *= Surface.drawn(background.unevenness, scale_px, rng).over(size, size)
        if background.haze_per_um2 > 0:
            haze = dark
            if mean_frames_seen(self.emitters) > 1.0:
                haze = np.zeros((len(dark) // frames, size, size), np.float32)
            add_haze(
                haze,
                background.haze_per_um2 * self.camera.pixel_area_um2,
                self.emitters.intensity_photon,
                self.camera.px(self.psf.sigma_nm),
                rng,
            )
            if haze is not dark:
                dark += np.repeat(haze, frames, axis=0)
        return dark

    def _draw_structure(self, rng: np.random.Generator) -> Structure:
        structured = self._mask is not None or self.emitters.structure != "uniform"
        if not structured or rng.random() < self.uniform_share:
            return Uniform(self.field)
        if self._mask is not None:
            return MaskWindow.drawn(self._mask, self.field, rng)
        return draw_structured(self.emitters, self.field, rng)

    def _spread_mask(self, mask: MaskLike | None, size_px: tuple[int, int] | None) -> Mask | None:
        if mask is None and self.emitters.structure in STRUCTURES:
            return None
        if size_px is None:
            size_px = (
                field_default(Simulation, "height_px"),
                field_default(Simulation, "width_px"),
            )
        height_px, width_px = (max(edge, self.patch_size_px) for edge in size_px)
        whole = Field(height_px, width_px, self.camera.pixel_size_nm)
        return mask_structure(self.emitters.structure if mask is None else mask, whole)

    def _check_maps(self) -> None:
        if self.maps is None or self.maps.shape is None:
            return
        if min(self.maps.shape) < self.patch_size_px or len(self.maps.shape) != 2:
            raise CameraError(
                f"camera maps of shape {self.maps.shape} (height, width)",
                f"two-dimensional maps of at least {self.patch_size_px} px along both axes",
                "take maps of the whole camera or smaller patches",
            )

    def _corners(self, movies: int, frames: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Draw the top and left edge of each patch's window of the maps, (2, b)."""
        if self.maps is None or self.maps.shape is None:
            return np.zeros((2, movies * frames), np.int64)
        edges = [rng.integers(0, n - self.patch_size_px + 1, movies) for n in self.maps.shape]
        return np.repeat(np.stack(edges), frames, axis=1)

    def _crops(self, corners: npt.NDArray[np.int64]) -> CameraMaps | None:
        top, left = corners
        return None if self.maps is None else self.maps.crops(top, left, self.patch_size_px)


def _renumbered(emitters: EmitterSet, kept: npt.NDArray[np.int64]) -> EmitterSet:
    """Return the emitters of some frames (rising), which are counted from 0 then."""
    there = emitters.where(np.isin(emitters.frame, kept))
    return replace(there, frame=np.searchsorted(kept, there.frame))
