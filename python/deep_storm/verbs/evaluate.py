"""``evaluate``: a localization table or an image compared with the truth and the wide field."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deep_storm.camera import Camera
from deep_storm.inputs.images import ImageSource
from deep_storm.inputs.tables import TableSource
from deep_storm.interface.declaration import Argument
from deep_storm.interface.verb import verb
from deep_storm.settings import Evaluation

if TYPE_CHECKING:
    from deep_storm.runs.evaluation import EvaluateResult


@verb(
    "compare a localization table or an image with the truth, or with a wide-field image",
    Argument("results", "localization table (CSV)", label="Table to judge"),
    Argument("truth", "ground truth (CSV)", label="Ground truth"),
    Argument(
        "reconstruction",
        "super-resolution image (TIFF); without it, the table is drawn",
        label="Image to judge",
    ),
    Argument(
        "true_image",
        "true image (TIFF) of the same field as the reconstruction",
        label="True image",
    ),
    Argument(
        "wide_field", "wide-field image (TIFF); a stack is averaged", label="Wide-field image"
    ),
    Argument(
        "output",
        "name without extension for SSIM and error maps (.tif), FRC curve (.csv) and a picture "
        "(.png)",
        writes=True,
        label="Save as",
    ),
    whole="camera",
    camera=Camera,
    settings=Evaluation,
)
def evaluate(
    results: TableSource | None = None,
    truth: TableSource | None = None,
    *,
    reconstruction: ImageSource | None = None,
    true_image: ImageSource | None = None,
    wide_field: ImageSource | None = None,
    output: Path | str | None = None,
    camera: Camera | None = None,
    settings: Evaluation = Evaluation(),
    overwrite: bool = False,
) -> EvaluateResult:
    """Compare a result with whatever reference is given.

    A table is matched with a true table frame by frame. An image is compared with a true image,
    and, blurred and seen by the camera, with the wide field. The frames of a table, halved, give
    its resolution (Fourier ring correlation).

    Parameters
    ----------
    results, truth
        ThunderSTORM tables (CSV), or tables in memory.
    reconstruction
        Super-resolution image. Without it the table is drawn where an image is needed.
    true_image
        With the same pixels as the reconstruction.
    wide_field
        Image or stack of the camera.
    output
        Where maps, curve and picture go; without it only scores are computed.
    camera
        Only for tables in px or ADU; by default ThunderSTORM's protocol beside each file.
    settings
        Tolerances, border, frames; blocks and pixels of the FRC.
    overwrite
        Whether existing files may be replaced.

    Raises
    ------
    TableError
        A table cannot be read, the two have no frames in common, or one is not in nm.
    CameraError
        The protocols beside the two tables say different pixel sizes.
    StackError
        An image cannot be read, or the images are not of the same field.
    SettingsError
        Nothing is given to compare with, a tolerance is not positive, or the frames or the border
        do not fit.
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.runs.evaluation import judge  # matplotlib, pandas, scipy

    return judge(
        results,
        truth,
        reconstruction=reconstruction,
        true_image=true_image,
        wide_field=wide_field,
        output=output,
        camera=camera,
        settings=settings,
        overwrite=overwrite,
    )
