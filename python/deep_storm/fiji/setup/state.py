"""What is in a Fiji's folder: our scripts, its Python mode, and the Python of that mode."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from deep_storm.fiji.menu.headers import MENU, own_scripts, scripts
from deep_storm.fiji.setup.installation import Part
from deep_storm.packages import package_command

CONFIG = Path("config") / "jaunch" / "fiji.cfg"
OLDEST_JAVA = 11
"""Which Fiji's Python mode needs."""
_SECONDS = 60
_OPTIONS = "Edit > Options > Python..."


@dataclass
class FijiState:
    """What was found in a Fiji.

    Attributes
    ----------
    app
        Its folder.
    scripts
        How many of our scripts are in it.
    python_mode
        Whether it starts in Python mode.
    python
        The Python of that mode, when it is known.
    parts
        Each of these as a part of the installation, with what is missing.
    """

    app: Path
    scripts: int = 0
    python_mode: bool = False
    python: Path | None = None
    parts: list[Part] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """What is missing, and what to do about it."""
        return [part.sentence() for part in self.parts if part.problem]

    def summary_line(self) -> str:
        """Return the findings in one line."""
        mode = "Python mode on" if self.python_mode else "Python mode off"
        python = f", {self.python}" if self.python is not None else ""
        return f"{self.app} ({self.scripts} of our scripts, {mode}{python})"


def check_app(app: Path) -> FijiState:
    """Look whether a Fiji has our scripts and can run them."""
    state = FijiState(app)
    state.scripts = len(own_scripts(app / "scripts" / MENU))
    config = _config(app / CONFIG)
    state.python_mode = config.get("launch-mode", "").upper() == "PYTHON"
    state.parts = [_scripts_part(app, state.scripts), _mode_part(app, state.python_mode)]
    if "python-dir" in config:
        folder = Path(config["python-dir"].replace("${app-dir}", str(app)))
        folder = folder if folder.is_absolute() else app / folder
        state.python = _python_in(folder)
        state.parts.append(_python_part(folder, state.python))
    elif state.python_mode:
        state.parts.append(
            Part(
                "Fiji's Python",
                "none",
                f"{app} names no Python environment",
                f"build one in {_OPTIONS}",
            )
        )
    return state


def thunderstorm_jar(app: Path) -> Path | None:
    """Return ThunderSTORM's jar in a Fiji, if it is there."""
    jars = sorted((app / "plugins").rglob("*.jar"))
    return next((jar for jar in jars if jar.name.lower().startswith("thunder_storm")), None)


def _scripts_part(app: Path, there: int) -> Part:
    name, wanted = "Commands", scripts()
    install = f"run `deep-storm fiji install --app {app}`"
    if not there:
        return Part(name, "none", f"the scripts are not in {app}", install)
    stale = [path.stem for path, text in wanted.items() if _text(app / "scripts" / path) != text]
    if stale:
        what = f"{len(stale)} of {len(wanted)} scripts in {app} are missing or of another version"
        return Part(name, f"{there} scripts", what, install)
    return Part(name, f"all {len(wanted)} scripts are in {app / 'scripts' / MENU}")


def _mode_part(app: Path, on: bool) -> Part:
    if on:
        return Part("Python mode", "on")
    return Part(
        "Python mode",
        "off",
        f"{app} does not start in Python mode",
        f"switch it on in {_OPTIONS}",
    )


def _python_part(folder: Path, python: Path | None) -> Part:
    name = "Fiji's Python"
    if python is None:
        what = f"Fiji's Python environment {folder} is not there"
        return Part(name, "none", what, f"build it in {_OPTIONS}")
    if not _has_deep_storm(python):
        return Part(
            name,
            str(python),
            f"deep_storm is not in Fiji's Python ({python})",
            f"run `{package_command('fiji', python)}`, or build the environment with Deep-STORM "
            f"in its Pip dependencies ({_OPTIONS})",
        )
    return Part(name, str(python))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _config(path: Path) -> dict[str, str]:
    """Read Fiji's launcher settings: ``key = value`` lines."""
    pairs = (
        line.partition("=")
        for line in _text(path).splitlines()
        if "=" in line and not line.startswith("#")
    )
    return {key.strip().lower(): value.strip() for key, _, value in pairs}


def _python_in(folder: Path) -> Path | None:
    names = ("bin/python3", "bin/python", "python.exe", "Scripts/python.exe")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _has_deep_storm(python: Path) -> bool:
    try:
        done = subprocess.run(
            [str(python), "-c", "import deep_storm.fiji, appose, scyjava"],
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
