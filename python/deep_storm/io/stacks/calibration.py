"""The pixel size stated in a TIFF: by OME, ImageJ or the resolution tags."""

from __future__ import annotations

import html
import warnings

from deep_storm.io.stacks.descriptions import Description

_NM_PER_UNIT: dict[str, float] = {
    "nm": 1.0,
    "nanometer": 1.0,
    "um": 1e3,
    "µm": 1e3,
    "μm": 1e3,
    "micron": 1e3,
    "micrometer": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "cm": 1e7,
    "centimeter": 1e7,
    "m": 1e9,
    "meter": 1e9,
    "inch": 25.4e6,
    "in": 25.4e6,
}
_TIFF_UNIT_NM: dict[int, float] = {2: 25.4e6, 3: 1e7}  # TIFF 6.0, ResolutionUnit: inch, cm

MIN_NM = 0.1
MAX_NM = 10_000.0
"""Outside these limits a "pixel size" is a print resolution (72 dpi = 353 µm) or a placeholder."""


def pixel_size_nm_of(said: Description) -> float | None:
    """Return the pixel size in nm that the file states, or None.

    OME ``PhysicalSizeX`` goes first, then ImageJ's ``unit`` with ``XResolution`` (pixels per
    unit), then TIFF's own ``ResolutionUnit``. Print resolutions, the placeholder of one pixel per
    unit (a microscope that nobody calibrated writes 1 µm) and pixels that are not square count as
    none.
    """
    if said.ome_size is not None:
        edges = [(_number(size), nm_per_unit(unit)) for size, unit in said.ome_size]
    elif said.resolution is not None:
        unit_nm = nm_per_unit(said.unit or "") or _TIFF_UNIT_NM.get(said.resolution_unit or 0)
        edges = [(1.0 / per_unit, unit_nm) for per_unit in said.resolution]
    else:
        return None
    if any(size == 1.0 or unit_nm is None for size, unit_nm in edges):
        return None
    return square_pixel_nm(*(size * (unit_nm or 0.0) for size, unit_nm in edges))


def nm_per_unit(unit: str) -> float | None:
    r"""Return a length unit in nm, or None for other units.

    ImageJ writes the micro sign as the six characters ``\u00B5``.
    """
    word = html.unescape(unit).strip().replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    known = _NM_PER_UNIT.get(word) or _NM_PER_UNIT.get(word.lower())
    if known is None and len(word) > 2:
        known = _NM_PER_UNIT.get(word.lower().replace("metre", "meter").rstrip("s"))
    return known


def square_pixel_nm(x_nm: float, y_nm: float) -> float | None:
    """Return the edge of a pixel in nm, or None where it is not square or out of range.

    Warns of pixels that are not square: places in their frames are in no single unit.
    """
    if not all(MIN_NM <= edge <= MAX_NM for edge in (x_nm, y_nm)):
        return None
    if abs(x_nm - y_nm) <= 0.01 * max(x_nm, y_nm):
        return x_nm
    warnings.warn(
        f"the file says that its pixels are {x_nm:g} × {y_nm:g} nm, which is not square, and so "
        "is not used: with one pixel size everything comes out stretched along an axis; give the "
        "right size if the file is wrong, and frames with square pixels otherwise",
        stacklevel=2,
    )
    return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
