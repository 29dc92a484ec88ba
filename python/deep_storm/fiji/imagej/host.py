"""ImageJ around us: status bar, dialogs, preferences, images and tables in front.

With windows (ImageJ's main window is open) things are shown; without, they come back as outputs
and nothing ever waits for a click.
"""

from __future__ import annotations

import logging
import textwrap
import threading
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deep_storm.errors import StackError, TableError
from deep_storm.fiji.imagej.java import java_class

LOGGER = logging.getLogger("deep_storm.fiji")
TABLE_TITLE = "Deep-STORM localizations"


class Host:
    """The ImageJ that a script runs in.

    Parameters
    ----------
    variables
        The script's variables, with SciJava's services ``ui``, ``status_service``, ``log`` and
        ``prefs``.

    Attributes
    ----------
    windows
        Whether ImageJ's windows are there.
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self._status = variables.get("status_service")
        self._log = variables.get("log")
        self._prefs = variables.get("prefs")
        self._ij = java_class("ij.IJ")
        headless = java_class("java.awt.GraphicsEnvironment").isHeadless()
        self.windows = not headless and self._ij.getInstance() is not None

    def show_status(self, text: str) -> None:
        """Write into the status bar."""
        if self._status is not None:
            self._status.showStatus(text)
        if self.windows:
            self._ij.showStatus(text)

    def show_progress(self, done: int, total: int, text: str) -> None:
        """Move the progress bar, and write into the status bar."""
        if self._status is not None:
            self._status.showStatus(done, max(total, 1), text)
        if self.windows:
            self._ij.showStatus(text)
            self._ij.showProgress(min(done / max(total, 1), 1.0))

    def end_progress(self) -> None:
        """Take the progress bar away."""
        if self._status is not None:
            self._status.clearStatus()
        if self.windows:
            self._ij.showProgress(1.0)

    def tell(self, title: str, text: str) -> None:
        """Show a message that waits for OK; without windows and in a macro only the log has it."""
        if self.windows and not self._ij.macroRunning():
            self._ij.showMessage(title, _wrapped(text))
        self.log(f"{title}: {text}")

    def complain(self, title: str, text: str, *, ours: bool = False) -> None:
        """Show an error; without windows it is in the log and in the output ``status``.

        Parameters
        ----------
        title, text
            Of the dialog.
        ours
            Whether it is a mistake of Deep-STORM. Only that is logged as an error, for which Fiji
            opens its red Console; for a user's mistake the dialog is enough.
        """
        LOGGER.log(logging.ERROR if ours else logging.INFO, "%s: %s", title, text)
        if self._log is not None:
            (self._log.error if ours else self._log.info)(f"{title}: {text}")
        if self.windows:
            java_class("ij.gui.MessageDialog")(self._ij.getInstance(), title, _wrapped(text))

    def log(self, text: str) -> None:
        """Write into ImageJ's log."""
        LOGGER.info(text)
        if self._log is not None:
            self._log.info(text)

    @property
    def asks(self) -> bool:
        """Whether somebody can be asked: there are windows, and no macro runs."""
        return bool(self.windows and not self._ij.macroRunning())

    def ask(self, title: str, question: str, *, otherwise: bool) -> bool:
        """Ask yes or no; ``otherwise`` is the answer without windows and in a macro."""
        if not self.asks:
            return otherwise
        dialog = java_class("ij.gui.YesNoCancelDialog")(
            self._ij.getInstance(), title, _wrapped(question)
        )
        return bool(dialog.yesPressed())

    def escape_pressed(self) -> bool:
        """Tell whether Esc was pressed since :meth:`forget_escape`."""
        return self.windows and bool(self._ij.escapePressed())

    def forget_escape(self) -> None:
        """Forget an Esc of before."""
        if self.windows:
            self._ij.resetEscape()

    def image(self, given: Any) -> Any:
        """Return the image that a command works on: as given, else the one in front.

        Raises
        ------
        StackError
            No image is open.
        """
        if given is not None:
            return given
        image = java_class("ij.WindowManager").getCurrentImage()
        if image is None:
            raise StackError(
                "no image is open",
                "an open stack of frames",
                "open it (File > Open...), or give its file in the dialog",
            )
        return image

    def table(self) -> tuple[Any, str]:
        """Return the ResultsTable in front and its title.

        Raises
        ------
        TableError
            No table is open.
        """
        results = java_class("ij.measure.ResultsTable")
        active = results.getActiveTable() if self.windows else None
        shown = active if active is not None else results.getResultsTable(TABLE_TITLE)
        if shown is None:
            raise TableError(
                "no localization table is open",
                "a table of localizations in front, or a file",
                "open one (Plugins > Deep-STORM > Import Localizations...), or give its file",
            )
        return shown, str(shown.getTitle() or TABLE_TITLE)

    def show_image(self, image: Any) -> Any:
        """Show an image; returns it for the script's output."""
        if self.windows:
            image.show()
        return image

    def show_table(self, results: Any, title: str) -> Any:
        """Show a table; returns it for the script's output where there are no windows."""
        if self.windows:
            results.show(title)
            return None
        return results

    def open_page(self, path: Path) -> None:
        """Open a page of ours in the browser; not without windows, nor in a macro.

        ImageJ's own launcher waits for a click where there is no browser; nothing waits here.
        """
        if self.windows and not self._ij.macroRunning():
            address = path.resolve().as_uri()
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    def remember(self, key: str, value: str) -> None:
        """Keep a text in Fiji's preferences."""
        if self._prefs is not None:
            self._prefs.put(_no_class(), f"deepstorm.{key}", value)

    def recall(self, key: str) -> str | None:
        """Return a text from Fiji's preferences."""
        value = None if self._prefs is None else self._prefs.get(_no_class(), f"deepstorm.{key}")
        return None if value is None else str(value)


def _no_class() -> Any:
    """Return SciJava's way to keep a preference that belongs to no class."""
    import jpype

    return jpype.JObject(None, java_class("java.lang.Class"))


def _wrapped(text: str, width: int = 90) -> str:
    """Break lines: ImageJ's dialogs are as wide as their longest line."""
    lines = [textwrap.wrap(line, width) or [""] for line in text.splitlines()]
    return "\n".join(part for line in lines for part in line)
