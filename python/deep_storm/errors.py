"""Errors that a user can act on.

Every error that reaches a user is one sentence with what was received, what was expected
and what to do about it. The command line prints it and ends with exit code 2; Fiji shows it
in a dialog; Python users catch :class:`DeepStormError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from deep_storm.visible import visible

ErrorT = TypeVar("ErrorT", bound="DeepStormError")


class DeepStormError(Exception):
    """Base of all errors that Deep-STORM raises on purpose.

    Parameters
    ----------
    received
        What was found, with the offending value.
    expected
        What would have been right.
    advice
        What the user can do about it.
    """

    def __init__(self, received: str, expected: str = "", advice: str = "") -> None:
        self.received = visible(received).rstrip(".")
        self.expected = visible(expected).rstrip(".")
        self.advice = visible(advice).rstrip(".")
        super().__init__(self._sentence())

    def reword(self, change: Callable[[str], str]) -> None:
        """Change its words in place, for a reader who knows things by other names."""
        self.received, self.expected, self.advice = map(
            change, (self.received, self.expected, self.advice)
        )
        self.args = (self._sentence(),)

    def _sentence(self) -> str:
        sentence = self.received
        if self.expected:
            sentence += f"; expected {self.expected}"
        if self.advice:
            sentence += f": {self.advice}"
        return sentence if sentence.endswith("?") else sentence + "."

    def __reduce__(self) -> tuple[Any, ...]:
        # a subclass may take other arguments than those that Exception keeps
        return restored, (type(self), vars(self))


def restored(kind: type[ErrorT], values: dict[str, Any]) -> ErrorT:
    """Rebuild an error from its class and its attributes (``vars(error)``)."""
    error = kind.__new__(kind)
    vars(error).update(values)
    error.args = (error._sentence(),)
    return error


class SettingsError(DeepStormError):
    """A setting is missing, unknown, of the wrong type or out of range."""


class FormulaError(SettingsError):
    """A formula cannot be read; the message shows it with a caret below the place.

    Parameters
    ----------
    received, expected, advice
        As always.
    formula
        The whole formula; without it the sentence stands alone.
    position
        Where in it, counted from 0.
    """

    def __init__(
        self,
        received: str,
        expected: str = "",
        advice: str = "",
        formula: str | None = None,
        position: int = 0,
    ) -> None:
        self.formula = formula
        self.position = position
        super().__init__(received, expected, advice)

    def __str__(self) -> str:
        if self.formula is None:
            return self._sentence()
        return f"{self._sentence()}\n  {self._shown()}\n  {' ' * self.position}^"

    def in_any_font(self) -> str:
        """Return the message without a caret, which needs letters of equal width."""
        if self.formula is None:
            return self._sentence()
        shown = self._shown()
        return f"{self._sentence()}\n{shown[: self.position]} [here:] {shown[self.position :]}"

    def _shown(self) -> str:
        """Return the formula in one line, each character at its position."""
        return "".join(c if c.isprintable() else " " for c in self.formula or "")


class StackError(DeepStormError):
    """A stack of frames cannot be read or does not suit the task."""


class TableError(DeepStormError):
    """A localization table or ground truth cannot be read or does not suit the task."""


class CameraError(DeepStormError):
    """The camera contradicts the stack, the table or the model."""


class CameraDoubtError(CameraError):
    """The camera contradicts the noise of its frames.

    Parameters
    ----------
    received, expected, advice
        As always.
    setting, value
        What the noise suggests to enter instead; no setting where there are several ways.
    """

    def __init__(
        self,
        received: str,
        expected: str = "",
        advice: str = "",
        setting: str = "",
        value: float = 0.0,
    ) -> None:
        self.setting = setting
        self.value = value
        super().__init__(received, expected, advice)


class PsfError(DeepStormError):
    """A PSF cannot be read, is invalid, or does not suit the camera or the task."""


class ModelError(DeepStormError):
    """A model folder is missing, unfinished, damaged or does not suit the task."""


class AnswerError(ModelError):
    """A network's answer to a frame is NaN, infinite or absurdly large."""

    def __init__(
        self,
        received: str = "the network's answer is not a usable number",
        expected: str = "a model whose weights are right for its input",
        advice: str = "train it again, or look at the frame: are its values the camera's raw ones?",
    ) -> None:
        super().__init__(received, expected, advice)


class OutputError(DeepStormError):
    """An output exists already or cannot be written."""


class DaskError(DeepStormError):
    """The Dask workers cannot be reached or cannot work."""


class Cancelled(DeepStormError):
    """The user stopped the work; results until then are kept where that is possible."""


def was_interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C caused an error: in a compiled function it arrives as a SystemError."""
    cause: BaseException | None = error
    while isinstance(cause, SystemError):
        cause = cause.__cause__
    return isinstance(cause, KeyboardInterrupt)
