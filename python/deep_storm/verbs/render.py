"""``render``: a localization table as an image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deep_storm.camera import Camera
from deep_storm.errors import OutputError, SettingsError, TableError
from deep_storm.inputs.tables import TableSource, table_of
from deep_storm.interface.declaration import Argument, Shown
from deep_storm.interface.verb import verb
from deep_storm.io.files import atomic_path
from deep_storm.io.images import write_bands, write_slices
from deep_storm.io.outputs import Outputs, name_of
from deep_storm.progress import Progress, silent
from deep_storm.settings import Rendering

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    from deep_storm.rendering import Levels, Renderer

MAX_OUTSIDE = 0.01
"""Of all rows; more light beyond the image's edges is reported."""
ENDINGS = (".tif", ".tiff", ".png")
"""Of the images that can be written; in any other file one looks for something else."""


@dataclass(frozen=True, repr=False)
class RenderResult(Shown):
    """An image drawn from a table.

    Attributes
    ----------
    image
        (y, x) float32, in localizations per pixel; its sum is the number of localizations drawn.
        (z, y, x) with slices.
        None where the image is so large that it was drawn straight into its file.
    height_px, width_px
        Size of the image.
    pixel_size_nm
        Edge of its pixels.
    total
        Sum of its pixels.
    legend
        What colours or grey levels stand for, where that needs to be said.
    written
        The image's file.
    slice_nm
        Distance of the slices, where there are any.
    rows
        Rows of the table.
    """

    image: npt.NDArray[np.float32] | None
    height_px: int
    width_px: int
    pixel_size_nm: float
    total: float
    legend: str
    written: tuple[Path, ...]
    slice_nm: float | None = None
    rows: int = 0

    def summary(self) -> str:
        """Return one line about the image, and one about its colours."""
        number = f"{self.total:.0f} localizations"
        if self.rows - self.total > max(MAX_OUTSIDE * self.rows, 1.0):
            number = (
                f"{self.total:.0f} of {self.rows} localizations; the others lie outside it "
                "(corner_nm and field_nm say where it is drawn)"
            )
        line = f"{self.width_px} × {self.height_px} px of {self.pixel_size_nm:g} nm, {number}"
        return f"{line}\n{self.legend[:1].upper()}{self.legend[1:]}" if self.legend else line

    def to_json(self) -> dict[str, Any]:
        """Return the image's size and sum."""
        return {
            "height_px": self.height_px,
            "width_px": self.width_px,
            "pixel_size_nm": self.pixel_size_nm,
            "sum": self.total,
            "legend": self.legend,
        }


@verb(
    "draw a localization table as an image",
    Argument("table", "localization table (CSV)", label="Table"),
    Argument(
        "output",
        "image to write: .tif (with scale) or .png (with scale bar)",
        writes=True,
        label="Save as",
    ),
    whole="camera",
    camera=Camera,
    settings=Rendering,
)
def render(
    table: TableSource,
    *,
    output: Path | str | None = None,
    camera: Camera | None = None,
    settings: Rendering = Rendering(),
    overwrite: bool = False,
    progress: Progress = silent,
) -> RenderResult:
    """Draw a localization table as an image.

    Parameters
    ----------
    table
        ThunderSTORM table (CSV), or a table in memory.
    output
        Where to write the image: ``.tif`` with an ImageJ scale, or ``.png`` with its grey levels
        stretched to 8 bits and a scale bar. By default ``TABLE_rendered.tif`` beside
        the file; a table in memory is only drawn.
    camera
        Only for a table in px or ADU; by default ThunderSTORM's protocol beside the file.
    settings
        Method, pixel size, width, colour; view from the side, or slices along z.
    overwrite
        Whether an existing file may be replaced.
    progress
        Called with the rows done.

    Raises
    ------
    TableError
        The table cannot be read, is empty, has positions that are not finite, or has no
        uncertainties, frames, confidences or depths where they are needed.
    SettingsError
        The image would be too large, or settings contradict each other.
    OutputError
        The file exists already or cannot be written.
    """
    outputs = _outputs(table, output, overwrite)
    rows = table_of(table, camera=camera)
    if not len(rows):
        raise TableError("the table is empty", "at least one localization", "give another table")
    draw = _flat if settings.slice_nm is None else _sliced
    return draw(rows, settings, outputs, progress)


def _outputs(table: TableSource, output: Path | str | None, overwrite: bool) -> Outputs:
    """Name the image, as given or beside the table's file, and check that it can be written.

    Raises
    ------
    OutputError
        It cannot, or would be a TIFF under the name of something else.
    """
    name = f"{name_of(table, 'table')}_rendered"  # a TABLE.tif beside the table may be raw
    if output is None and isinstance(table, (str, os.PathLike)):
        output = Path(table).parent / f"{name}.tif"
    outputs = Outputs.of(
        output,
        {"image": ".tif"},
        name=name,
        tail="rendered",
        overwrite=overwrite,
        any_ending=True,
        also=ENDINGS[1:],
    )
    outputs.check()
    path = outputs.files.get("image")
    if path is not None and path.suffix.lower() not in ENDINGS:
        raise OutputError(
            f"the image {path} ends in {path.suffix}",
            "a name that ends in .tif or .png",
            "change its ending",
        )
    return outputs


def _flat(
    rows: pd.DataFrame, settings: Rendering, outputs: Outputs, progress: Progress
) -> RenderResult:
    """Draw and write an image."""
    from deep_storm.rendering import (  # numba, pandas
        MAX_PIXELS_IN_FILE,
        MAX_PIXELS_KEPT,
        Renderer,
    )

    path = outputs.files.get("image")
    # One that is only shown, or not written, must fit into memory.
    kept = path is None or _is_png(path)
    renderer = Renderer(rows, settings, MAX_PIXELS_KEPT if kept else MAX_PIXELS_IN_FILE)
    levels = renderer.levels(progress)
    legend = _legend(renderer, levels)
    if outputs:
        with outputs.writing("image") as path:
            _write(path, renderer, levels, legend, outputs.overwrite, progress)
    extent = renderer.extent
    return RenderResult(
        renderer.image if renderer.is_kept else None,
        extent.height,
        extent.width,
        extent.pixel_size_nm,
        levels.total,
        legend,
        outputs.written,
        rows=len(rows),
    )


def _sliced(
    rows: pd.DataFrame, settings: Rendering, outputs: Outputs, progress: Progress
) -> RenderResult:
    """Draw and write a z-stack."""
    from deep_storm.rendering import draw_slices  # numba, pandas

    path = outputs.files.get("image")
    if path is not None and _is_png(path):
        raise SettingsError(
            f"slices for {path}", "a TIFF, which holds a stack", "write a .tif, or leave slices out"
        )
    drawn = draw_slices(rows, settings, progress)
    if outputs:
        with outputs.writing("image") as path:
            write_slices(
                path,
                drawn.image,
                drawn.extent.pixel_size_nm,
                drawn.slice_nm,
                drawn.legend(),
                outputs.overwrite,
            )
    return RenderResult(
        drawn.image,
        drawn.extent.height,
        drawn.extent.width,
        drawn.extent.pixel_size_nm,
        float(drawn.image.sum(dtype=np.float64)),
        drawn.legend(),
        outputs.written,
        drawn.slice_nm,
        len(rows),
    )


def _is_png(path: Path) -> bool:
    return path.suffix.lower() == ".png"


def _legend(renderer: Renderer, levels: Levels) -> str:
    """Describe the values in the file, if they are not localizations per pixel."""
    seen = ""
    if renderer.rendering.view != "xy":
        top_nm = renderer.corner_nm[1]
        seen = f"seen from the side: {renderer.rendering.view}, z upwards, {top_nm:g} nm at the top"
    scale = renderer.scale(levels)
    if renderer.colouring is not None:
        grey = renderer.colouring.legend()
    else:
        grey = f"grey levels: localizations per pixel × {scale:.6g}" if scale != 1 else ""
    return "; ".join(text for text in (seen, grey) if text)


def _write(
    path: Path,
    renderer: Renderer,
    levels: Levels,
    legend: str,
    overwrite: bool,
    progress: Progress,
) -> None:
    if _is_png(path):
        _write_png(path, renderer, levels, overwrite)
        return

    metadata: dict[str, Any] = {"Info": legend} if legend else {}
    if renderer.colouring is None:
        scale = renderer.scale(levels)
        metadata |= {"min": 0.0, "max": levels.shown * scale}
        if scale != 1:  # ImageJ then shows localizations per pixel again: y = c0 + c1 x
            metadata |= {"cf": 0, "c0": 0.0, "c1": 1 / scale, "vunit": "localizations"}
    write_bands(
        path,
        renderer.pixels(levels, progress),
        renderer.shape,
        renderer.dtype,
        renderer.extent.pixel_size_nm,
        metadata,
        overwrite,
    )


def _write_png(path: Path, renderer: Renderer, levels: Levels, overwrite: bool) -> None:
    from deep_storm.report.annotation import annotated  # matplotlib, numba, pandas

    if renderer.colouring is None:
        # Most pixels of a super-resolution image are empty: stretch what is not.
        light = np.float32(255 / levels.brightest)
        pixels = np.clip(renderer.image * light, 0, 255).astype(np.uint8)
    else:
        pixels = np.concatenate(list(renderer.pixels(levels)))
    picture = annotated(pixels, renderer.extent.pixel_size_nm, renderer.colouring)
    with atomic_path(path, overwrite) as partial:
        picture.save(partial, format="PNG")
