"""Our scripts in a Fiji, and whether that Fiji can run them.

Fiji's settings are read, never changed: what has to be switched on is said.
"""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deep_storm.errors import OutputError, SettingsError
from deep_storm.fiji.folders import log_folder
from deep_storm.fiji.menu.headers import MENU, write_scripts
from deep_storm.packages import package_command, source_folder

CONFIG = Path("config") / "jaunch" / "fiji.cfg"
_REMEMBERED = "fiji.json"
_SECONDS = 60
WIDTH = 100
_WHAT_TO_CLICK = """\
To run the commands, Fiji needs its Python mode, once:
  1. Copy {file} over config/environment.yml in Fiji's folder,
     and make its last line there:    - {package}[fiji]
  2. Start Fiji, open Edit > Options > Python..., press "Build Python environment" and wait.
  3. Tick "Launch in Python mode" there, press OK, and start Fiji again.
  4. Run Plugins > Deep-STORM > Check Installation..."""


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
    problems
        What is missing, and what to do about it.
    """

    app: Path
    scripts: int = 0
    python_mode: bool = False
    python: Path | None = None
    problems: list[str] = field(default_factory=list)

    def summary_line(self) -> str:
        """Return the findings in one line."""
        mode = "Python mode on" if self.python_mode else "Python mode off"
        python = f", {self.python}" if self.python is not None else ""
        return f"{self.app} ({self.scripts} of our scripts, {mode}{python})"


def install(app: str | os.PathLike[str]) -> tuple[list[Path], FijiState]:
    """Put the scripts into a Fiji; a second time nothing changes.

    Returns
    -------
    changed
        Files that were written or removed.
    state
        What was found there, problems included.

    Raises
    ------
    SettingsError
        The folder is no Fiji.
    OutputError
        It cannot be written.
    """
    folder = fiji_folder(app)
    try:
        changed = write_scripts(folder / "scripts")
    except OSError as error:
        raise OutputError(
            f"the scripts cannot be written into {folder} ({error.strerror})",
            "a Fiji that you may change",
            "close Fiji, or use one in your own folders",
        ) from error
    _remember(folder)
    return changed, check_app(folder)


def uninstall(app: str | os.PathLike[str]) -> list[Path]:
    """Take the scripts out of a Fiji again; returns what was removed.

    Raises
    ------
    SettingsError, OutputError
        As :func:`install` does.
    """
    folder = fiji_folder(app)
    root = folder / "scripts" / MENU
    removed = sorted(root.rglob("*.py"))
    try:
        for path in removed:
            path.unlink()
        for empty in sorted((p for p in root.rglob("*") if p.is_dir()), reverse=True):
            empty.rmdir()
        if root.is_dir():
            root.rmdir()
    except OSError as error:
        raise OutputError(
            f"{error.filename} cannot be removed ({error.strerror})", "", "remove it by hand"
        ) from error
    if remembered_app() == folder:
        (log_folder() / _REMEMBERED).unlink(missing_ok=True)
    return removed


def check_app(app: Path) -> FijiState:
    """Look whether a Fiji has our scripts and can run them."""
    state = FijiState(app)
    state.scripts = len(list((app / "scripts" / MENU).rglob("*.py")))
    if not state.scripts:
        state.problems.append(
            f"the scripts are not in {app}; run `deep-storm fiji install --app {app}`"
        )
    config = _config(app / CONFIG)
    state.python_mode = config.get("launch-mode", "").upper() == "PYTHON"
    if not state.python_mode:
        state.problems.append(
            f"{app} does not start in Python mode; switch it on in Edit > Options > Python..."
        )
    if "python-dir" not in config:
        if state.python_mode:
            state.problems.append(
                f"{app} names no Python environment; build one with Deep-STORM's environment.yml "
                "in Edit > Options > Python..."
            )
        return state
    folder = Path(config["python-dir"].replace("${app-dir}", str(app)))
    state.python = _python_in(folder if folder.is_absolute() else app / folder)
    if state.python is None:
        state.problems.append(
            f"Fiji's Python environment {folder} is not there; build it in "
            "Edit > Options > Python..."
        )
    elif not _has_deep_storm(state.python):
        state.problems.append(
            f"deep_storm is not in Fiji's Python ({state.python}); run "
            f"`{package_command('fiji', state.python)}`, or build the environment from "
            "Deep-STORM's environment.yml"
        )
    return state


def named(what: str, scripts: Sequence[Path], app: Path) -> list[str]:
    """Say which scripts changed, in few lines: what to click must stay on the screen."""
    place = Path("scripts") / MENU
    names = [str(path.relative_to(app / place).with_suffix("")) for path in scripts]
    if not names:
        return []
    text = f"{what} {len(names)} scripts in {place}: {', '.join(names)}"
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def what_to_click() -> str:
    """Return the way to Python mode, with the place of this package's source where it is known."""
    source = source_folder()
    return _WHAT_TO_CLICK.format(
        file=source / "environment.yml" if source else "Deep-STORM's environment.yml",
        package=source or "/full/path/of/Deep-STORM",
    )


def fiji_folder(app: str | os.PathLike[str]) -> Path:
    """Return Fiji's folder; complains about one that is none.

    Raises
    ------
    SettingsError
        There is no ``jars`` folder in it.
    """
    folder = Path(app).expanduser()
    if (folder / "jars").is_dir():
        return folder.resolve()
    inner = (
        [p for p in sorted(folder.glob("*")) if (p / "jars").is_dir()] if folder.is_dir() else []
    )
    raise SettingsError(
        f"{folder} is no Fiji" if folder.is_dir() else f"there is no folder {folder}",
        "the folder of a Fiji, with a folder jars in it",
        f"did you mean {inner[0]}?" if inner else "give --app the folder that Fiji lies in",
    )


def remembered_app() -> Path | None:
    """Return the Fiji that was installed into last, if it is still there."""
    try:
        text = (log_folder() / _REMEMBERED).read_text(encoding="utf-8")
        app = Path(json.loads(text)["app"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return app if app.is_dir() else None


def _remember(app: Path) -> None:
    try:
        (log_folder() / _REMEMBERED).write_text(json.dumps({"app": str(app)}), encoding="utf-8")
    except OSError:
        return  # doctor will not know it, nothing else


def _config(path: Path) -> dict[str, str]:
    """Read Fiji's launcher settings: ``key = value`` lines."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
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
