"""The pixel size that a TIFF claims: OME, ImageJ or plain TIFF resolution."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tifffile import TiffFile

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

SMALLEST_NM = 0.1
LARGEST_NM = 10_000.0
"""Outside these limits a "pixel size" is a print resolution (72 dpi = 353 µm) or a placeholder."""


def pixel_size_nm_of(tif: TiffFile) -> float | None:
    """Return the edge of a pixel in nm as the file has it, or None when it has none.

    OME ``PhysicalSizeX`` goes first, then ImageJ's ``unit`` with ``XResolution`` (pixels per
    unit), then TIFF's own ``ResolutionUnit``. Print resolutions and placeholders (72 dpi,
    1 pixel per unit) and pixels that are not square count as none.
    """
    for source in (_from_ome, _from_imagej, _from_tags):
        sizes = source(tif)
        if sizes is not None:
            return _plausible(*sizes)
    return None


def nm_per_unit(unit: str) -> float | None:
    r"""Return how many nm a length unit has, or None for a unit that is not a length.

    ImageJ writes the micro sign as the six characters ``\u00B5``.
    """
    word = html.unescape(unit).strip().replace("\\u00B5", "µ").replace("\\u00b5", "µ")
    known = _NM_PER_UNIT.get(word) or _NM_PER_UNIT.get(word.lower())
    if known is None and len(word) > 2:
        known = _NM_PER_UNIT.get(word.lower().replace("metre", "meter").rstrip("s"))
    return known


def _plausible(x_nm: float, y_nm: float) -> float | None:
    square = abs(x_nm - y_nm) <= 0.01 * max(x_nm, y_nm)
    return x_nm if square and SMALLEST_NM <= x_nm <= LARGEST_NM else None


def _from_ome(tif: TiffFile) -> tuple[float, float] | None:
    text = tif.ome_metadata if tif.is_ome else None
    # a search, not a parse: a long movie's OME-XML has an element for every frame
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]*>", text) if text else None
    if pixels is None:
        return None
    attributes = dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', pixels.group()))
    sizes = []
    for axis in "XY":
        size = attributes.get(f"PhysicalSize{axis}")
        unit_nm = nm_per_unit(attributes.get(f"PhysicalSize{axis}Unit", "µm"))
        if size is None or unit_nm is None:
            return None
        sizes.append(_number(size) * unit_nm)
    return sizes[0], sizes[1]


def _from_imagej(tif: TiffFile) -> tuple[float, float] | None:
    unit = (tif.imagej_metadata or {}).get("unit") if tif.is_imagej else None
    unit_nm = nm_per_unit(str(unit)) if unit is not None else None
    return _from_resolution(tif, unit_nm)


def _from_tags(tif: TiffFile) -> tuple[float, float] | None:
    tag = tif.pages[0].tags.get("ResolutionUnit")  # type: ignore[union-attr]
    return _from_resolution(tif, _TIFF_UNIT_NM.get(int(tag.value)) if tag else None)


def _from_resolution(tif: TiffFile, unit_nm: float | None) -> tuple[float, float] | None:
    """Return the pixel edges from ``XResolution`` and ``YResolution`` (pixels per unit)."""
    if unit_nm is None:
        return None
    sizes = []
    for axis in "XY":
        tag = tif.pages[0].tags.get(f"{axis}Resolution")  # type: ignore[union-attr]
        if tag is None or not tag.value[0] or not tag.value[1]:
            return None
        sizes.append(unit_nm * tag.value[1] / tag.value[0])
    return sizes[0], sizes[1]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
