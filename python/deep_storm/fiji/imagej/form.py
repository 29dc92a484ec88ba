"""A dialog that stays open while images are used, which SciJava's cannot do.

Values are read from the fields themselves. ImageJ's ``getNext…`` would write them into the macro
recorder under labels that no macro of ours knows.
"""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Sequence
from typing import Any

from deep_storm.errors import SettingsError
from deep_storm.fiji.imagej.java import java_class
from deep_storm.settings.base import comma_advice

CHARACTERS = 12
PATH_CHARACTERS = 28
MACRO_CANCELED = "Macro canceled"
_WIDTH = 92
_RULER = " " * 155
"""As wide as the longest line: blanks are narrower than letters."""
_PLAIN, _WARNING = (60, 60, 60), (180, 40, 0)


class Form:
    """Fields one below the other, with OK and Cancel.

    Parameters
    ----------
    title
        Of the window.
    ok
        What the button says that begins.
    stays
        Whether images and their sliders can be used while it is open.
    cancel
        Whether there is a button Cancel.
    other
        What a second button says that begins otherwise; none without.
    """

    def __init__(
        self,
        title: str,
        ok: str = "OK",
        *,
        stays: bool = False,
        cancel: bool = True,
        other: str = "",
    ) -> None:
        name = "ij.gui.NonBlockingGenericDialog" if stays else "ij.gui.GenericDialog"
        self._dialog = java_class(name)(title)
        self._dialog.setOKLabel(ok)
        if other:
            self._dialog.enableYesNoCancel(ok, other)
        if not cancel:
            self._dialog.hideCancelButton()
        self._numbers: dict[str, Any] = {}
        self._texts: dict[str, Any] = {}
        self._boxes: dict[str, Any] = {}
        self._choices: dict[str, Any] = {}
        self._labels: dict[str, str] = {}
        self._room: Any = None
        self._room_lines = 0

    def say(self, text: str, *, warning: bool = False) -> None:
        """Add lines of text."""
        color = java_class("java.awt.Color")(*(_WARNING if warning else _PLAIN))
        self._dialog.addMessage(wrapped(text), None, color)

    def room(self, lines: int) -> None:
        """Add empty lines for text that comes later (:meth:`change`), once in a dialog."""
        # ImageJ drops lines without any character
        blank = "\n".join([" "] * lines + [_RULER])
        self._dialog.addMessage(blank, None, java_class("java.awt.Color")(*_PLAIN))
        self._room, self._room_lines = self._dialog.getMessage(), lines

    def change(self, text: str) -> None:
        """Write text into the empty lines; what does not fit there is cut off with dots."""
        lines = wrapped(text).split("\n")
        if len(lines) > self._room_lines:
            last = self._room_lines - 1
            lines = [*lines[:last], f"{lines[last]}..."]
        lines += [""] * (self._room_lines - len(lines))
        self._room.setText("\n".join([*(line or " " for line in lines), _RULER]))

    def number(self, name: str, label: str, value: float | None, unit: str = "") -> None:
        """Add a field for a number, empty if it is not known."""
        shown = math.nan if value is None else float(value)
        self._dialog.addNumericField(label, shown, 0, CHARACTERS, unit)
        self._numbers[name] = self._dialog.getNumericFields().lastElement()
        self._labels[name] = label
        self._numbers[name].setText("" if value is None else f"{value:.6g}")

    def text(self, name: str, label: str, value: str, characters: int = CHARACTERS) -> None:
        """Add a field for a text."""
        self._dialog.addStringField(label, value, characters)
        self._texts[name] = self._dialog.getStringFields().lastElement()

    def folder(self, name: str, label: str, value: str) -> None:
        """Add a field for a folder, with a Browse button."""
        self._dialog.addDirectoryField(label, value, PATH_CHARACTERS)
        self._texts[name] = self._dialog.getStringFields().lastElement()
        self._texts[name].setText(value)  # ImageJ adds a slash, also to words such as auto

    def file(self, name: str, label: str, value: str) -> None:
        """Add a field for a file, with a Browse button."""
        self._dialog.addFileField(label, value, PATH_CHARACTERS)
        self._texts[name] = self._dialog.getStringFields().lastElement()

    def choice(self, name: str, label: str, choices: tuple[str, ...], value: str) -> None:
        """Add a drop-down list."""
        import jpype

        self._dialog.addChoice(label, jpype.JArray(jpype.JString)(list(choices)), value)
        self._choices[name] = self._dialog.getChoices().lastElement()

    def box(self, name: str, label: str, value: bool) -> None:
        """Add a checkbox."""
        self._dialog.addCheckbox(label, value)
        self._boxes[name] = self._dialog.getCheckboxes().lastElement()

    def help(self, title: str, entries: Sequence[tuple[str, str]]) -> None:
        """Add a button Help, which shows what each field means.

        Parameters
        ----------
        title
            What stands above.
        entries
            Name and meaning of each field.
        """
        rows = "".join(
            f"<dt><b>{html.escape(name)}</b></dt><dd>{html.escape(text)}</dd>"
            for name, text in entries
        )
        self._dialog.addHelp(f"<html><h3>{html.escape(title)}</h3><dl>{rows}</dl></html>")

    def show(self) -> bool:
        """Show the dialog and wait; return whether it was closed with OK.

        After a macro has run, ImageJ ends a cancelled dialog with an exception
        (``ij.Macro.MACRO_CANCELED``) instead of saying so.
        """
        import jpype

        try:
            self._dialog.showDialog()
            return not bool(self._dialog.wasCanceled())
        except jpype.JException as error:
            if MACRO_CANCELED not in str(error):
                raise
            return False

    def other_pressed(self) -> bool:
        """Tell whether it ended with the second button."""
        return not bool(self._dialog.wasOKed())

    def close(self) -> None:
        """Close the dialog as Cancel does."""
        self._dialog.dispose()

    def number_of(self, name: str) -> float | None:
        """Return a number; None where the field is empty.

        Raises
        ------
        SettingsError
            What stands there is no number.
        """
        text = str(self._numbers[name].getText()).strip()
        if text in ("", "NaN"):
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            label = self._labels[name]
            advice = f"{comma_advice(text)}correct the field {label!r}"
            raise SettingsError(f"{label} is {text!r}", "a number", advice)
        return number

    def text_of(self, name: str) -> str:
        """Return a text, or a path."""
        return str(self._texts[name].getText()).strip()

    def choice_of(self, name: str) -> str:
        """Return the item that was chosen."""
        return str(self._choices[name].getSelectedItem())

    def ticked(self, name: str) -> bool:
        """Return whether a checkbox is ticked."""
        return bool(self._boxes[name].getState())


def wrapped(text: str) -> str:
    """Wrap text: ImageJ's dialogs are as wide as their longest line."""
    lines = [textwrap.wrap(line, _WIDTH) or [""] for line in text.splitlines()]
    return "\n".join(part for line in lines for part in line)
