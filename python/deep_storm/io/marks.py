"""The mark that every TIFF of ours carries: its tag Software.

A TIFF without it may be a raw movie, and is never replaced.
"""

from __future__ import annotations

import os

OURS = "deep-storm"
LIVE = "deep-storm (while the movie grows)"


def mark_of(path: str | os.PathLike[str]) -> str:
    """Return what a TIFF says wrote it; empty where it says nothing or is no TIFF."""
    import tifffile

    from deep_storm.errors import StackError
    from deep_storm.io.stacks.tiff import as_stack_error

    try:
        with as_stack_error(os.fspath(path)), tifffile.TiffFile(path) as tif:
            return str(tif.pages[0].tags.valueof("Software") or "")  # type: ignore[union-attr]
    except StackError:
        return ""


def is_ours(path: str | os.PathLike[str]) -> bool:
    """Tell whether we wrote a TIFF."""
    return mark_of(path) in (OURS, LIVE)
