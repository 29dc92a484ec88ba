"""Settings and numbers as text in a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deep_storm.settings import Settings, field_unit

Rows = tuple[tuple[str, str], ...]


def shown(value: object) -> str:
    """Format a value for display."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value)) or "none"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {shown(item)}" for key, item in value.items()) or "none"
    return str(value)


def rows_of(settings: Settings | None, title: str = "") -> Rows:
    """Return the settings that have a value, with their units."""
    if settings is None:
        return ()
    rows = []
    for name, value in settings.model_dump().items():
        if value is None:
            continue
        unit = field_unit(type(settings), name)
        label = name.removesuffix(f"_{_as_suffix(unit)}") if unit else name
        label = label.replace("_", " ")
        rows.append((f"{title} {label}".strip(), f"{shown(value)} {unit or ''}".strip()))
    return tuple(rows)


def _as_suffix(unit: str) -> str:
    """Return a unit as it ends the names of settings: ``per µm²`` → ``per_um2``."""
    plain = unit.lower().replace("µ", "u").replace("²", "2")
    return plain.replace(" ", "_").replace("/", "_per_")


def rows_in(values: Mapping[str, Any], leave_out: frozenset[str] = frozenset()) -> Rows:
    """Return the entries of a record's section; empty ones and nested ones are left out."""
    return tuple(
        (name.replace("_", " "), shown(value))
        for name, value in values.items()
        if name not in leave_out and value is not None and not isinstance(value, Mapping)
    )
