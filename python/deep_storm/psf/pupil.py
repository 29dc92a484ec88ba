"""A PSF from theory: the image of a point by an objective with aberrations.

The field in the image is the Fourier transform of the pupil function [1]_, [2]_::

    U(x, y; z) = ∫∫ A(ρ, φ) · exp(2πi · [W(ρ, φ) + D(ρ; z)]) · exp(2πi · (f_x·x + f_y·y)) df_x df_y
    W = Σ_j c_j · Z_j(ρ, φ)                    c_j in wavelengths rms, Noll's order
    D = [n_s·cos θ_s · (d + z) − n·cos θ · s] / λ

with ``ρ = |f|·λ/NA ≤ 1`` and the angles θ_s in the sample (index ``n_s``) and θ in the immersion
(``n``). The emitter lies at the depth ``d + z`` behind the cover glass and the objective is moved
so (``s``) that light from the depth ``d`` is as much in phase as it can be. Positive ``z`` is
farther from the objective. Light that only couples to the glass within a wavelength of it
(``NA·ρ > n_s``) is left out.

The vectorial model adds up three dipoles along x, y and z, each seen in two polarizations [3]_,
without Fresnel losses at the cover glass.

How it is computed: the pupil is sampled so finely that the light is periodic only with
``PERIOD_RADII`` times half the window; its rim is a band-limited step. The image |U|² is
band-limited, so a coarse grid holds all of it, and one matrix per axis takes it exactly to the
table's samples *and* integrates over the pixel (a product with ``sinc`` in frequency). The whole
light is known from the pupil (Parseval), so the table's values are shares of all light, the light
outside the window included.

References
----------
.. [1] J. W. Goodman, "Introduction to Fourier Optics".
.. [2] B. M. Hanser et al., "Phase retrieval for high-numerical-aperture optical systems", Optics
   Letters 28, 801 (2003). https://doi.org/10.1364/OL.28.000801
.. [3] B. Richards and E. Wolf, "Electromagnetic diffraction in optical systems, II", Proceedings of
   the Royal Society A 253, 358 (1959). https://doi.org/10.1098/rspa.1959.0200
.. [4] B. Zhang, J. Zerubia and J.-C. Olivo-Marin, "Gaussian approximations of fluorescence
   microscope point-spread function models", Applied Optics 46, 1819 (2007).
   https://doi.org/10.1364/AO.46.001819
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.fft import ifft2, next_fast_len

from deep_storm.psf.fitting import offsets_px
from deep_storm.psf.masks import phase_mask
from deep_storm.psf.table import SAMPLES_PER_PX, PsfTable
from deep_storm.psf.zernike import zernike
from deep_storm.settings import Pupil

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
Complex = npt.NDArray[np.complex64]

PERIOD_RADII = 16
"""The period over half the window: in focus no pixel is wrong by more than 1e-5 of the peak, far
out of focus, where light runs into the next period, by 1e-3."""
RADIUS_SIGMAS = 6.0
RADIUS_MORE_PX = 2
SIGMA_WAVELENGTHS = 0.21
"""Sigma of the Gaussian that fits an Airy disk best, in λ/NA [4]_."""
MIN_COSINE = 0.2
"""Towards the rim of the pupil the aplanatic factor is bounded by this."""
RIM_SAMPLES = 3
"""The rim of the pupil is smoothed over this many samples to each side."""
FOCUS_RANGE_NM = 600.0
FOCUS_STEP_NM = 100.0
FOCUS_SAMPLES = 2


@dataclass(frozen=True)
class PupilGrid:
    """The pupil on a grid; its images are shares of all the light.

    Attributes
    ----------
    fields
        Pupil functions of the light's parts, complex64 of shape (parts, k, k), without defocus.
    turns_per_nm
        Change of the phase with z in 2π per nm, float64 of shape (k, k).
    tilt_x, tilt_y
        Frequencies in cycles per pixel: what a shift by a pixel adds to the phase, in 2π.
    period_px
        Period of the light.
    """

    fields: Complex
    turns_per_nm: FloatArray
    tilt_x: FloatArray
    tilt_y: FloatArray
    period_px: int

    @classmethod
    def of(cls, pupil: Pupil, pixel_size_nm: float, period_px: int) -> PupilGrid:
        """Sample a pupil so that its image has this period."""
        aperture = min(pupil.numerical_aperture, pupil.sample_index or math.inf)
        edge = aperture / pupil.wavelength_nm * pixel_size_nm  # cycles per px
        reach = math.ceil(edge * period_px + RIM_SAMPLES)
        frequency = np.arange(-reach, reach + 1) / period_px
        tilt_x, tilt_y = np.meshgrid(frequency, frequency)
        radial, angle = np.hypot(tilt_x, tilt_y), np.arctan2(tilt_y, tilt_x)
        inside = _smooth_step((edge - radial) * period_px)
        sine = np.minimum(radial, edge) / pixel_size_nm * pupil.wavelength_nm  # n·sin θ
        turns_per_nm, drift = _defocus(pupil, sine)
        parts = _parts(pupil, sine, angle)
        phase = np.exp(2j * np.pi * (_wavefront(pupil, sine, angle) + drift))
        light = np.sum(inside * parts**2)
        fields = parts * (inside * phase / (math.sqrt(light) * period_px))
        return cls(fields.astype(np.complex64), turns_per_nm, tilt_x, tilt_y, period_px)

    def shifted(self, x_px: float, y_px: float) -> PupilGrid:
        """Return the grid whose image is shifted by this along x and y."""
        turn = np.exp(-2j * np.pi * (self.tilt_x * x_px + self.tilt_y * y_px))
        return replace(self, fields=(self.fields * turn).astype(np.complex64))

    def best_focus_nm(self, radius_px: int, reach_nm: float) -> float:
        """Return the depth of best focus, or 0 where that is not within reach.

        As :meth:`PsfTable.refocused` has it: the Gaussian that fits best is narrowest.
        """
        steps = round(reach_nm / FOCUS_STEP_NM)
        depths: FloatArray = np.linspace(-reach_nm, reach_nm, 2 * steps + 1)
        images = self.images(depths, 2 * radius_px * FOCUS_SAMPLES + 1, FOCUS_SAMPLES)
        found = PsfTable(images, depths, 1.0, FOCUS_SAMPLES).refocused()
        return float(depths[0] - found.z_nm[0])

    def images(self, z_nm: FloatArray, edge: int, samples_per_px: int) -> Float32Array:
        """Return the pixel-integrated image at some depths, float32 of shape (z, edge, edge)."""
        reach = self.fields.shape[-1] // 2
        size = next_fast_len(4 * reach + 1)
        sampling = _pixel_matrix(offsets_px(edge, samples_per_px), self.period_px, 2 * reach, size)
        wave = np.zeros((len(self.fields), size, size), np.complex64)
        place = np.arange(-reach, reach + 1) % size
        images = np.empty((z_nm.size, edge, edge), np.float32)
        turns = (2j * np.pi * self.turns_per_nm).astype(np.complex64)
        for k, z in enumerate(z_nm):
            wave[:, place[:, None], place] = self.fields * np.exp(turns * np.float32(z))
            field = ifft2(wave, norm="forward")
            bright = np.sum(field.real**2 + field.imag**2, axis=0)
            images[k] = sampling @ bright @ sampling.T
        return images


def airy_sigma_nm(pupil: Pupil) -> float:
    """Return the sigma of the Gaussian that best fits the PSF without aberrations."""
    return SIGMA_WAVELENGTHS * pupil.wavelength_nm / pupil.numerical_aperture


def pupil_table(
    pupil: Pupil,
    pixel_size_nm: float,
    z_nm: npt.ArrayLike = (0.0,),
    samples_per_px: int = SAMPLES_PER_PX,
    radius_px: int | None = None,
    refocused: bool = True,
) -> PsfTable:
    """Compute the PSF of a pupil.

    Parameters
    ----------
    pupil
        Numerical aperture, wavelength, indices, aberrations.
    pixel_size_nm
        Edge of a camera pixel.
    z_nm
        Depths, rising by equal steps.
    samples_per_px
        Samples per pixel along each axis.
    radius_px
        Half the window; default: six sigma of the PSF without aberrations and two pixels.
    refocused
        Whether z = 0 is moved to the best focus, as :mod:`deep_storm.psf.table` defines it
        (spherical aberration moves it); otherwise it is where the geometry has it, as x = y = 0 is.

    Raises
    ------
    PsfError
        The depths do not rise by equal steps.
    """
    depths = np.asarray(z_nm, dtype=np.float64)
    if radius_px is None:
        radius_px = default_radius_px(airy_sigma_nm(pupil) / pixel_size_nm)
    grid = PupilGrid.of(pupil, pixel_size_nm, PERIOD_RADII * radius_px)
    edge = 2 * radius_px * samples_per_px + 1
    focus_nm = grid.best_focus_nm(radius_px, FOCUS_RANGE_NM) if refocused else 0.0
    values = grid.images(depths + focus_nm, edge, samples_per_px)
    return PsfTable(values, depths, pixel_size_nm, samples_per_px, "theory")


def default_radius_px(sigma_px: float) -> int:
    """Return half the window of a PSF whose Gaussian has this sigma."""
    return math.ceil(RADIUS_SIGMAS * sigma_px) + RADIUS_MORE_PX


def _smooth_step(samples: FloatArray) -> FloatArray:
    """Return the transmission at distances within (or outside, below 0) the rim.

    A sharp rim on a grid would repeat the image every period, and its faint rings reach far. This
    step is band-limited (the integral of Lanczos' kernel), so the rings end between two images,
    and are right up to about a third of the period.
    """
    at = np.linspace(-RIM_SAMPLES, RIM_SAMPLES, 200 * RIM_SAMPLES + 1)
    kernel = np.sinc(at) * np.sinc(at / RIM_SAMPLES)
    passed = (np.cumsum(kernel) - 0.5 * kernel) / np.sum(kernel)
    step: FloatArray = np.interp(samples, at, passed, left=0.0, right=1.0)
    return step


def _wavefront(pupil: Pupil, sine: FloatArray, angle: FloatArray) -> FloatArray:
    """Return the aberrations over the pupil in wavelengths."""
    total = np.zeros_like(sine)
    for noll, waves in pupil.modes().items():
        total += waves * zernike(noll, sine / pupil.numerical_aperture, angle)
    return total + phase_mask(pupil, sine / pupil.numerical_aperture, angle)


def _defocus(pupil: Pupil, sine: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the phase per nm of z, and that of the depth behind the cover glass (in 2π)."""
    index = pupil.sample_index or pupil.immersion_index
    in_sample = np.sqrt(np.maximum(index**2 - sine**2, 0.0)) / pupil.wavelength_nm
    if pupil.depth_nm == 0 or pupil.sample_index is None:
        return in_sample, np.zeros_like(sine)
    in_glass = np.sqrt(pupil.immersion_index**2 - sine**2) / pupil.wavelength_nm
    within = sine < sine.max()
    glass, sample = (v[within] - v[within].mean() for v in (in_glass, in_sample))
    moved = (glass @ sample) / (glass @ glass)
    drift = pupil.depth_nm * (in_sample - moved * in_glass)
    return in_sample, drift - drift[within].mean()


def _parts(pupil: Pupil, sine: FloatArray, angle: FloatArray) -> FloatArray:
    """Return the amplitudes whose intensities add up: (1 or 6, k, k), real."""
    index = pupil.sample_index or pupil.immersion_index
    sin = np.minimum(sine / index, 1.0)
    cos = np.sqrt(1.0 - sin**2)
    even = np.ones_like(cos)
    if pupil.apodization == "aplanatic":
        even = np.maximum(cos, MIN_COSINE) ** -0.5
    if pupil.model == "scalar":
        return even[None]
    c, s = np.cos(angle), np.sin(angle)
    dipoles = (
        cos * c * c + s * s, (cos - 1.0) * s * c, -sin * c,
        (cos - 1.0) * s * c, cos * s * s + c * c, -sin * s,
    )  # fmt: skip
    return np.stack(dipoles) * even


def _pixel_matrix(offset_px: FloatArray, period_px: int, reach: int, size: int) -> Float32Array:
    """Return the matrix from an image's periodic, coarse grid to pixels at some offsets.

    Exact for an image without frequencies above ``reach`` periods: the integral over the pixel is
    a product with ``sinc`` in frequency.

    Returns
    -------
    float32 of shape (offsets, size).
    """
    frequency = np.arange(reach + 1) / period_px
    weight = np.where(frequency > 0, 2.0, 1.0) * np.sinc(frequency) / size
    there = 2 * np.pi * np.outer(offset_px, frequency)
    here = 2 * np.pi * np.outer(frequency * period_px, np.arange(size) / size)
    matrix = (np.cos(there) * weight) @ np.cos(here) + (np.sin(there) * weight) @ np.sin(here)
    return matrix.astype(np.float32)
