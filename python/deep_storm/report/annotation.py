"""Scale bar and colour key, drawn into an image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
import numpy.typing as npt

from deep_storm.rendering.colours import Colouring
from deep_storm.rendering.palette import palette
from deep_storm.report.figures import round_length

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage
    from PIL.ImageDraw import ImageDraw

MIN_PX = 96
"""A smaller picture has no room for a scale bar."""
MAX_TEXT_PX = 200.0
WHITE, BOX = (255, 255, 255), (20, 20, 20)


def annotated(
    pixels: npt.NDArray[np.uint8], pixel_size_nm: float, colouring: Colouring | None = None
) -> PilImage:
    """Return a picture with a scale bar in its lower right corner and a colour key on the left.

    Parameters
    ----------
    pixels
        (y, x) or (y, x, 3).
    pixel_size_nm
        Edge of a pixel.
    colouring
        What the colours stand for.
    """
    from PIL import Image, ImageDraw

    picture = Image.fromarray(pixels)
    if min(picture.size) < MIN_PX:
        return picture
    pen = ImageDraw.Draw(picture)
    width, height = picture.size
    text_px = min(max(min(width, height) / 32, 10.0), MAX_TEXT_PX)
    length_nm = round_length(width * pixel_size_nm / 5)
    bar_px = round(length_nm / pixel_size_nm)
    _labelled(pen, (width, height), text_px, bar_px, _length_text(length_nm), right=True)
    if colouring is not None:
        text = f"{colouring.name} {' – '.join(colouring.limits())}"
        key_px = min(max(bar_px, round(6 * text_px)), width // 3)
        corner = _labelled(pen, (width, height), text_px, key_px, text, right=False)
        bar = palette()[np.linspace(0, 255, key_px).round().astype(int)]
        tall = max(round(text_px / 3), 2)
        picture.paste(Image.fromarray(np.repeat(bar[None], tall, axis=0)), corner)
    return picture


def _labelled(
    pen: ImageDraw, size: tuple[int, int], text_px: float, bar_px: int, text: str, *, right: bool
) -> tuple[int, int]:
    """Draw a bar with its label above, in a dark box in a lower corner; return the bar's corner."""
    from PIL import ImageFont

    grey = pen.mode == "L"
    white, box = (WHITE[0], BOX[0]) if grey else (WHITE, BOX)
    # matplotlib's own font has a micro sign, which not every system's first font has.
    font = ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", text_px)
    margin, tall = round(text_px / 2), max(round(text_px / 3), 2)
    inner = max(bar_px, math.ceil(pen.textlength(text, font)))
    wide, high = inner + 2 * margin, round(1.4 * text_px) + tall + 2 * margin
    left = size[0] - wide - margin if right else margin
    top = size[1] - high - margin
    pen.rectangle((left, top, left + wide, top + high), fill=box)
    pen.text((left + wide / 2, top + margin), text, fill=white, font=font, anchor="ma")
    corner = left + (wide - bar_px) // 2, top + high - margin - tall
    pen.rectangle((*corner, corner[0] + bar_px - 1, corner[1] + tall - 1), fill=white)
    return corner


def _length_text(length_nm: float) -> str:
    return f"{length_nm / 1000:g} µm" if length_nm >= 1000 else f"{length_nm:g} nm"
