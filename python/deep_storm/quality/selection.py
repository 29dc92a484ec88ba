"""The rows of a localization table and of the truth that are compared.

**Frames.** Without a range, those from the later first to the earlier last frame of the two
tables. Frames inside that hold no localization count, with all their emitters missed.

**Border.** With ``border_nm`` every row (localization or emitter) that lies closer than that to an
edge of the field, or outside it, is dropped by its own position before matching. The field reaches
from 0 to ``field_nm``, by default to the largest x and y of the whole truth.

**Units.** Tables whose coordinates differ by a factor like a pixel size, and do not match either,
are refused: one of them is in pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import SettingsError, TableError
from deep_storm.quality.matching import match
from deep_storm.settings import Evaluation, frame_range

OF_LOCALIZATIONS = ("confidence", "uncertainty_xy_nm", "uncertainty_z_nm")
"""Columns that emitters have no values for."""


def select_rows(
    estimated: pd.DataFrame,
    true: pd.DataFrame,
    frames: tuple[int, int],
    evaluation: Evaluation,
    field_nm: tuple[float, float] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of both tables that are compared, with new indices.

    Parameters
    ----------
    estimated, true
        Validated tables.
    frames
        First and last frame, as :func:`compared_frames` gives them.
    evaluation
        Border, and the tolerances for the check of the units.
    field_nm
        Width and height of the field, for the border.

    Raises
    ------
    TableError
        One of the tables is not in nm.
    SettingsError
        The border fills the field.
    """
    chosen, true_chosen = (table[table["frame"].between(*frames)] for table in (estimated, true))
    _check_units(chosen, true_chosen, max(evaluation.tolerance_nm))
    if evaluation.border_nm > 0:
        field_nm = field_nm if field_nm is not None else _field_of(true if len(true) else estimated)
        chosen = _without_border(chosen, field_nm, evaluation.border_nm)
        true_chosen = _without_border(true_chosen, field_nm, evaluation.border_nm)
    return chosen.reset_index(drop=True), true_chosen.reset_index(drop=True)


def compared_frames(
    estimated: pd.DataFrame, true: pd.DataFrame, frames: str | None
) -> tuple[int, int]:
    """Return the first and last frame to compare, 0-based and inclusive.

    Parameters
    ----------
    estimated, true
        Validated tables.
    frames
        ``FIRST:LAST`` (1-based, inclusive, either may be missing), or None for those of both.

    Returns
    -------
    First and last frame; ``(0, -1)`` when both tables are empty and no frames are given.

    Raises
    ------
    TableError
        The tables have no frames in common.
    SettingsError
        The frames cannot be read.
    """
    reaches = [_reach(table) for table in (estimated, true) if len(table)]
    starts, ends = [reach[0] for reach in reaches], [reach[1] for reach in reaches]
    if frames is None:
        first, last = (max(starts), min(ends)) if reaches else (0, -1)
    else:
        first, asked_last = frame_range(frames)
        last = max([first, *ends]) if asked_last is None else asked_last
    if reaches and max([first, *starts]) > min([last, *ends]):
        tables = ((estimated, "the localizations hold"), (true, "the truth holds"))
        held = [f"{said} {_words(*_reach(table))}" for table, said in tables if len(table)]
        within = f" among the frames asked for ({frames})" if frames else ""
        raise TableError(
            f"the tables have no frames in common{within}: {', '.join(held)}",
            "a localization table and a truth of the same frames",
            "check that they belong to the same stack and that both count frames from 1",
        )
    return first, last


def swapped(estimated: pd.DataFrame, true: pd.DataFrame) -> tuple[str, ...]:
    """Return a warning where the truth looks like localizations, and these do not."""
    signs = [c for c in OF_LOCALIZATIONS if c in true and bool((true[c] > 0).any())]
    if not signs or any(column in estimated for column in OF_LOCALIZATIONS):
        return ()
    return (
        f"the table given as the ground truth has {signs[0]}, which only localizations have, and "
        "the other one has nothing of the kind: if they were swapped, recall and precision are, "
        "too; name the localizations first, then the ground truth",
    )


def _reach(table: pd.DataFrame) -> tuple[int, int]:
    return int(table["frame"].min()), int(table["frame"].max())


def _words(first: int, last: int) -> str:
    return f"frames {first + 1} to {last + 1}"


def _check_units(estimated: pd.DataFrame, true: pd.DataFrame, tolerance_nm: float) -> None:
    """Refuse tables whose coordinates differ by a factor such as a pixel size and do not match."""
    if min(len(estimated), len(true)) < 3:
        return
    ratios = [
        _largest_ratio(estimated[c].to_numpy(), true[c].to_numpy(), share)
        for c in ("x_nm", "y_nm")
        for share in (50, 100)
    ]
    # No pixel is below 15 nm; a factor that small may also be a crop in a corner of the field.
    if not (min(ratios) > 15 or max(ratios) < 1 / 15):
        return
    if len(match(estimated, true, tolerance_nm)) > 0.1 * min(len(estimated), len(true)):
        return
    small, large = ("truth", "localizations") if ratios[0] > 1 else ("localizations", "truth")
    tables = {"truth": true, "localizations": estimated}
    raise TableError(
        f"x and y reach {_extent(tables[small])} in the {small} but {_extent(tables[large])} "
        f"in the {large}",
        "both in nm",
        f"the {small} may be in pixels; export the table again in nm",
    )


def _largest_ratio(
    a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], percentile: int
) -> float:
    sizes = [max(float(np.percentile(np.abs(v), percentile)), 1e-9) for v in (a, b)]
    return sizes[0] / sizes[1]


def _extent(table: pd.DataFrame) -> str:
    return f"{table['x_nm'].max():.4g} and {table['y_nm'].max():.4g}"


def _field_of(table: pd.DataFrame) -> tuple[float, float]:
    return (float(table["x_nm"].max()), float(table["y_nm"].max())) if len(table) else (0.0, 0.0)


def _without_border(
    table: pd.DataFrame, field_nm: tuple[float, float], border_nm: float
) -> pd.DataFrame:
    if len(table) and 2 * border_nm >= min(field_nm):
        raise SettingsError(
            f"border_nm is {border_nm:g} in a field of {field_nm[0]:.4g} × {field_nm[1]:.4g} nm",
            "a border that leaves something of the field",
            "make it smaller",
        )
    x_nm, y_nm = table["x_nm"], table["y_nm"]
    return table[
        x_nm.between(border_nm, field_nm[0] - border_nm)
        & y_nm.between(border_nm, field_nm[1] - border_nm)
    ]
