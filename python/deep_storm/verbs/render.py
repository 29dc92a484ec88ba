"""``render``: a localization table as an image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.settings import Rendering
from deep_storm.verbs.registry import Argument, verb
from deep_storm.verbs.tables import TableSource, table_of

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True)
class RenderResult:
    """An image drawn from a table.

    Attributes
    ----------
    image
        (y, x) float32; its sum is the number of localizations drawn.
    pixel_size_nm
        Edge of its pixels.
    written
        The image's file.
    """

    image: npt.NDArray[np.float32]
    pixel_size_nm: float
    written: tuple[Path, ...]

    def summary(self) -> str:
        """Return one line about the image."""
        height, width = self.image.shape
        return (
            f"{width} × {height} px of {self.pixel_size_nm:g} nm, "
            f"{float(self.image.sum()):.0f} localizations"
        )

    def to_json(self) -> dict[str, Any]:
        """Return the image's size and sum."""
        height, width = self.image.shape
        return {
            "height_px": height,
            "width_px": width,
            "pixel_size_nm": self.pixel_size_nm,
            "sum": float(self.image.sum()),
        }


@verb(
    "draw a localization table as an image",
    Argument("table", "localization table (CSV)"),
    Argument("output", "the image to write: .tif with its scale in µm, or .png to look at"),
    settings=Rendering,
)
def render(
    table: TableSource,
    *,
    output: Path | str | None = None,
    settings: Rendering = Rendering(),
    overwrite: bool = False,
) -> RenderResult:
    """Draw a localization table as an image.

    Parameters
    ----------
    table
        ThunderSTORM table (CSV), or a table in memory.
    output
        Where to write the image: ``.png`` with its grey levels stretched to 8 bits, anything else
        as float32 TIFF with an ImageJ scale. By default ``TABLE.tif`` beside the file; a table in
        memory is only drawn.
    settings
        Method, pixel size and width.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    TableError
        The table cannot be read, is empty, or has no uncertainties to draw.
    SettingsError
        The image would be too large.
    OutputError
        The file exists already or cannot be written.
    """
    from deep_storm import rendering
    from deep_storm.io.files import check_outputs

    path = Path(output) if output is not None else None
    if path is None and isinstance(table, (str, os.PathLike)):
        path = Path(table).with_suffix(".tif")
    written = () if path is None else (path,)
    check_outputs(written, overwrite)
    image = rendering.render(table_of(table), settings)
    if path is not None:
        _write(path, image, settings.pixel_size_nm, overwrite)
    return RenderResult(image, settings.pixel_size_nm, written)


def _write(
    path: Path, image: npt.NDArray[np.float32], pixel_size_nm: float, overwrite: bool
) -> None:
    from deep_storm.io.images import write_image

    if path.suffix.lower() != ".png":
        write_image(path, image, pixel_size_nm, overwrite)
        return
    import numpy as np
    from PIL import Image

    from deep_storm.io.files import atomic_path

    # Most pixels of a super-resolution image are empty: stretch what is not.
    brightest = float(np.percentile(image[image > 0], 99)) if (image > 0).any() else 1.0
    grey = np.clip(image / brightest * 255.0, 0, 255).astype(np.uint8)
    with atomic_path(path, overwrite) as partial:
        Image.fromarray(grey).save(partial, format="PNG")
