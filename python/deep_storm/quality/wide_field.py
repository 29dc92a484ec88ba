"""Compare a super-resolution image with the wide-field image of the same field.

As in NanoJ-SQUIRREL [1]_: a true super-resolution image, blurred by the microscope and seen by the
camera, is the wide-field image. So the image is

1. brought to the field of the wide-field image (corners aligned; what is missing is dark),
2. blurred with a Gaussian, the *resolution scaling function*,
3. averaged over the camera's pixels,
4. fitted in intensity: ``wide field ≈ scale × image + offset``, scale not negative.

The width of the blur is the one that leaves the smallest error. The scores then are those of
:mod:`deep_storm.quality.images`; its RMSE is SQUIRREL's resolution-scaled error (RSE), its
correlation the resolution-scaled Pearson coefficient (RSP).

References
----------
.. [1] S. Culley et al., "Quantitative mapping and minimization of super-resolution optical imaging
   artifacts", Nature Methods 15, 263 (2018). https://doi.org/10.1038/nmeth.4605
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deep_storm.errors import StackError
from deep_storm.quality.images import MIN_EDGE_PX, ImageMaps, compare_maps

Image = npt.NDArray[np.float64]

MAX_PER_CAMERA_PX = 4
"""The blur is computed on at most so many pixels along a camera pixel."""
NARROWEST_PX, WIDEST_PX = 0.1, 5.0
"""Widths of the blur that are tried, in camera pixels."""
EXTRA_PX = 1.0
"""Camera pixels by which the image may be larger than the wide field."""


@dataclass(frozen=True, eq=False)
class WideFieldComparison:
    """A super-resolution image compared with the wide field.

    Attributes
    ----------
    maps
        Scores and maps on the camera's pixels.
    sigma_nm
        Standard deviation of the blur that fitted best.
    """

    maps: ImageMaps
    sigma_nm: float

    def to_json(self) -> dict[str, float | None]:
        """Return plain numbers for JSON."""
        return self.maps.scores.to_json() | {"blur_sigma_nm": self.sigma_nm}


def compare_with_wide_field(
    image: npt.NDArray[np.generic],
    pixel_size_nm: float,
    wide_field: npt.NDArray[np.generic],
    camera_pixel_nm: float,
) -> WideFieldComparison:
    """Compare a super-resolution image with the wide-field image.

    Parameters
    ----------
    image
        (y, x), linear in the number of molecules, its corner at that of the wide field.
    pixel_size_nm
        Of the image; not larger than the camera's.
    wide_field
        (y, x), such as the mean of all frames.
    camera_pixel_nm
        Pixel size of the wide field.

    Raises
    ------
    StackError
        The two are not of the same field, a pixel is not finite, or the wide field is constant or
        smaller than 11 px.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.optimize import minimize_scalar

    seen = np.asarray(wide_field, dtype=np.float64)
    fine = np.asarray(image, dtype=np.float64)
    _check(fine, pixel_size_nm, seen, camera_pixel_nm)
    per_px = min(MAX_PER_CAMERA_PX, max(1, round(camera_pixel_nm / pixel_size_nm)))
    height, width = (edge * per_px for edge in seen.shape)
    step = camera_pixel_nm / per_px / pixel_size_nm
    fine = _averaged(_averaged(fine, height, step).T, width, step).T

    def blurred(sigma_px: float) -> Image:
        smooth = gaussian_filter(fine, sigma_px * per_px, mode="constant")
        shape = (seen.shape[0], per_px, seen.shape[1], per_px)
        mean: Image = smooth.reshape(shape).mean(axis=(1, 3))
        return mean

    def error(sigma_px: float) -> float:
        return _residual(blurred(sigma_px), seen)

    found = minimize_scalar(
        error, bounds=(NARROWEST_PX, WIDEST_PX), method="bounded", options={"xatol": 0.005}
    )
    sigma_px = float(found.x)
    maps = compare_maps(blurred(sigma_px), seen, ("image", "wide field"))
    return WideFieldComparison(maps, sigma_px * camera_pixel_nm)


def _check(fine: Image, pixel_size_nm: float, seen: Image, camera_pixel_nm: float) -> None:
    for name, values in (("image", fine), ("wide field", seen)):
        if values.ndim != 2:
            raise StackError(
                f"the {name} has the shape {values.shape}", "one image (y, x)", "give one image"
            )
        if not np.isfinite(values).all():
            raise StackError(
                f"the {name} has pixels that are not finite", "numbers only", "replace them with 0"
            )
    if min(seen.shape) < MIN_EDGE_PX:
        raise StackError(
            f"the wide field is {seen.shape[1]} × {seen.shape[0]} px",
            f"at least {MIN_EDGE_PX} px along each edge",
            "give the whole field",
        )
    if pixel_size_nm > camera_pixel_nm * 1.001:
        raise StackError(
            f"the image's pixels are {pixel_size_nm:g} nm, the wide field's {camera_pixel_nm:g} nm",
            "an image with finer pixels than the wide field",
            "check the scales of both, or whether they were swapped",
        )
    sizes = [
        tuple(edge * px / 1000 for edge in values.shape[::-1])
        for values, px in ((fine, pixel_size_nm), (seen, camera_pixel_nm))
    ]
    if any(a > b + EXTRA_PX * camera_pixel_nm / 1000 for a, b in zip(*sizes, strict=True)):
        image_um, field_um = (f"{w:.4g} × {h:.4g} µm" for w, h in sizes)
        raise StackError(
            f"the image is {image_um} and the wide field {field_um}",
            "the same field",
            "check the scales of both, or crop the image to the wide field",
        )


def _averaged(image: Image, count: int, step: float) -> Image:
    """Average rows over intervals of ``step`` rows, whole or not; zero beyond the last one."""
    total = np.zeros((image.shape[0] + 1, image.shape[1]))
    np.cumsum(image, axis=0, out=total[1:])
    places = np.minimum(np.arange(count + 1) * step, image.shape[0])
    before = np.minimum(places.astype(np.int64), image.shape[0] - 1)
    share = (places - before)[:, None]
    at = total[before] * (1 - share) + total[before + 1] * share
    averaged: Image = np.diff(at, axis=0) / step
    return averaged


def _residual(image: Image, seen: Image) -> float:
    """Return the mean squared difference after the best fit of the intensity."""
    a, b = image - image.mean(), seen - seen.mean()
    power, common = float(np.sum(a**2)), float(np.sum(a * b))
    explained = common**2 / power if power > 0 and common > 0 else 0.0
    return (float(np.sum(b**2)) - explained) / b.size
