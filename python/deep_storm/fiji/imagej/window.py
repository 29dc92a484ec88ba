"""A small window with progress, Cancel and, for a training, Finish now.

ImageJ's own status bar shows the progress too; the window has what it lacks, buttons.
"""

from __future__ import annotations

import re
import time
from typing import Any

from deep_storm.fiji.imagej.java import java_class

PLOT_SECONDS = 1.0
_NUMBER = re.compile(r"([a-z]+) ([-+]?\d[\d.]*(?:e[-+]?\d+)?)")
_MIN_CHARACTERS = 64
_MIN_WIDTH, _CHARACTER_WIDTH = 200, 10
STEPS = 1000


class ProgressWindow:
    """Progress, buttons and a plot of live numbers.

    Parameters
    ----------
    title
        What runs.
    finish
        Whether there is a button "Finish now", and a plot of the losses.
    """

    def __init__(self, title: str, *, finish: bool = False) -> None:
        self._stop, self._finish = _Button("Cancel"), _Button("Finish now")
        self._plot = LossPlot() if finish else None
        self._frame = java_class("java.awt.Frame")(f"Deep-STORM: {title}")
        self._text = java_class("java.awt.Label")("starting..." + " " * _MIN_CHARACTERS)
        self._bar = java_class("javax.swing.JProgressBar")(0, STEPS)
        self._bar.setIndeterminate(True)
        self._frame.add(self._text, "North")
        self._frame.add(self._bar, "Center")
        row = java_class("java.awt.Panel")()
        if finish:
            row.add(self._finish.button)
        row.add(self._stop.button)
        self._frame.add(row, "South")
        self._frame.pack()
        width = max(int(self._frame.getWidth()), _MIN_WIDTH + _CHARACTER_WIDTH * len(title))
        self._frame.setSize(width, int(self._frame.getHeight()))  # the whole title is seen
        java_class("ij.gui.GUI").center(self._frame)
        self._frame.setVisible(True)

    def note(self, done: int, total: int, message: str) -> None:
        """Take the numbers of a progress message into the plot."""
        if self._plot is not None:
            self._plot.note(done, message)

    def show(self, done: int, total: int, words: str) -> None:
        """Show the progress; a total of 0 is unknown."""
        self._text.setText(words)
        self._bar.setIndeterminate(total <= 0)
        if total > 0:
            self._bar.setValue(round(STEPS * min(done / total, 1.0)))

    def stop_pressed(self) -> bool:
        """Return whether Cancel was pressed."""
        return self._stop.pressed

    def finish_pressed(self) -> bool:
        """Return whether Finish now was pressed."""
        return self._finish.pressed

    def close(self) -> None:
        """Close the window; a plot stays."""
        if self._plot is not None:
            self._plot.draw()
        self._frame.setVisible(False)
        self._frame.dispose()


class _Button:
    """A button that remembers that it was pressed."""

    def __init__(self, label: str) -> None:
        import jpype

        self.pressed = False
        self.button = java_class("java.awt.Button")(label)
        self._listener = jpype.JProxy(
            "java.awt.event.ActionListener", dict={"actionPerformed": self._press}
        )
        self.button.addActionListener(self._listener)

    def _press(self, event: Any) -> None:
        self.pressed = True
        self.button.setEnabled(False)


class LossPlot:
    """ImageJ's plot of the numbers in progress messages (``loss 1.2, validation 1.3``)."""

    def __init__(self) -> None:
        self._points: dict[str, list[tuple[float, float]]] = {}
        self._window: Any = None
        self._drawn = time.monotonic()

    def note(self, done: int, message: str) -> None:
        """Take the numbers of a message; redraws now and then."""
        for name, number in live_numbers(message).items():
            points = self._points.setdefault(name, [])
            if not points or points[-1][1] != number:
                points.append((float(done), number))
        if time.monotonic() - self._drawn >= PLOT_SECONDS:
            self.draw()

    def draw(self) -> None:
        """Draw the curves."""
        self._drawn = time.monotonic()
        if not any(len(points) > 1 for points in self._points.values()):
            return
        plot = java_class("ij.gui.Plot")("Deep-STORM training", "Step", "Loss")
        for color, points in zip(("blue", "red", "black"), self._points.values(), strict=False):
            plot.setColor(color)
            plot.add("line" if len(points) > 1 else "circle", *_columns(points))
        plot.setColor("black")
        plot.addLegend("\n".join(self._points))
        if self._window is None or not self._window.isVisible():
            self._window = plot.show()
        else:
            self._window.drawPlot(plot)


def live_numbers(message: str) -> dict[str, float]:
    """Return the numbers of a progress message by the word before them."""
    return {name: float(number) for name, number in _NUMBER.findall(message)}


def _columns(points: list[tuple[float, float]]) -> tuple[Any, Any]:
    import jpype

    doubles = jpype.JArray(jpype.JDouble)
    return doubles([x for x, _ in points]), doubles([y for _, y in points])
