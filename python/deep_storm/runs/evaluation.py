"""Evaluation of a result: comparison of tables and images, and the files written of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError, TableError
from deep_storm.inputs.images import ImageSource, Picture, draw_table, picture_of
from deep_storm.inputs.tables import TableSource, check_pixel_sizes, table_of
from deep_storm.interface.declaration import Shown
from deep_storm.io.files import atomic_path
from deep_storm.io.images import write_image
from deep_storm.io.outputs import Outputs, name_of
from deep_storm.localizations import validated
from deep_storm.quality.images import ImageMaps, compare_maps
from deep_storm.quality.resolution import RingCorrelation, table_resolution
from deep_storm.quality.scores import Comparison
from deep_storm.quality.scores import evaluate as compare_tables
from deep_storm.quality.selection import compared_frames, swapped
from deep_storm.quality.wide_field import (
    MAX_PER_CAMERA_PX,
    WideFieldComparison,
    compare_with_wide_field,
)
from deep_storm.report.figures import save_figure
from deep_storm.report.judging import comparison_figure
from deep_storm.settings import Evaluation
from deep_storm.words import WARNING

Draw: TypeAlias = "Callable[[Picture, int], Picture]"
"""Gives the image of the same field as another, with so many pixels along one of that one's."""


@dataclass(frozen=True, repr=False)
class EvaluateResult(Shown):
    """Comparisons that were made; None where something was not given.

    Attributes
    ----------
    comparison
        Table and true table, all scores.
    image
        Image and true image: scores, SSIM and error map.
    wide_field
        Image and wide field, the same on the camera's pixels.
    resolution
        Fourier ring correlation of the table; None also for a table too short for it.
    warnings
        Each a sentence.
    written
        Maps (TIFF), curve (CSV) and picture (PNG).
    """

    comparison: Comparison | None = None
    image: ImageMaps | None = None
    wide_field: WideFieldComparison | None = None
    resolution: RingCorrelation | None = None
    warnings: tuple[str, ...] = ()
    written: tuple[Path, ...] = field(default=())

    def summary(self) -> str:
        """Return a small table, one line for each tolerance, and a line for each image."""
        lines = [] if self.comparison is None else _lines_of(self.comparison)
        if self.image is not None:
            lines.append(f"True image  {_image_line(self.image)}")
        if self.wide_field is not None:
            lines.append(
                f"Wide field  {_image_line(self.wide_field.maps)}, "
                f"blur {self.wide_field.sigma_nm:.0f} nm"
            )
        if self.resolution is not None:
            lines.append(f"Resolution  {self.resolution.text()} (FRC, 1/7)")
        lines += [f"{WARNING}{text}" for text in self.warnings]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return all scores; None for what was not compared."""
        scores = {} if self.comparison is None else self.comparison.to_json()
        return scores | {
            "image": None if self.image is None else self.image.scores.to_json(),
            "wide_field": None if self.wide_field is None else self.wide_field.to_json(),
            "frc": None if self.resolution is None else self.resolution.to_json(),
            "warnings": list(self.warnings),
        }


def judge(
    results: TableSource | None,
    truth: TableSource | None,
    *,
    reconstruction: ImageSource | None,
    true_image: ImageSource | None,
    wide_field: ImageSource | None,
    output: Path | str | None,
    camera: Camera | None,
    settings: Evaluation,
    overwrite: bool,
) -> EvaluateResult:
    """Evaluate a result; parameters and errors as for the verb ``evaluate``."""
    _check_given(results, truth, reconstruction, true_image, wide_field)
    source = reconstruction if results is None else results
    outputs = Outputs.of(
        output,
        _endings(results is not None, true_image is not None, wide_field is not None),
        name=f"{name_of(source, 'results')}_evaluated",
        tail="evaluated",
        overwrite=overwrite,
    )
    outputs.check()
    check_pixel_sizes([results, truth], camera)
    table = None if results is None else table_of(results, camera=camera)
    alone = truth is None and true_image is None and wide_field is None
    draw = _drawer(reconstruction, table)
    comparison: Comparison | None = None
    warnings: tuple[str, ...] = ()
    if truth is not None and table is not None:
        emitters = _true_table(truth, camera)
        comparison = compare_tables(table, emitters, settings)
        warnings = swapped(table, emitters)
    seen = None
    if wide_field is not None:
        seen = picture_of(wide_field, "wide field", settings.camera_pixel_size_nm, mean=True)
    true = None if true_image is None else picture_of(true_image, "true image")
    result = EvaluateResult(
        comparison,
        None if true is None else _with_true_image(draw, true),
        None if seen is None else _with_wide_field(draw, seen),
        None if table is None else _resolution(table, settings, needed=alone),
        warnings,
    )
    return _write(result, outputs, true, seen)


def _lines_of(found: Comparison) -> list[str]:
    """Return the table of scores."""
    head = (
        f"Frames {found.first_frame + 1}:{found.last_frame + 1}, {found.localizations} "
        f"localizations, {found.emitters} emitters"
    )
    left_out = (found.localizations_left_out, found.emitters_left_out)
    if any(left_out):
        head += f" ({left_out[0]} and {left_out[1]} in other frames or the border)"
    titles = ("tolerance", "Jaccard", "recall", "precision", "RMSE", "bias x, y", "efficiency")
    table = [titles]
    for s in found.scores:
        cells = (
            f"{s.tolerance_nm:g} nm",
            f"{s.jaccard:.3f}",
            f"{s.recall:.3f}",
            f"{s.precision:.3f}",
            f"{s.rmse_nm:.1f} nm",
            f"{s.bias_x_nm:+.1f}, {s.bias_y_nm:+.1f} nm",
            f"{s.efficiency:.3f}",
        )
        table.append(cells)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["".join(f"   {c:>{w}}" for c, w in zip(row, widths, strict=True)) for row in table]
    return [head, *lines, *_axial_lines(found)]


def _axial_lines(found: Comparison) -> list[str]:
    """Return a line about depths for each tolerance, where there are depths."""
    return [
        f"Depths, {s.tolerance_nm:g} nm: RMSE {s.rmse_z_nm:.1f} nm, bias {s.bias_z_nm:+.1f} nm"
        for s in found.scores
        if math.isfinite(s.rmse_z_nm)
    ]


def _image_line(maps: ImageMaps) -> str:
    s = maps.scores
    return (
        f"SSIM {s.ssim:.3f}, NRMSE {s.nrmse:.4f}, PSNR {s.psnr_db:.1f} dB, "
        f"correlation {s.correlation:.3f}"
    )


def _check_given(
    results: TableSource | None,
    truth: TableSource | None,
    reconstruction: ImageSource | None,
    true_image: ImageSource | None,
    wide_field: ImageSource | None,
) -> None:
    """Raise a SettingsError if there is nothing to compare an image with."""
    if results is None and truth is not None:
        raise SettingsError(
            "a ground truth without a localization table",
            "both tables",
            "name the localization table first, or give a --true-image",
        )
    if results is None and reconstruction is None:
        raise _nothing_given()
    if results is None and true_image is None and wide_field is None:
        raise SettingsError(
            "an image with nothing to compare it with",
            "a table, or a true image or a wide-field image as well",
            "name a table (CSV), or give --true-image or --wide-field",
        )


def _nothing_given() -> SettingsError:
    return SettingsError(
        "neither a table nor an image was given",
        "a localization table, a super-resolution image, or both",
        "name a table (CSV) or give --reconstruction IMAGE.tif",
    )


def _endings(table: bool, true: bool, seen: bool) -> dict[str, str]:
    """Return the endings of the files that may be written."""
    endings = {
        "picture": (".png", table or true or seen),
        "ssim": ("-ssim.tif", true),
        "rse": ("-rse.tif", true),
        "wide_ssim": ("-wide-field-ssim.tif", seen),
        "wide_rse": ("-wide-field-rse.tif", seen),
        "frc": ("-frc.csv", table),
    }
    return {name: end for name, (end, wanted) in endings.items() if wanted}


def _true_table(source: TableSource, camera: Camera | None) -> pd.DataFrame:
    """Return the ground truth, which must have rows: otherwise nothing can be scored."""
    truth = table_of(source, "ground truth", camera)
    if not len(truth):
        raise TableError(
            "the ground truth is empty", "at least one emitter", "give the table of the emitters"
        )
    return truth


def _drawer(reconstruction: ImageSource | None, table: pd.DataFrame | None) -> Draw:
    """Return the function that gives the image of a field with certain pixels, or the given one."""
    if reconstruction is not None:
        given = picture_of(reconstruction, "reconstruction")
        return lambda like, per_px: given
    if table is not None:
        return partial(draw_table, table)
    raise _nothing_given()


def _with_true_image(draw: Draw, true: Picture) -> ImageMaps:
    """Compare with the true image; a table is drawn on its pixels."""
    return compare_maps(draw(true, 1).pixels, true.pixels)


def _with_wide_field(draw: Draw, seen: Picture) -> WideFieldComparison:
    """Compare with the wide field; a table is drawn with fine pixels on its field."""
    camera_nm = seen.known_pixel_nm("--camera-pixel-size-nm")
    drawn = draw(seen, MAX_PER_CAMERA_PX)
    return compare_with_wide_field(drawn.pixels, drawn.known_pixel_nm(), seen.pixels, camera_nm)


def _resolution(
    table: pd.DataFrame, settings: Evaluation, *, needed: bool
) -> RingCorrelation | None:
    """Measure the resolution; None if that is impossible and other results are wanted as well."""
    table = validated(table)
    if settings.frames is not None and len(table):
        table = table[table["frame"].between(*compared_frames(table, table, settings.frames))]
    try:
        return table_resolution(table, settings.frc_blocks, settings.frc_pixel_size_nm)
    except TableError:
        if needed:
            raise
        return None


def _write(
    result: EvaluateResult, outputs: Outputs, true: Picture | None, seen: Picture | None
) -> EvaluateResult:
    """Write maps, curve and figure, as far as they exist."""
    if not outputs:
        return result

    parts: list[tuple[str, ImageMaps, float]] = []
    wide = None if result.wide_field is None else result.wide_field.maps
    for prefix, title, maps, picture in (
        ("", "true image", result.image, true),
        ("wide_", "wide field", wide, seen),
    ):
        if maps is not None and picture is not None:
            size_nm = picture.pixel_size_nm or 1000.0
            parts.append((title, maps, size_nm))
            for name, values in (("ssim", maps.ssim), ("rse", maps.rse)):
                with outputs.writing(prefix + name) as path:
                    write_image(path, values.astype("float32"), size_nm, outputs.overwrite)
    curve = result.resolution
    if curve is not None:
        with (
            outputs.writing("frc") as path,
            atomic_path(path, outputs.overwrite) as part,
        ):
            curve.table().to_csv(part, index=False, float_format="%.6g")
    if parts or curve is not None:
        with outputs.writing("picture") as path:
            save_figure(comparison_figure(parts, curve), path, outputs.overwrite)
    return replace(result, written=outputs.written)
