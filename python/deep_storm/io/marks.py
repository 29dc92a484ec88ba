"""The mark that every TIFF of ours carries: its tag Software.

A TIFF without it may be a raw movie, and is never replaced.
"""

from __future__ import annotations

import os
from pathlib import Path

from deep_storm.errors import StackError
from deep_storm.io.stacks.directories import SOFTWARE, Chain, DamagedError
from deep_storm.io.stacks.pages import OpenFile, check_tiff

OURS = "deep-storm"
LIVE = "deep-storm (while the movie grows)"


def mark_of(path: str | os.PathLike[str]) -> str:
    """Return what a TIFF says wrote it; empty where it says nothing or is no TIFF."""
    file = OpenFile(Path(path))
    try:
        size = check_tiff(path)
        chain = Chain(file.read_at)
        chain.grow(size, pages=1)
        return chain.tags(chain.pages[0], size).text(SOFTWARE) if chain.pages else ""
    except (StackError, DamagedError, OSError):
        return ""
    finally:
        file.close()


def is_ours(path: str | os.PathLike[str]) -> bool:
    """Tell whether we wrote a TIFF."""
    return mark_of(path) in (OURS, LIVE)
