"""Where Fiji's side and the worker keep what is read only when something fails."""

from __future__ import annotations

import tempfile
from pathlib import Path

from deep_storm.folders import cache_folder


def log_folder() -> Path:
    """Return the folder of the worker's logs; it is made when missing."""
    return cache_folder() or Path(tempfile.mkdtemp(prefix="deep-storm-"))
