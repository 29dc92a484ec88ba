"""Our scripts in a Fiji, a class for its ThunderSTORM, and whether this Fiji can run them.

Fiji's settings are read, never changed: what has to be switched on is said.
"""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from deep_storm.errors import OutputError, SettingsError
from deep_storm.fiji.folders import log_folder
from deep_storm.fiji.menu.catalog import place_of
from deep_storm.fiji.menu.headers import MENU, own_scripts, write_scripts
from deep_storm.fiji.setup.provider_jar import JAR, jar_file
from deep_storm.fiji.setup.state import FijiState, check_app, thunderstorm_jar
from deep_storm.packages import source_folder

_REMEMBERED = "fiji.json"
_SYSTEM_PLACES = {
    "darwin": ("/Applications",),
    "win32": ("C:/", "C:/Program Files"),
    "linux": ("/opt", "/usr/local"),
}
WIDTH = 100
_WHAT_TO_CLICK = """\
To run the commands, Fiji needs its Python mode, once:
  1. Start Fiji, open Edit > Options > Python... and paste this line into "Pip dependencies":
{package}[fiji]
  2. Press "Build Python environment" there and wait. Where Fiji refuses and says "restart in Java
     mode": untick "Launch in Python mode", press OK, start Fiji again, and build it then.
  3. Tick "Launch in Python mode" there, press OK, and start Fiji again.
  4. Run {check}"""


def install(app: str | os.PathLike[str]) -> tuple[list[Path], FijiState]:
    """Install the scripts into a Fiji; a second call changes nothing.

    A Fiji with ThunderSTORM gets the jar of :mod:`deep_storm.fiji.setup.provider_jar` too.

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
        It cannot be written, or a script of somebody else has the name of one of ours.
    """
    folder = fiji_folder(app)
    try:
        changed = [*write_scripts(folder / "scripts"), *_write_jar(folder)]
    except OSError as error:
        raise OutputError(
            f"the commands cannot be written into {folder} ({error.strerror})",
            "a Fiji that you can change",
            "close Fiji, or use one in your own folders",
        ) from error
    _remember(folder)
    return changed, check_app(folder)


def uninstall(app: str | os.PathLike[str]) -> list[Path]:
    """Remove scripts and jar from a Fiji; return what was removed.

    Raises
    ------
    SettingsError, OutputError
        As :func:`install` does.
    """
    folder = fiji_folder(app)
    root = folder / "scripts" / MENU
    removed = own_scripts(root)
    if (folder / "jars" / JAR).is_file():
        removed.append(folder / "jars" / JAR)
    try:
        for path in removed:
            path.unlink()
        for place in sorted((p for p in (root, *root.rglob("*")) if p.is_dir()), reverse=True):
            if not any(place.iterdir()):  # what is not ours stays
                place.rmdir()
    except OSError as error:
        raise OutputError(
            f"{error.filename} cannot be removed ({error.strerror})", "", "remove it by hand"
        ) from error
    if remembered_app() == folder:
        (log_folder() / _REMEMBERED).unlink(missing_ok=True)
    return removed


def named(what: str, scripts: Sequence[Path], why_jar: str = "") -> list[str]:
    """List the changed scripts in few lines, so that the steps that follow stay on the screen.

    ``why_jar`` says what the jar beside them is for.
    """
    place = Path("scripts") / MENU
    names = [p.name.removesuffix(".py") for p in scripts if p.name != JAR]
    lines = []
    if names:
        text = f"{what} {len(names)} scripts in {place}: {', '.join(names)}"
        lines = textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)
    if len(names) < len(scripts):
        lines.append(f"{what} {Path('jars') / JAR}{why_jar}")
    return lines


def what_to_click() -> str:
    """Return the steps to Python mode, with the folder of this package where it is known."""
    return _WHAT_TO_CLICK.format(
        package=source_folder() or "/full/path/of/Deep-STORM", check=place_of("doctor")
    )


def usual_places() -> list[Path]:
    """Return the folders where a Fiji usually lies and one is, in the user's and the system's."""
    home = Path.home()
    parents = [home, *(home / name for name in ("Applications", "Desktop", "Downloads", "opt"))]
    parents += [Path(place) for place in _SYSTEM_PLACES.get(sys.platform, _SYSTEM_PLACES["linux"])]
    candidates = [parent / name for parent in parents for name in ("Fiji", "Fiji.app")]
    candidates += [folder / "Fiji.app" for folder in candidates]
    return list(dict.fromkeys(c.resolve() for c in candidates if (c / "jars").is_dir()))


def only_fiji() -> Path:
    """Return the one Fiji in the usual places, or the one that was installed into last.

    Raises
    ------
    SettingsError
        There is none, or there are several.
    """
    found = usual_places()
    last = remembered_app()
    if last is not None and (not found or last in found):
        return last
    if len(found) == 1:
        return found[0]
    listed = ", ".join(map(str, found)) or "none in the usual places"
    raise SettingsError(
        f"--app is missing, and not exactly one Fiji was found ({listed})",
        "Fiji's folder",
        "give --app DIR",
    )


def _write_jar(folder: Path) -> list[Path]:
    """Write the jar for ThunderSTORM; return its path if it was not there or differed."""
    if thunderstorm_jar(folder) is None:
        return []
    path, wanted = folder / "jars" / JAR, jar_file()
    if path.is_file() and path.read_bytes() == wanted:
        return []
    path.write_bytes(wanted)
    return [path]


def fiji_folder(app: str | os.PathLike[str]) -> Path:
    """Return Fiji's folder; raises if the path is not one.

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
        f"{folder} is not a Fiji folder" if folder.is_dir() else f"there is no folder {folder}",
        "the folder of a Fiji, with a folder jars in it",
        f"did you mean {inner[0]}?" if inner else "give --app the folder that contains Fiji",
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
