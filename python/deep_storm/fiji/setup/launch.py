"""Start Fiji through PyImageJ with our commands: ``python -m deep_storm.fiji.setup.launch``.

In a process of its own: Java ends its process when Fiji's window is closed, and on macOS it needs
the main thread.
"""

from __future__ import annotations

import sys
from pathlib import Path

from deep_storm.errors import SettingsError
from deep_storm.fiji.folders import log_folder
from deep_storm.fiji.menu.headers import MENU, own_scripts, write_scripts
from deep_storm.fiji.setup.install import fiji_folder
from deep_storm.packages import install_command

DOWNLOADED = "sc.fiji:fiji"
NOT_STARTED = 3


def launch(app: str | None) -> None:
    """Start Fiji; returns when its window is closed.

    Parameters
    ----------
    app
        Folder of a Fiji; without it PyImageJ downloads one.

    Raises
    ------
    SettingsError
        PyImageJ is not installed, or Fiji cannot be started.
    """
    try:
        import imagej
        import scyjava
    except ImportError as error:
        raise SettingsError(
            f"PyImageJ cannot be imported ({error})",
            "the packages for Fiji",
            f"run `{install_command('fiji')}`",
        ) from error
    place = DOWNLOADED
    installed = False
    if app is not None:
        folder = fiji_folder(app)
        place = str(folder)
        installed = bool(own_scripts(folder / "scripts" / MENU))
        scyjava.config.endpoints.clear()  # all jars are in that folder: nothing is downloaded
    if not installed:
        scripts = log_folder() / "scripts"
        write_scripts(scripts)
        scyjava.config.add_option(f"-Dscijava.scripts.path={scripts}")
    try:
        imagej.init(place, mode="gui")
    except Exception as error:  # Maven's, Java's and Python's, of any kind
        raise SettingsError(
            f"Fiji did not start ({type(error).__name__}: {str(error).strip()[:300]})",
            "a Fiji folder, or an internet connection to download one, and a screen",
            "give --app the folder that contains Fiji",
        ) from error


def main(arguments: list[str]) -> int:
    """Launch from the command line; the argument is Fiji's folder, if any."""
    try:
        launch(str(Path(arguments[0])) if arguments else None)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return NOT_STARTED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
