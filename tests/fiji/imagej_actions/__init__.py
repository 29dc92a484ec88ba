"""What the tests may ask ImageJ's process to do; see ``imagej_host.py``."""

from __future__ import annotations

from . import images, tables, windows
from .scripts import use
from .session import ASKED, STATUS, java

__all__ = ["ASKED", "STATUS", "images", "java", "tables", "use", "windows"]
