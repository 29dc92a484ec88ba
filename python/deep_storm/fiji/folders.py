"""Where Fiji's side and the worker write files: logs, and what they hand to each other."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
from pathlib import Path

import psutil

from deep_storm.folders import cache_folder

_HOST = re.sub(r"\W", "_", platform.node())
"""Folders for temporary files may be shared by computers, which do not know each other's
processes."""


def log_folder() -> Path:
    """Return the folder of the worker's logs; it is made if missing."""
    return cache_folder() or Path(tempfile.mkdtemp(prefix="deep-storm-"))


def request_folder() -> Path:
    """Make a folder for one request to the worker, to be removed after it.

    Its name says whose it is, so that what a killed Fiji left behind can be removed later.
    """
    return Path(tempfile.mkdtemp(prefix=f"deep-storm-{_HOST}-{os.getpid()}-"))


def remove_left_folders() -> None:
    """Remove the folders of requests whose Fiji has ended without doing so."""
    named = re.compile(rf"deep-storm-{re.escape(_HOST)}-([0-9]{{1,9}})-[a-z0-9_]+")
    for folder in Path(tempfile.gettempdir()).glob(f"deep-storm-{_HOST}-*"):
        owner = named.fullmatch(folder.name)
        if owner is not None and not psutil.pid_exists(int(owner[1])):
            shutil.rmtree(folder, ignore_errors=True)  # another user's stays
