"""``fiji``: installs Deep-STORM's commands into a Fiji, or starts a Fiji with them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from deep_storm.errors import SettingsError
from deep_storm.fiji.setup.check import check_fiji
from deep_storm.fiji.setup.install import fiji_folder, install, named, only_fiji, what_to_click
from deep_storm.fiji.setup.install import uninstall as take_out
from deep_storm.fiji.setup.update_site import write_site
from deep_storm.interface.declaration import Argument, Shown
from deep_storm.interface.verb import verb

SITE = "fiji-update-site"
_Action = Literal["install", "check", "launch", "update-site"]


@dataclass(frozen=True, repr=False)
class FijiResult(Shown):
    """What was changed in a Fiji, and what is missing there.

    Attributes
    ----------
    lines
        What a person reads.
    app
        Fiji's folder.
    problems
        What is missing before the commands run.
    changed
        Scripts that were written or removed.
    written
        Files of an update site; what else changed stands in the lines.
    failed
        What a check found missing; the command line then ends with exit code 2.
    """

    lines: tuple[str, ...]
    app: Path | None
    problems: tuple[str, ...] = ()
    changed: tuple[Path, ...] = ()
    written: tuple[Path, ...] = ()
    failed: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return what was done, and what to click where something is missing."""
        return "\n".join(self.lines)

    def to_json(self) -> dict[str, Any]:
        """Return folder, changes and problems."""
        return {
            "app": None if self.app is None else str(self.app),
            "changed": [str(path) for path in self.changed],
            "problems": list(self.problems),
        }


@verb(
    "install the commands in Fiji's menu, check them, start Fiji, or make an update site",
    Argument("action", "install, check, launch or update-site", _Action),
    Argument(
        "app",
        "Fiji's folder; default: install and check search the usual places, launch downloads one",
    ),
    Argument("uninstall", "with install: remove the commands again", bool),
    Argument(
        "output",
        "with update-site: folder to write, or to bring up to date; default: fiji-update-site",
        writes=True,
    ),
)
def fiji(
    action: _Action,
    *,
    app: Path | str | None = None,
    uninstall: bool = False,
    output: Path | str | None = None,
) -> FijiResult:
    """Install the commands into a Fiji, check one, or start Fiji through PyImageJ.

    Parameters
    ----------
    action
        ``install`` writes the scripts and says what to switch on; ``check`` says whether that Fiji
        is ready, and what to do where it is not; ``launch`` starts Fiji and returns when its window
        is closed; ``update-site`` writes a folder that can be uploaded as
        an update site of Fiji.
    app
        Fiji's folder; without it, ``install`` and ``check`` take the one in the usual places.
    uninstall
        Take the scripts out again.
    output
        The update site; one that was written before is brought up to date.

    Raises
    ------
    SettingsError
        The folder is no Fiji or there is no single one to take, or Fiji did not start.
    OutputError
        The folder cannot be written.
    """
    if action == "launch":
        return _launch(app)
    if action == "update-site":
        return _update_site(Path(output or SITE))
    if app is None:
        app = only_fiji()
    if action == "check":
        return _check(app)
    return _uninstall(app) if uninstall else _install(app)


def _update_site(folder: Path) -> FijiResult:
    written = tuple(write_site(folder))
    lines = [] if written else ["Nothing to change.", ""]
    lines += [
        f"Upload {folder} as it is. In Fiji, Help > Update... > Manage Update Sites adds it; the "
        "Python part still comes from the line that `deep-storm fiji install` prints.",
    ]
    return FijiResult(tuple(lines), None, written=written)


def _check(app: Path | str) -> FijiResult:
    folder = fiji_folder(app)
    checked = check_fiji(folder)
    lines = checked.summary().splitlines()
    return FijiResult(tuple(lines), folder, checked.problems, failed=checked.problems)


def _install(app: Path | str) -> FijiResult:
    changed, state = install(app)
    folder = fiji_folder(app)
    lines = named("Wrote", changed, ": ThunderSTORM needs it on Java 13 and later")
    lines = lines or ["Nothing to change: the commands are there already."]
    lines += ["", f"Fiji  {state.summary_line()}"]
    if state.problems:
        lines += [*(f"Missing: {problem}" for problem in state.problems), "", what_to_click()]
    else:
        lines.append("Start Fiji again and look under Plugins > Deep-STORM.")
    return FijiResult(tuple(lines), folder, tuple(state.problems), tuple(changed))


def _uninstall(app: Path | str) -> FijiResult:
    folder = fiji_folder(app)
    removed = take_out(app)
    lines = named("Removed", removed)
    return FijiResult(tuple(lines or ["Nothing to remove."]), folder, (), tuple(removed))


def _launch(app: Path | str | None) -> FijiResult:
    if app is not None:
        app = fiji_folder(app)
    command = [sys.executable, "-m", "deep_storm.fiji.setup.launch"]
    done = subprocess.run(
        [*command, *([str(app)] if app is not None else [])],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise SettingsError(
            f"Fiji could not be started: {said[-1]}", "", "run `deep-storm doctor` for more"
        )
    return FijiResult(("Fiji was closed.",), Path(app) if app is not None else None)
