"""Comparison of an image with the true one.

Reconstructions have no absolute unit, so the image is first fitted to the truth by least squares,
``truth ≈ scale × image + offset`` with a scale that is not negative (an inverted image must not
pass). With that fitted image, and the *range* of the truth (largest − smallest value):

===========  ==============================================================================
SSIM         structural similarity [1]_, Gaussian window of 1.5 px, data range = range
RMSE         RMS of the difference, in the truth's unit
NRMSE        RMSE / range
PSNR         20 log₁₀(range / RMSE), dB
correlation  Pearson correlation of the pixels (which no fit changes)
===========  ==============================================================================

SSIM and root squared error (RSE, the size of the difference) are also given pixel by pixel.

References
----------
.. [1] Z. Wang et al., "Image quality assessment: from error visibility to structural similarity",
   IEEE Transactions on Image Processing 13, 600 (2004). https://doi.org/10.1109/TIP.2003.819861
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.errors import StackError

MIN_EDGE_PX = 11
"""Edge of the SSIM window."""


@dataclass(frozen=True)
class ImageScores:
    """Similarity of an image and the truth; ``correlation`` is ``nan`` for a constant image."""

    ssim: float
    nrmse: float
    correlation: float
    psnr_db: float
    scale: float
    offset: float
    rmse: float

    def to_json(self) -> dict[str, float | None]:
        """Return plain numbers for JSON: ``None`` instead of ``nan`` and infinity."""
        return {k: v if math.isfinite(v) else None for k, v in asdict(self).items()}


@dataclass(frozen=True, eq=False)
class ImageMaps:
    """An image compared with the truth, pixel by pixel.

    Attributes
    ----------
    scores
        The numbers over all pixels.
    fitted, truth
        (y, x), the image brought to the truth's intensity, and the truth.
    ssim
        (y, x), structural similarity around each pixel.
    rse
        (y, x), root squared error: the size of the difference, in the truth's unit.
    """

    scores: ImageScores
    fitted: npt.NDArray[np.float64]
    truth: npt.NDArray[np.float64]
    ssim: npt.NDArray[np.float64]
    rse: npt.NDArray[np.float64]


def compare_maps(
    image: npt.NDArray[np.generic],
    truth: npt.NDArray[np.generic],
    names: tuple[str, str] = ("image", "truth"),
) -> ImageMaps:
    """Compare an image with the truth, as scores and as maps.

    Parameters
    ----------
    image, truth
        (y, x), any real dtype, the same shape, registered to each other, at least 11 px per edge.
    names
        What the two are called in errors.

    Raises
    ------
    StackError
        The shapes differ or do not suit, a pixel is not finite, or the truth is constant.
    """
    from skimage.metrics import structural_similarity

    a, b = _checked(image, truth, names)
    spread = float(np.ptp(b))
    if spread == 0:
        name = "true image" if names[1] == "truth" else names[1]
        raise StackError(f"the {name} is constant", "an image with structure", "check the file")
    scale, offset = _fit(a, b)
    fitted = scale * a + offset
    difference = fitted - b
    rms = math.sqrt(float(np.mean(difference**2)))
    ssim, ssim_map = structural_similarity(  # type: ignore[no-untyped-call]
        fitted,
        b,
        data_range=spread,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    scores = ImageScores(
        ssim=float(ssim),
        nrmse=rms / spread,
        correlation=_correlation(a, b),
        psnr_db=20 * math.log10(spread / rms) if rms > 0 else math.inf,
        scale=scale,
        offset=offset,
        rmse=rms,
    )
    return ImageMaps(scores, fitted, b, ssim_map, np.abs(difference))


def _checked(
    image: npt.NDArray[np.generic], truth: npt.NDArray[np.generic], names: tuple[str, str]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    a, b = np.asarray(image, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 2:
        raise StackError(
            f"the {names[0]} is {_size(a)} and the {names[1]} {_size(b)}",
            "two images (y, x) of the same shape",
            "draw both with the same pixel size and field",
        )
    if min(a.shape) < MIN_EDGE_PX:
        raise StackError(
            f"the images are {_size(a)}",
            f"at least {MIN_EDGE_PX} px along each edge",
            "draw them with smaller pixels",
        )
    for name, values in zip(names, (a, b), strict=True):
        if not np.isfinite(values).all():
            raise StackError(
                f"the {name} has pixels that are not finite", "numbers only", "replace them with 0"
            )
    return a, b


def _size(values: npt.NDArray[Any]) -> str:
    return " × ".join(str(edge) for edge in values.shape) + " px"


def _fit(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Least-squares scale (not negative) and offset from ``a`` to ``b``."""
    centred = a - a.mean()
    power = float(np.sum(centred**2))
    scale = max(float(np.sum(centred * (b - b.mean()))) / power, 0.0) if power > 0 else 0.0
    return scale, float(b.mean() - scale * a.mean())


def _correlation(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float:
    x, y = a - a.mean(), b - b.mean()
    norm = math.sqrt(float(np.sum(x**2)) * float(np.sum(y**2)))
    return float(np.sum(x * y)) / norm if norm > 0 else math.nan
