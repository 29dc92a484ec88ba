"""Packages: their versions, and how to install optional ones.

Deep-STORM itself is on no package index.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

RECORDED = ("deep-storm", "tensorflow", "numpy")
"""Packages whose versions stand in the record of a run, and by which runs are compared."""
_ROOT = Path(__file__).resolve().parents[2]


def versions(names: Iterable[str] = RECORDED) -> dict[str, str]:
    """Return the versions of installed packages, by their names.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        One is not installed.
    """
    return {name: version(name) for name in names}


def installed(names: Iterable[str], install: str, problems: list[str]) -> list[str]:
    """Return which packages are installed, with their versions.

    Parameters
    ----------
    names
        Of the packages.
    install
        The command that installs them.
    problems
        A sentence for each that is missing is added here.
    """
    there = []
    for name in names:
        try:
            there.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            problems.append(f"{name} is not installed; run `{install}`")
    return there


def source_folder() -> Path | None:
    """Return the source folder of Deep-STORM, which pip can install; None without one."""
    return _ROOT if (_ROOT / "pyproject.toml").is_file() else None


def install_command(extra: str) -> str:
    """Return the command that adds an optional part's packages to this Python.

    Parameters
    ----------
    extra
        ``comet``, ``dask``, ``fiji``, ``formats`` or ``gpu``.
    """
    packages = " ".join(f'"{package}"' for package in _packages(extra))
    if packages:
        return f'"{sys.executable}" -m pip install {packages}'
    return package_command(extra, sys.executable)


def package_command(extra: str, python: str | Path) -> str:
    """Return the command that installs Deep-STORM with an optional part into another Python.

    Parameters
    ----------
    extra
        As :func:`install_command` takes it.
    python
        The program.
    """
    folder = source_folder() or "/full/path/of/Deep-STORM"
    return f'"{python}" -m pip install "{folder}[{extra}]"'


def _packages(extra: str) -> list[str]:
    """Return the packages of an optional part; nothing where Deep-STORM is not installed."""
    try:
        needed = requires("deep-storm") or []
    except PackageNotFoundError:
        return []
    wanted = re.compile(rf"""extra == ['"]{re.escape(extra)}['"]""")
    return [text.partition(";")[0].strip() for text in needed if wanted.search(text)]
