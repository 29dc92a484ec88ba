"""Localizations, emitters and measured areas drawn over an image.

Positions are in nm from the corner of the first pixel. ImageJ's area ROIs count from that corner
too, but its point ROIs from the *centre* of the first pixel: half a pixel is taken off there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deep_storm.fiji.imagej.java import java_class
from deep_storm.rendering.palette import SHADES, palette

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

NAME = "Deep-STORM"
MAX_CIRCLES = 20_000
_CIRCLE_PX = 1.5
_INSIDE = 255
TOLERATED = 1.1
"""Depths may lie so much beyond the reddest one."""
_EMITTER_COLOR = (0, 200, 255)


def clear(image: Any) -> None:
    """Remove our overlays from an image."""
    overlay = _cleared(image)
    image.setOverlay(overlay if int(overlay.size()) else None)


def show_localizations(image: Any, table: pd.DataFrame, pixel_size_nm: float, frame: int) -> None:
    """Draw a circle for each localization of a frame (from 1), coloured by confidence or depth.

    Confidence: red is 0, yellow 0.5, green 1. Depths, where the table has them, run from blue over
    green (in focus) to red, and the less sure a localization, the paler its circle. The circle's
    name says both numbers. They are seen on that frame only.
    """
    overlay = _cleared(image)
    confidence = table["confidence"] if "confidence" in table.columns else None
    z_nm = table["z_nm"].to_numpy(np.float64) if "z_nm" in table.columns else None
    reach_nm = depth_reach_nm(z_nm) if z_nm is not None else 0.0
    for row, (x_nm, y_nm) in enumerate(zip(table["x_nm"], table["y_nm"], strict=True)):
        if row == MAX_CIRCLES:
            break
        x_px, y_px = x_nm / pixel_size_nm, y_nm / pixel_size_nm
        circle = java_class("ij.gui.OvalRoi")(
            x_px - _CIRCLE_PX, y_px - _CIRCLE_PX, 2 * _CIRCLE_PX, 2 * _CIRCLE_PX
        )
        sure = 1.0 if confidence is None else float(confidence.iloc[row])
        color: tuple[int, ...] = confidence_color(sure)
        said = f"{NAME} confidence {sure:.2f}"
        if z_nm is not None:
            color = *depth_color(z_nm[row], reach_nm), round(100 + 155 * min(max(sure, 0.0), 1.0))
            said += f", z {z_nm[row]:.0f} nm"
        circle.setStrokeColor(_color(*color))
        circle.setName(said)
        _place(image, circle, frame)
        overlay.add(circle)
    image.setOverlay(overlay)


def show_emitters(image: Any, table: pd.DataFrame, pixel_size_nm: float) -> None:
    """Draw crosses for the rows of a table, each on its own frame."""
    overlay = _cleared(image)
    for frame, rows in table.groupby("frame"):
        points = _points(
            rows["x_nm"].to_numpy() / pixel_size_nm, rows["y_nm"].to_numpy() / pixel_size_nm
        )
        position = int(str(frame)) + 1
        _place(image, points, position)
        points.setStrokeColor(_color(*_EMITTER_COLOR))
        points.setName(f"{NAME} frame {position}")
        overlay.add(points)
    image.setOverlay(overlay)


def area_of(mask: npt.NDArray[np.bool_]) -> Any:
    """Make a ROI of the pixels of a mask (y, x), at least one of which is set."""
    import jpype

    height, width = mask.shape
    pixels = (mask.ravel() * np.uint8(_INSIDE)).view(np.int8)
    processor = java_class("ij.process.ByteProcessor")(
        width, height, jpype.JArray(jpype.JByte)(pixels)
    )
    processor.setThreshold(_INSIDE, _INSIDE, processor.NO_LUT_UPDATE)
    return java_class("ij.plugin.filter.ThresholdToSelection")().convert(processor)


def show_area(image: Any, roi: Any, label: str) -> None:
    """Draw the outline of an area that was measured."""
    overlay = _cleared(image)
    outline = roi.clone()
    outline.setStrokeColor(_color(255, 220, 0))
    outline.setName(f"{NAME} {label}")
    outline.setPosition(0)
    overlay.add(outline)
    image.setOverlay(overlay)


def confidence_color(confidence: float) -> tuple[int, int, int]:
    """Return red, green and blue of a confidence: from red over yellow to green."""
    share = min(max(confidence, 0.0), 1.0)
    return round(255 * min(1.0, 2 - 2 * share)), round(230 * min(1.0, 2 * share)), 0


def depth_reach_nm(z_nm: npt.NDArray[np.float64]) -> float:
    """Return the depth that is red: 300, 600, 1200 nm, ..., mostly the same from frame to frame."""
    far = float(np.nanmax(np.abs(z_nm), initial=0.0))
    return 300.0 * 2.0 ** max(np.ceil(np.log2(max(far, 1.0) / 300.0 / TOLERATED)), 0.0)


def depth_color(z_nm: float, reach_nm: float) -> tuple[int, int, int]:
    """Return red, green and blue of a depth: from blue (-reach) over green to red (reach)."""
    share = min(max(0.5 + 0.5 * float(np.nan_to_num(z_nm)) / reach_nm, 0.0), 1.0)
    red, green, blue = palette()[round(share * (SHADES - 1))].tolist()
    return red, green, blue


def _place(image: Any, roi: Any, frame: int) -> None:
    """Show a ROI on one frame (from 1) only."""
    if int(image.getNFrames()) > 1:
        roi.setPosition(0, 0, frame)
    elif int(image.getStackSize()) > 1:
        roi.setPosition(frame)


def _cleared(image: Any) -> Any:
    """Return the image's overlay without our drawings; those of others stay."""
    overlay = java_class("ij.gui.Overlay")()
    old = image.getOverlay()
    for index in range(int(old.size()) if old is not None else 0):
        roi = old.get(index)
        if not str(roi.getName() or "").startswith(NAME):
            overlay.add(roi)
    return overlay


def _points(x_px: npt.NDArray[np.float64], y_px: npt.NDArray[np.float64]) -> Any:
    import jpype

    floats = jpype.JArray(jpype.JFloat)
    points = java_class("ij.gui.PointRoi")(
        floats(np.asarray(x_px - 0.5, np.float32)), floats(np.asarray(y_px - 0.5, np.float32))
    )
    points.setPointType(1)  # a cross
    points.setSize(1)
    points.setShowLabels(False)
    return points


def _color(red: int, green: int, blue: int, opacity: int = 255) -> Any:
    return java_class("java.awt.Color")(red, green, blue, opacity)
