"""Endless training batches: crowded and sparse patches with their emitters.

A batch is made from the seed and its own number alone. Batches can therefore be made side by
side in threads, in any order, and training can be resumed in the middle.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from deep_storm.simulation.field import Field, Places, Structure
from deep_storm.simulation.haze import add_haze
from deep_storm.simulation.light import Light
from deep_storm.simulation.mask import Mask, MaskLike, mask_structure
from deep_storm.simulation.noise import expose
from deep_storm.simulation.structures import Uniform
from deep_storm.simulation.surfaces import Surface

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]

PATCH_STREAM = 3
"""Second word of the seeds; ``frames`` uses others."""

PADDING = 16
"""Emitter arrays are padded to a multiple of this, so that few different shapes occur."""


@dataclass(frozen=True)
class PatchBatch:
    """One training batch of b patches.

    Attributes
    ----------
    adu
        Pixel values as the camera gives them, float32 of shape (b, y, x).
    expected_background_photon
        Expected photons that come from no emitter of the truth, float32 of shape (b, y, x), or
        (b, 1, 1) where the background is even.
    xy_px
        Positions (x, y) of the emitters within each patch in pixels (corner rule), float32 of
        shape (b, n_max, 2); rows that are not present are 0.
    sigma_px, intensity_photon
        PSF sigma and expected photons, float32 of shape (b, n_max); 0 where not present, so take
        ``present`` before dividing.
    present
        Which rows are emitters, bool of shape (b, n_max); n_max is a multiple of 16.
    z_nm
        Depths, float32 of shape (b, n_max).
    maps
        Per-pixel camera properties of the places that the patches are from, each (b, y, x); None
        without maps.
    """

    adu: Float32Array
    expected_background_photon: Float32Array
    xy_px: Float32Array
    sigma_px: Float32Array
    intensity_photon: Float32Array
    present: npt.NDArray[np.bool_]
    z_nm: Float32Array
    maps: CameraMaps | None = None


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
    ) -> None:
        self.camera = camera
        self.psf = psf
        self.emitters = emitters
        self.background = background
        self.patch_size_px = patch_size_px
        self.batch = batch
        self.seed = seed
        self.maps = maps if maps is not None and maps.shape is not None else None
        self.density_factors = density_factors
        self.uniform_share = uniform_share
        self.light = Light.of(psf, table, camera.pixel_size_nm)
        margin = self.light.margin_px(camera.pixel_size_nm)
        self.field = Field(patch_size_px, patch_size_px, camera.pixel_size_nm, margin)
        self._check_maps()
        self._mask = self._spread_mask(mask, mask_field_px)

    def batch_at(self, index: int) -> PatchBatch:
        """Simulate the batch with this number: the same on every call and in every thread."""
        rng = np.random.default_rng([self.seed, PATCH_STREAM, index])
        b, size = self.batch, self.patch_size_px
        backgrounds = draw_spread(
            self.background.background_photon,
            self.background.background_std_photon,
            "uniform",
            b,
            rng,
        )
        low, high = np.log(self.density_factors)
        densities = self.emitters.density_per_um2 * np.exp(rng.uniform(low, high, b))
        structures = [self._draw_structure(rng) for _ in range(b)]
        drawn = place_emitters(structures, densities, self.field, self.emitters, self.psf, rng)
        dark = backgrounds.astype(np.float32)[:, None, None]
        if self.background.is_structured:
            dark = self._structured(dark, rng)
        drawn = self.light.placed(drawn, rng)
        dark = dark + self.light.tails(drawn, b, self.field.outer_px)
        expected = np.empty((b, size, size), dtype=np.float32)
        expected[:] = dark
        self.light.add(expected, drawn)
        maps = self._crop_maps(rng)
        adu = expose(expected, self.camera, rng, maps).astype(np.float32)
        return PatchBatch(adu, dark, *padded(drawn.inside(size, size), b), maps)

    def _structured(self, mean: Float32Array, rng: np.random.Generator) -> Float32Array:
        """Return uneven background with haze, float32 (b, y, x)."""
        size, background = self.patch_size_px, self.background
        dark = np.repeat(np.repeat(mean, size, axis=1), size, axis=2)
        if background.unevenness > 0:
            scale_px = self.camera.px(1000.0 * background.unevenness_scale_um)
            for patch in dark:
                patch *= Surface.drawn(background.unevenness, scale_px, rng).over(size, size)
        if background.haze_per_um2 > 0:
            add_haze(
                dark,
                background.haze_per_um2 * (self.camera.pixel_size_nm / 1000.0) ** 2,
                self.emitters.intensity_photon,
                self.camera.px(self.psf.sigma_nm),
                rng,
            )
        return dark

    def _draw_structure(self, rng: np.random.Generator) -> Structure:
        structured = self._mask is not None or self.emitters.structure != "uniform"
        if not structured or rng.random() < self.uniform_share:
            return Uniform(self.field)
        if self._mask is not None:
            return MaskWindow.drawn(self._mask, self.field, rng)
        return draw_structured(self.emitters.structure, self.field, rng)

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

    def _crop_maps(self, rng: np.random.Generator) -> CameraMaps | None:
        if self.maps is None or self.maps.shape is None:
            return None
        height_px, width_px = self.maps.shape
        top = rng.integers(0, height_px - self.patch_size_px + 1, self.batch)
        left = rng.integers(0, width_px - self.patch_size_px + 1, self.batch)
        return self.maps.crops(top, left, self.patch_size_px)


@dataclass(frozen=True)
class MaskWindow:
    """The part of a mask's field that a patch covers.

    The emitters of the whole field are drawn and those far from the window left out, so a window
    on a bright part of the mask is denser than the mean, as in a movie.
    """

    mask: Mask
    field: Field
    left_px: float
    top_px: float

    @classmethod
    def drawn(cls, mask: Mask, field: Field, rng: np.random.Generator) -> MaskWindow:
        """Draw a window around a bright position of the mask, within the mask's field."""
        x, y = mask.positions(1, rng)
        left = x[0] - rng.uniform(0, field.width_px)
        top = y[0] - rng.uniform(0, field.height_px)
        return cls(
            mask,
            field,
            float(np.clip(left, 0, mask.field.width_px - field.width_px)),
            float(np.clip(top, 0, mask.field.height_px - field.height_px)),
        )

    @property
    def share_in_field(self) -> float:
        """Share of the mask's area in the window, so that the mean over it is right."""
        return self.field.area_um2 / self.mask.field.area_um2

    def positions(self, count: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Draw ``count`` positions in the whole field, without those far from the window."""
        x, y = self.mask.positions(count, rng)
        x, y = x - self.left_px, y - self.top_px
        near = self.field.contains(x, y, self.field.margin_px)
        return x[near], y[near]

    def places(self, count: int, rng: np.random.Generator, reach_px: float) -> Places:
        """Draw ``count`` positions and depths, without those far from the window."""
        x, y, z = self.mask.places(count, rng, reach_px)
        x, y = x - self.left_px, y - self.top_px
        near = self.field.contains(x, y, self.field.margin_px)
        return Places(x[near], y[near], z[near])


def padded(
    emitters: EmitterSet, batch: int
) -> tuple[Float32Array, Float32Array, Float32Array, npt.NDArray[np.bool_], Float32Array]:
    """Arrange emitters as arrays with one row per patch.

    Parameters
    ----------
    emitters
        Sorted by frame; the frame is the patch.
    batch
        Number of patches, b.

    Returns
    -------
    xy_px, sigma_px, intensity_photon, present, z_nm
        As in :class:`PatchBatch`; n_max is the largest count, rounded up to a multiple of 16.
    """
    counts = np.bincount(emitters.frame, minlength=batch)
    n_max = max(1, -(-int(counts.max()) // PADDING)) * PADDING
    place = np.arange(len(emitters)) - np.repeat(np.cumsum(counts) - counts, counts)
    where = (emitters.frame, place)
    xy_px = np.zeros((batch, n_max, 2), dtype=np.float32)
    sigma_px = np.zeros((batch, n_max), dtype=np.float32)
    intensity_photon = np.zeros((batch, n_max), dtype=np.float32)
    present = np.zeros((batch, n_max), dtype=np.bool_)
    z_nm = np.zeros((batch, n_max), dtype=np.float32)
    xy_px[where] = np.stack([emitters.x_px, emitters.y_px], axis=1)
    sigma_px[where] = emitters.sigma_px
    intensity_photon[where] = emitters.intensity_photon
    present[where] = True
    z_nm[where] = emitters.z_nm
    return xy_px, sigma_px, intensity_photon, present, z_nm
