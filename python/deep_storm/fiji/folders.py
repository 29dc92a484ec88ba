"""Where Fiji's side and the worker write files that are read only after a failure."""

from __future__ import annotations

import tempfile
from pathlib import Path

from deep_storm.folders import cache_folder


def log_folder() -> Path:
    """Return the folder of the worker's logs; it is made if missing."""
    return cache_folder() or Path(tempfile.mkdtemp(prefix="deep-storm-"))
