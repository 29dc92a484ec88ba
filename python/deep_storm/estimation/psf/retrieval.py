"""Where a movie's molecules are in their mean PSF, and how deep, from its pupil (phase retrieval).

Molecules that lie at different depths look different, and a movie shows only their mean. But light
comes through a pupil, of which a few numbers decide how the PSF looks at every depth [1]_: seven
Zernike coefficients and the size of the pupil in wavelengths. Those, and the mean and the spread of
the depths, are found by least squares, so that the mean PSF is the one that was measured and the
molecules' widths spread as much. Numerical aperture and index of the objective are not known;
depths are therefore in nm of a usual one, which does not matter where only x and y are wanted.

Light is polarized, and molecules turn freely: through a wide pupil that alone makes a PSF softer
than scalar theory has it, as a spread of depths would. So both models are fitted, the one that
explains more is taken, and molecules lie at different depths only where that model explains the
measured PSF much better so than with all molecules at one depth.

A lopsided PSF does not show where in it the molecule is: coma moves its bright core by 10 nm and
more. The pupil tells: the molecule is where its image would be without aberrations.

In focus, the sign of aberrations that are alike on both sides of the pupil cannot be told,
nor which side is deeper; both signs together give the same light.

References
----------
.. [1] B. M. Hanser et al., "Phase retrieval for high-numerical-aperture optical systems", Optics
   Letters 28, 801 (2003). https://doi.org/10.1364/OL.28.000801
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from deep_storm.estimation.psf.over_depth import (
    NODES,
    PERIOD_PX,
    LightModel,
    OverDepth,
    Parameters,
    table_over_depth,
)
from deep_storm.psf.fitting import fit_gaussian
from deep_storm.psf.pupil import PupilGrid
from deep_storm.psf.table import PsfTable
from deep_storm.robust import robust_std
from deep_storm.settings import NAMED_MODES

FloatArray = npt.NDArray[np.float64]

LIGHT_MODELS: tuple[LightModel, ...] = ("scalar", "vectorial")
USUAL_WAVES = 0.2
"""Aberrations are this large or smaller."""
CORE_PX = 5
CORE_SAMPLES = 2
"""The PSF is compared within so many pixels, on so many samples per pixel."""
FROM_FOCUS_NM = 100.0
"""How far from the focus molecules lie in the mean, about. Aberrations with a mean depth often make
the same PSF as others with another."""
STARTS = ((1.5, 0.03), (1.5, -0.03), (0.3, 0.02))
"""Spread of depth (in 100 nm) and astigmatism to begin with; the first tells the model."""
FOCUS_STARTS = (0.02, -0.03)
"""Astigmatism to begin with where all molecules lie at one depth."""
MAX_EVALUATIONS = 25
RELATIVE_STEP = 1e-3
MIN_ERROR = 0.01
"""Relative RMS error of a measured PSF, at least."""
MAX_MISFIT = 0.08
"""A pupil that explains the PSF no better than that (relative RMS) says nothing of depth."""
WIDTH_ERROR, WIDTH_ERROR_SHARE = 0.01, 0.25
"""Error of the spread of widths that was found: absolute and relative."""
MIN_DEPTH_STD_NM = 80.0
"""Depths that spread less than this cannot be seen."""
MIN_GAIN = 1.5
"""Half the drop of the sum of squares that a spread of depths must bring: a likelihood ratio of
4.5."""


class Retrieved(NamedTuple):
    """What the pupil behind a PSF says.

    Attributes
    ----------
    origin_px
        Where the molecule is, seen from the table's (x, y); None where no pupil explains the PSF.
    over_depth
        None where all molecules lie at one depth, as far as can be seen.
    """

    origin_px: tuple[float, float] | None = None
    over_depth: OverDepth | None = None


class Fit(NamedTuple):
    """Half the sum of squares that a fit leaves, and its vector."""

    cost: float
    values: FloatArray


@dataclass(frozen=True)
class Task:
    """The PSF that is to be explained.

    Attributes
    ----------
    image
        The middle of the measured PSF, (n, n).
    pixel_size_nm
        Of the camera.
    error
        Relative RMS error of it.
    width_std
        Relative spread of the molecules' widths.
    """

    image: FloatArray
    pixel_size_nm: float
    error: float
    width_std: float

    @classmethod
    def of(cls, table: PsfTable, width_std: float) -> Task:
        """Take the middle of a measured PSF."""
        middle = table.values.shape[1] // 2
        reach_px = min(CORE_PX, table.radius_px)
        reach, step = reach_px * table.samples_per_px, table.samples_per_px // CORE_SAMPLES
        rows = slice(middle - reach, middle + reach + 1, step)
        image = table.values[0, rows, rows].astype(np.float64)
        error = max(table.uncertainty or 0.0, MIN_ERROR)
        return cls(image, table.pixel_size_nm, error, width_std)

    def images(self, p: Parameters) -> FloatArray:
        """Return how molecules look at the depths of :data:`NODES`, or at the one where all lie."""
        grid = PupilGrid.of(p.pupil, self.pixel_size_nm / p.scale, PERIOD_PX)
        depths = p.depth_nm + p.depth_std_nm * (NODES if p.depth_std_nm > 0 else np.zeros(1))
        return grid.images(depths, len(self.image), CORE_SAMPLES).astype(np.float64)

    def off(self, p: Parameters) -> tuple[FloatArray, FloatArray]:
        """Return what the mean leaves over of the measured PSF (relative), and the images.

        Amount of light and place are free: both depend on what else is in the frames.
        """
        images = self.images(p)
        mean = images.mean(axis=0)
        down, across = np.gradient(mean)
        design = np.stack([mean.ravel(), across.ravel(), down.ravel()], axis=1)
        best = np.linalg.lstsq(design, self.image.ravel(), rcond=None)[0]
        left = self.image.ravel() - design @ best
        return left / math.sqrt(float(np.sum(self.image**2))), images

    def misfit(self, p: Parameters) -> float:
        """Return the relative RMS difference of the mean from the measured PSF."""
        return float(np.sqrt(np.sum(self.off(p)[0] ** 2)))

    def residuals(self, values: FloatArray, model: LightModel) -> FloatArray:
        """Return all that is to be small, each in units of its error."""
        p = Parameters.of(values, model)
        off, images = self.off(p)
        sigma = np.array([fit_gaussian(image, CORE_SAMPLES).sigma_px for image in images])
        # As the widths of molecules are looked at: robustly.
        spread = robust_std(sigma) / float(np.median(sigma))
        known = math.hypot(WIDTH_ERROR, WIDTH_ERROR_SHARE * self.width_std)
        width = (spread - self.width_std) / known
        unusual = np.append(p.waves / USUAL_WAVES, p.depth_nm / FROM_FOCUS_NM)
        return np.concatenate([off / self.error, [width], unusual])


def retrieve(table: PsfTable, width_std: float) -> Retrieved:
    """Find where in their PSF the molecules of a movie are, and at which depths.

    Parameters
    ----------
    table
        Their mean PSF as it was measured: one plane.
    width_std
        Relative spread of their widths, beyond noise.
    """
    if table.samples_per_px % CORE_SAMPLES:
        return Retrieved()
    task = Task.of(table, width_std)
    in_focus = {model: _fit_in_focus(task, model) for model in LIGHT_MODELS}
    flat = min(LIGHT_MODELS, key=lambda m: in_focus[m].cost)
    there = Parameters.of(in_focus[flat].values, flat)
    if in_focus[flat].cost < MIN_GAIN:
        return Retrieved(_origin_px(task, there))
    (spread, astigmatism), *others = STARTS
    firsts = {model: _fit(task, model, spread, astigmatism) for model in LIGHT_MODELS}
    model = min(LIGHT_MODELS, key=lambda m: firsts[m].cost)
    fits = [firsts[model], *(_fit(task, model, *start) for start in others)]
    best = min(fits, key=lambda fit: fit.cost)
    p = Parameters.of(best.values, model)
    gain = in_focus[model].cost - best.cost
    if p.depth_std_nm < MIN_DEPTH_STD_NM or gain < MIN_GAIN:
        return Retrieved(_origin_px(task, there))
    origin_px = _origin_px(task, p)
    if origin_px is None:
        return Retrieved()
    over = table_over_depth(p, table, task.error)
    return Retrieved(origin_px, OverDepth(over, p.depth_std_nm, p.pupil, task.misfit(p)))


def _origin_px(task: Task, p: Parameters) -> tuple[float, float] | None:
    """Return where a pupil has the molecule in the measured PSF, if it explains that."""
    if task.misfit(p) > MAX_MISFIT:
        return None
    here = fit_gaussian(task.images(p).mean(axis=0), CORE_SAMPLES)
    there = fit_gaussian(task.image, CORE_SAMPLES)
    return there.x_px - here.x_px, there.y_px - here.y_px


def _fit(task: Task, model: LightModel, depth_std: float, astigmatism: float) -> Fit:
    """Return what one start leads to."""
    return _least_squares(task, model, [0.0, 0.0, math.log(depth_std)], astigmatism)


def _fit_in_focus(task: Task, model: LightModel) -> Fit:
    """Return the best fit with all molecules at one depth."""
    fits = [_least_squares(task, model, [0.0, 0.0], start) for start in FOCUS_STARTS]
    return min(fits, key=lambda fit: fit.cost)


def _least_squares(task: Task, model: LightModel, begin: list[float], astigmatism: float) -> Fit:
    waves = np.zeros(len(NAMED_MODES))
    # Without aberrations the light is the same on both sides of the focus: nothing to follow.
    waves[NAMED_MODES.index("spherical_waves")] = abs(astigmatism)
    waves[NAMED_MODES.index("astigmatism_waves")] = astigmatism
    found = least_squares(
        task.residuals,
        np.concatenate([begin, waves]),
        args=(model,),
        diff_step=[RELATIVE_STEP],
        max_nfev=MAX_EVALUATIONS,
    )
    return Fit(float(found.cost), found.x)
