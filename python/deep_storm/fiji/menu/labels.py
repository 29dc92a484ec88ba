"""Labels and texts of a dialog, from the names, units and ranges of settings; all of it ASCII."""

from __future__ import annotations

from collections.abc import Mapping

from deep_storm.settings import Psf, Settings, field_unit

_ASCII = {"µ": "u", "²": "^2", "×": "x", "–": "-", "±": "+-", "≥": ">=", "≤": "<=", "σ": "sigma"}
_UNITS_SAID = ("photon/ADU",)
"""Units that the label says in words."""
_COUNTED = ("blocks", "epochs", "frames", "localizations", "minutes", "patches")
"""What these settings count stands in their names and is no unit to be taken off."""
_ABBREVIATIONS = {"adu": "ADU", "em": "EM", "frc": "FRC", "psf": "PSF", "roi": "ROI"}


def label_of(name: str, unit: str | None = None) -> str:
    """Write a name as a dialog has it: ``sigma_nm``, ``nm`` → ``Sigma (nm)``."""
    stem = name
    if unit and unit not in _COUNTED:
        plain = ascii_text(unit).lower().replace("^", "").replace(" ", "_").replace("/", "_per_")
        stem = name.removesuffix("_" + plain)
    words = stem.replace("_", " ").strip()
    words = " ".join(_ABBREVIATIONS.get(word, word) for word in words.split())
    label = words[:1].upper() + words[1:]
    return (
        f"{label} ({ascii_text(unit)})" if unit and not words.endswith(ascii_text(unit)) else label
    )


def label_of_setting(cls: type[Settings], name: str) -> str:
    """Return what a dialog calls a setting: its declared label, with the unit where it is none."""
    extra = cls.model_fields[name].json_schema_extra
    declared = extra.get("label") if isinstance(extra, dict) else None
    unit = ascii_text(field_unit(cls, name) or "")
    if not declared:
        return label_of(f"psf_{name}" if cls is Psf else name, unit or None)
    label = ascii_text(str(declared))
    said = not unit or unit in _UNITS_SAID or unit.rstrip("s") in label.lower()
    return label if said else f"{label} ({unit})"


def range_in_words(limits: Mapping[str, float]) -> str:
    """Return the limits of a setting in words."""
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    if {"ge", "le"} <= limits.keys():
        return f"{number_text(limits['ge'])} to {number_text(limits['le'])}"
    return ", ".join(f"{words[k]} {number_text(v)}" for k, v in limits.items())


def number_text(value: float) -> str:
    """Write a number without an exponent, which not every reader of headers knows."""
    return str(int(value)) if float(value).is_integer() else f"{value:.10f}".rstrip("0")


def shown_text(value: object) -> str:
    """Return a value as it stands in a field."""
    if isinstance(value, bool):
        return str(value).lower()
    return number_text(value) if isinstance(value, (int, float)) else ascii_text(str(value))


def spinner_step(value: float) -> float:
    """Return a step for a spinner: a tenth of the value's power of ten."""
    magnitude = abs(value)
    step = 0.1
    while magnitude >= 100 * step:
        step *= 10
    return round(step, 6)


def ascii_text(text: str) -> str:
    """Return a text with its signs written in ASCII."""
    for character, plain in _ASCII.items():
        text = text.replace(character, plain)
    return text.encode("ascii", errors="replace").decode("ascii")


def quotable(text: str) -> str:
    """Return a text that can stand between the quotes of a header."""
    return ascii_text(text).replace("\\", "/").replace('"', "'")
