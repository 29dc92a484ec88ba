"""Settings in TOML files: one section per settings class.

::

    [camera]
    pixel_size_nm = 100.0
    baseline_adu = 100.0

    [psf]
    sigma_nm = 130.0
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tomli_w

from deep_storm.errors import SettingsError
from deep_storm.folders import at_home
from deep_storm.io.files import atomic_path
from deep_storm.io.foreign import damage_as, read_text
from deep_storm.visible import visible

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Sections = dict[str, dict[str, Any]]
_SURROGATE = re.compile("[\ud800-\udfff]")
"""A byte of a file name that is not UTF-8, which no TOML file can hold."""
_TOO_DEEP = re.compile(r"""(?<![\w\-"'])(?:(?:[\w\-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){30}""")
"""A dotted key of so many parts: its parser would take gigabytes for some kilobytes."""


def read_config(path: str | os.PathLike[str], sections: Iterable[str] | None = None) -> Sections:
    """Read a settings file.

    Parameters
    ----------
    path
        The TOML file.
    sections
        Names of the sections that are known; None lets any pass.

    Returns
    -------
    Section names and, for each, its keys and values.

    Raises
    ------
    SettingsError
        The file is missing or not valid TOML (the line is named), has an unknown section, or
        a key outside every section.
    """
    known = None if sections is None else list(sections)
    values = load_toml(path)
    for name, content in values.items():
        if not isinstance(content, dict):
            raise SettingsError(
                f"{name} is not in any section of {path}",
                "each setting under its section, such as [camera]",
                f"put the line with [SECTION] above {name}",
            )
        if known is not None and name not in known:
            close = get_close_matches(name, known, n=1)
            raise SettingsError(
                f"unknown section [{name}] in {path}",
                f"one of {', '.join(f'[{k}]' for k in known)}",
                f"did you mean [{close[0]}]?" if close else "remove it",
            )
    return _beside(Path(path).parent, values)


def _beside(folder: Path, values: Sections) -> Sections:
    """Resolve the PSF file relative to the settings file, unless its path is absolute."""
    named = values.get("psf", {}).get("psf_file")
    if isinstance(named, str) and named:
        values["psf"] = {**values["psf"], "psf_file": str((folder / at_home(named)).resolve())}
    return values


def load_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read any TOML file.

    Raises
    ------
    SettingsError
        The file is missing, cannot be read, or is not valid TOML (the line is named).
    """
    text = read_text(path, SettingsError, "a TOML file")

    def is_none(reason: str) -> SettingsError:
        return SettingsError(
            f"{path} is not valid TOML: {reason}",
            'lines such as key = 1.5 or key = "text" (decimal point, text in quotes)',
            "correct that line"
            if Path(path).suffix.lower() == ".toml"
            else "give a TOML file, if this one is of another kind, or correct that line",
        )

    if _TOO_DEEP.search(text):
        raise is_none("a key has more parts than any setting")
    with damage_as(is_none):
        return tomllib.loads(text)


def write_config(
    path: str | os.PathLike[str],
    sections: Mapping[str, Mapping[str, Any]],
    overwrite: bool = False,
) -> None:
    """Write a settings file for :func:`read_config`; None values are left out.

    Parameters
    ----------
    path
        The TOML file.
    sections
        Section names and, for each, keys and values; paths become text, NumPy scalars and
        arrays become numbers and lists, nested mappings sub-tables.
    overwrite
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    with atomic_path(path, overwrite) as partial:
        partial.write_bytes(tomli_w.dumps(_plain(sections)).encode("utf-8"))


def _plain(value: Any) -> Any:
    """Convert a value to TOML's types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, os.PathLike):
        return _plain(os.fspath(value))
    if hasattr(value, "tolist"):  # NumPy, without importing it
        return _plain(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return visible(value, limit=None) if _SURROGATE.search(value) else value
    return value
