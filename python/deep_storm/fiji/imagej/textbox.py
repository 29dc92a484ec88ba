"""A window with text and OK that nothing waits for: what a command found, to read and to copy."""

from __future__ import annotations

from typing import Any

from deep_storm.fiji.imagej.java import java_class

MAX_LINES = 30
"""More lines are scrolled."""
_ROOM = 2
"""Columns for the margins of a text area."""
_ESCAPE, _ENTER = 27, 10


def show_text(owner: Any, title: str, text: str) -> None:
    """Show text in a window of its own and return at once.

    ImageJ's own message keeps everything else from being used until it is closed, and sets its
    text in letters of unequal widths, in which no columns stand below each other.

    Parameters
    ----------
    owner
        The window in front of which it stays, ImageJ's.
    title
        Of the window.
    text
        Its lines, broken already.
    """
    import jpype

    lines = text.split("\n")
    dialog = java_class("java.awt.Dialog")(owner, title, False)
    area_class = java_class("java.awt.TextArea")
    long = len(lines) > MAX_LINES
    bars = area_class.SCROLLBARS_VERTICAL_ONLY if long else area_class.SCROLLBARS_NONE
    columns = max(len(title), *map(len, lines)) + _ROOM
    area = area_class(text, min(len(lines), MAX_LINES) + 1, columns, bars)
    area.setFont(java_class("java.awt.Font")("Monospaced", 0, 12))
    area.setEditable(False)
    area.setBackground(java_class("java.awt.Color").WHITE)
    button = java_class("java.awt.Button")("  OK  ")
    row = java_class("java.awt.Panel")()
    row.add(button)
    dialog.add(area, "Center")
    dialog.add(row, "South")

    def close(event: Any) -> None:
        dialog.dispose()

    def typed(event: Any) -> None:
        if int(event.getKeyCode()) in (_ESCAPE, _ENTER):
            dialog.dispose()

    def nothing(event: Any) -> None: ...

    pressed = jpype.JProxy("java.awt.event.ActionListener", dict={"actionPerformed": close})
    keys = {"keyPressed": typed, "keyReleased": nothing, "keyTyped": nothing}
    listener = jpype.JProxy("java.awt.event.KeyListener", dict=keys)
    others = ("Opened", "Closed", "Iconified", "Deiconified", "Activated", "Deactivated")
    window = {f"window{name}": nothing for name in others} | {"windowClosing": close}
    button.addActionListener(pressed)
    for part in (area, button):
        part.addKeyListener(listener)
    dialog.addWindowListener(jpype.JProxy("java.awt.event.WindowListener", dict=window))
    dialog.pack()
    java_class("ij.gui.GUI").center(dialog)
    dialog.setVisible(True)
    button.requestFocusInWindow()
