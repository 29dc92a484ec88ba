"""The running ImageJ: status bar, dialogs, preferences, active image and table.

With windows (ImageJ's main window is open) things are shown; without, they come back as outputs
and nothing ever waits for a click.
"""

from __future__ import annotations

import itertools
import logging
import re
import threading
import webbrowser
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from deep_storm.errors import StackError, TableError
from deep_storm.fiji.imagej.form import Form, wrapped
from deep_storm.fiji.imagej.java import java_class
from deep_storm.fiji.imagej.tables import carry_over
from deep_storm.fiji.imagej.textbox import show_text
from deep_storm.fiji.menu.catalog import place_of

LOGGER = logging.getLogger("deep_storm.fiji")
TABLE_TITLE = "localizations"
"""How the titles of our tables end, after the name of their movie, or go on, with what was done."""
NO_TABLE = "no localization table is open"
_NUMBER = re.compile(r" \(\d+\)$")
_last_table: list[str] = []
"""The title of the table that was shown last."""


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
        """Write to the status bar."""
        if self._status is not None:
            self._status.showStatus(text)
        if self.windows:
            self._ij.showStatus(text)

    def show_progress(self, done: int, total: int, text: str) -> None:
        """Update progress bar and status bar."""
        if self._status is not None:
            self._status.showStatus(done, max(total, 1), text)
        if self.windows:
            self._ij.showStatus(text)
            self._ij.showProgress(min(done / max(total, 1), 1.0))

    def end_progress(self) -> None:
        """Remove the progress bar and its words, which are of the past now."""
        if self._status is not None:
            self._status.clearStatus()
        if self.windows:
            self._ij.showStatus("")
            self._ij.showProgress(1.0)

    def tell(self, title: str, text: str) -> None:
        """Show a message with OK; without windows and in a macro it goes to the log only.

        It waits for nobody: a script goes on, and a result can stay beside the image it is about.
        """
        if self.asks:
            show_text(self._ij.getInstance(), title, wrapped(text))
        self.log(f"{title}: {text}")

    def complain(self, title: str, text: str, *, ours: bool = False) -> None:
        """Show an error; without windows it goes to the log and to the output ``status``.

        Parameters
        ----------
        title, text
            Of the dialog.
        ours
            Whether it is a bug in Deep-STORM. Only that is logged as an error, for which Fiji
            opens its red Console; for a user's mistake the dialog is enough.
        """
        LOGGER.log(logging.ERROR if ours else logging.INFO, "%s: %s", title, text)
        if self._log is not None:
            (self._log.error if ours else self._log.info)(f"{title}: {text}")
        if self.windows:
            java_class("ij.gui.MessageDialog")(self._ij.getInstance(), title, wrapped(text))

    def log(self, text: str) -> None:
        """Write to ImageJ's log."""
        LOGGER.info(text)
        if self._log is not None:
            self._log.info(text)

    @property
    def asks(self) -> bool:
        """Whether the user can be asked: there are windows, and no macro runs."""
        return bool(self.windows and not self._ij.macroRunning())

    def ask(self, title: str, question: str, *, otherwise: bool) -> bool:
        """Ask yes or no; ``otherwise`` is the answer without windows and in a macro."""
        if not self.asks:
            return otherwise
        dialog = java_class("ij.gui.YesNoCancelDialog")(
            self._ij.getInstance(), title, wrapped(question)
        )
        return bool(dialog.yesPressed())

    def offer(self, title: str, question: str, *, keep: str, drop: str) -> bool:
        """Ask whether to keep something; whatever is no clear refusal keeps it.

        So do Esc and the window's own cross, and so it is without windows and in a macro.
        """
        if not self.asks:
            return True
        form = Form(title, keep, other=drop, cancel=False)
        form.say(question)
        return not (form.show() and form.other_pressed())

    def choose_file(self, title: str, *, saves: bool, folder: bool = False) -> Path | None:
        """Let the user choose a file to open or to save; None for Cancel."""
        if folder:
            chosen = java_class("ij.io.DirectoryChooser")(title).getDirectory()
            return None if chosen is None else Path(str(chosen))
        if saves:
            dialog = java_class("ij.io.SaveDialog")(title, "deep-storm", "")
        else:
            dialog = java_class("ij.io.OpenDialog")(title)
        folder, name = dialog.getDirectory(), dialog.getFileName()
        return None if name is None else Path(str(folder or "")) / str(name)

    def escape_pressed(self) -> bool:
        """Return whether Esc was pressed since :meth:`forget_escape`."""
        return self.windows and bool(self._ij.escapePressed())

    def forget_escape(self) -> None:
        """Ignore an Esc that was pressed before."""
        if self.windows:
            self._ij.resetEscape()

    def image(self, given: Any, field: str = "") -> Any:
        """Return the image that a command works on: the one given, else the active one.

        Parameters
        ----------
        given
            The script's image, if any.
        field
            Of the dialog, that takes a file instead, if there is one.

        Raises
        ------
        StackError
            No image is open.
        """
        if given is not None:
            return given
        image = java_class("ij.WindowManager").getCurrentImage()
        if image is None:
            instead = f", or give its file in the field {field!r}" if field else ""
            raise StackError(
                "no image is open",
                "an open stack of frames",
                f"open it (File > Open...){instead}",
            )
        return image

    def table(self) -> tuple[Any, str]:
        """Return the active ResultsTable and its title.

        Raises
        ------
        TableError
            No table is open.
        """
        results = java_class("ij.measure.ResultsTable")
        active = results.getActiveTable() if self.windows else None
        shown = active
        if shown is None and _last_table:
            shown = results.getResultsTable(_last_table[-1])
        if shown is None:
            raise TableError(
                NO_TABLE,
                "an active localization table, or a file",
                f"open one ({place_of('import-localizations')}), or give its file",
            )
        return shown, str(shown.getTitle() or TABLE_TITLE)

    def show_image(self, image: Any) -> Any:
        """Show an image; return it for the script's output.

        An image that is open under its title stays the only one of that title, so that a macro can
        select it: the new one gets a number.
        """
        if self.windows and image.getWindow() is None:
            titles = java_class("ij.WindowManager").getImageTitles()
            image.setTitle(unique_title(str(image.getTitle()), [str(one) for one in titles]))
            image.show()
        return image

    def show_table(self, results: Any, title: str) -> Any:
        """Show a table; return it for the script's output if there are no windows.

        A table that is open under this title stays: the new one gets a number.
        """
        if self.windows:
            titles = java_class("ij.WindowManager").getNonImageTitles()
            title = unique_title(title, [str(one) for one in titles])
            results.show(title)
            carry_over(results, type(results).getResultsTable(title))
            _last_table[:] = [title]
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
        """Store a text in Fiji's preferences."""
        if self._prefs is not None:
            self._prefs.put(_no_class(), f"deepstorm.{key}", value)

    def recall(self, key: str) -> str | None:
        """Return a text from Fiji's preferences."""
        value = None if self._prefs is None else self._prefs.get(_no_class(), f"deepstorm.{key}")
        return None if value is None else str(value)


def unique_title(title: str, taken: Collection[str]) -> str:
    """Return a title that is not taken: ``title``, else ``title (2)`` and so on."""
    numbered = (f"{title} ({number})" for number in itertools.count(2))
    return next(one for one in itertools.chain([title], numbered) if one not in taken)


def table_title(name: str, done: str = "") -> str:
    """Return the title of a table: ``movie.tif localizations, filtered``.

    Parameters
    ----------
    name
        Of the movie, or the title or file of the table that it was made from.
    done
        What was done to that table.
    """
    stem = _NUMBER.sub("", name)
    stem = stem if TABLE_TITLE in stem else f"{stem} {TABLE_TITLE}"
    return f"{stem}, {done}" if done else stem


def _no_class() -> Any:
    """Return the object by which SciJava stores a preference without a class."""
    import jpype

    return jpype.JObject(None, java_class("java.lang.Class"))
