"""Marks of files that we wrote: a TIFF's tag Software, a report's generator.

A TIFF without it may be a raw movie, and is never replaced. What goes without being asked for, as
the image of a movie that grew, goes only with its mark.
"""

from __future__ import annotations

import os
from pathlib import Path

from deep_storm.errors import StackError
from deep_storm.io.stacks.directories import Chain
from deep_storm.io.stacks.open_file import OpenFile
from deep_storm.io.stacks.pages import check_tiff
from deep_storm.io.stacks.tags import SOFTWARE, DamagedError

OURS = "deep-storm"
LIVE = "deep-storm (while the movie grows)"
_GENERATOR = b'<meta name="generator" content="deep-storm">'
_HEAD_BYTES = 1024


def mark_of(path: str | os.PathLike[str]) -> str:
    """Return the software named in a TIFF; empty if there is none or it is no TIFF."""
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
    """Return whether we wrote a TIFF."""
    return mark_of(path) in (OURS, LIVE)


def is_our_page(path: str | os.PathLike[str]) -> bool:
    """Return whether we wrote an HTML file."""
    try:
        with Path(path).open("rb") as file:
            return _GENERATOR in file.read(_HEAD_BYTES)
    except OSError:
        return False
