"""Sections of settings files."""

from __future__ import annotations

from importlib import import_module

from deep_storm.names import SETTINGS
from deep_storm.settings import Settings

CLASSES: tuple[type[Settings], ...] = tuple(
    getattr(import_module(module), name) for name, module in SETTINGS.items()
)
"""All settings classes; a configuration file has a section of each one's lower-case name."""

RECORD_SECTIONS: tuple[str, ...] = ("run", "inputs", "outputs", "versions", "timings", "results")
"""Sections of a run record, which is a configuration file too; nobody takes settings from them."""


def known_sections() -> list[str]:
    """Return the sections that a settings file may have."""
    return sorted({cls.__name__.lower() for cls in CLASSES} | set(RECORD_SECTIONS))
