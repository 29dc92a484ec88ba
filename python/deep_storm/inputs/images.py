"""Images as verbs take them: a TIFF or an array; or a table, drawn as an image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from deep_storm.errors import StackError
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.stacks.sampled import mean_frame
from deep_storm.settings import Rendering
from deep_storm.words import counted

if TYPE_CHECKING:
    import pandas as pd

ImageSource: TypeAlias = "str | os.PathLike[str] | npt.NDArray[np.generic]"


@dataclass(frozen=True, eq=False)
class Picture:
    """An image and its pixel size.

    Attributes
    ----------
    pixels
        (y, x).
    pixel_size_nm
        Edge of a pixel, or None.
    name
        What it is called in errors.
    """

    pixels: npt.NDArray[Any]
    pixel_size_nm: float | None
    name: str

    def known_pixel_nm(self, option: str = "") -> float:
        """Return the pixel size.

        Parameters
        ----------
        option
            An option that gives it, for the error.

        Raises
        ------
        StackError
            Nothing says how large a pixel is.
        """
        if self.pixel_size_nm is not None:
            return self.pixel_size_nm

        raise StackError(
            f"the pixel size of the {self.name} is unknown",
            "an image with its scale",
            "set it in Fiji (Image > Properties..., unit nm or um) and save the image again"
            + (f", or give {option}" if option else ""),
        )


def picture_of(
    source: ImageSource, name: str, pixel_size_nm: float | None = None, *, mean: bool = False
) -> Picture:
    """Read an image, or take an array.

    Parameters
    ----------
    source
        TIFF, or array (y, x).
    name
        What it is called in errors.
    pixel_size_nm
        Instead of what the file says.
    mean
        Whether a stack is averaged; else it is refused.

    Raises
    ------
    StackError
        It cannot be read, or is no single image.
    """
    with open_frames(source) as stream:
        if stream.shape[0] > 1 and not mean:
            raise StackError(
                f"the {name} {stream.name} holds {counted(stream.shape[0], 'frame')}",
                "a single image",
                "save one frame, or a projection (Image > Stacks > Z Project...)",
            )
        pixels = mean_frame(stream) if stream.shape[0] > 1 else stream.read(0, 1)[0]
        return Picture(pixels, pixel_size_nm or stream.pixel_size_nm, name)


def draw_table(table: pd.DataFrame, like: Picture, per_px: int) -> Picture:
    """Draw a table on the field of an image, as Gaussians if it has uncertainties.

    Parameters
    ----------
    table
        Localizations.
    like
        An image of known pixel size.
    per_px
        Pixels along one of that image's pixels.
    """
    from deep_storm.rendering import render  # numba, pandas

    size_nm = like.known_pixel_nm()
    height, width = like.pixels.shape
    known = "uncertainty_xy_nm" in table and bool((table["uncertainty_xy_nm"] > 0).any())
    method = "gaussian" if known else "histogram"
    rendering = Rendering.parse({"method": method, "pixel_size_nm": size_nm / per_px})
    image = render(table, rendering, (width * size_nm, height * size_nm))
    return Picture(image, size_nm / per_px, "image of the table")
