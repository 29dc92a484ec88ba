"""Runs a command for its script: values in, outputs back, every error as one message.

A script that raises looks successful to Fiji, so nothing raises here. How it ended is a status that
begins with ``ok``, ``stopped`` or ``error``. Without windows it is the script's output. With
windows it is shown in the status bar or a dialog: Fiji opens a window for each text output.
"""

from __future__ import annotations

import importlib
import logging
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deep_storm.errors import (
    Cancelled,
    DeepStormError,
    FormulaError,
    SettingsError,
    StackError,
)
from deep_storm.fiji.folders import log_folder
from deep_storm.fiji.imagej.host import Host
from deep_storm.fiji.imagej.images import frames_as_channels, make_channels_frames
from deep_storm.fiji.lists import ask_for_listed
from deep_storm.fiji.menu.catalog import Command, command
from deep_storm.fiji.menu.entries import ENTRIES
from deep_storm.fiji.menu.entry import CHOOSING, NEEDED_BY_CHOICE
from deep_storm.fiji.menu.parameters import IMAGES
from deep_storm.fiji.values import MODULE, values_of
from deep_storm.fiji.wording import in_dialog_words

LOGGER = logging.getLogger("deep_storm.fiji")
ENDED = "%s: %s"
"""How the end of a command is logged: its key and its status."""


@dataclass(frozen=True)
class Call:
    """Input of a command's function.

    Attributes
    ----------
    host
        ImageJ around us.
    command
        The command.
    values
        Values of its parameters by name, as Python has them.
    given_image
        The script's image, if any.
    """

    host: Host
    command: Command
    values: Mapping[str, Any]
    given_image: Any = None

    @property
    def image(self) -> Any:
        """The image that the command works on; raises if there is none.

        An image that was opened with its frames as channels is set right when the user says so.
        """
        image = self._image_in_front()
        channels = frames_as_channels(image)
        question = (
            f"{image.getTitle()} has {channels:,} channels and 1 frame: it was opened with its "
            "frames as channels. Make them frames, as Image > Properties... does?"
        )
        if channels and self.host.ask("Deep-STORM", question, otherwise=False):
            make_channels_frames(image)
        return image

    def image_is_open(self) -> bool:
        """Return whether there is an image to work on; asks nothing."""
        try:
            return self._image_in_front() is not None
        except StackError:
            return False

    def tell(self, text: str) -> None:
        """Show a message with OK, in the words of the dialog."""
        self.host.tell(self.command.title, in_dialog_words(text, self.command))

    def _image_in_front(self) -> Any:
        fields = [p.label for p in self.command.parameters if p.name in IMAGES]
        return self.host.image(self.given_image, "".join(fields[:1]))


@dataclass(frozen=True)
class Outcome:
    """Output of a command's function.

    Attributes
    ----------
    text
        For people.
    image, table
        What it made.
    warnings
        What must not be overlooked although there is a result: a dialog says it, where somebody
        can be asked. The text has it too.
    """

    text: str
    image: Any = None
    table: Any = None
    warnings: tuple[str, ...] = ()


def run(key: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Run a command.

    Parameters
    ----------
    key
        The command, see :mod:`deep_storm.fiji.menu.catalog`.
    variables
        The script's variables: the header's parameters and services.

    Returns
    -------
    The script's outputs ``result_image``, ``result_table`` and ``status``, which is None where
    there are windows.
    """
    host = Host(variables)
    outputs = _ended(host, key, variables)
    LOGGER.info(ENDED, key, outputs["status"])
    return {**outputs, "status": None} if host.windows else outputs


def _ended(host: Host, key: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Run a command; return its outputs, always with the status."""
    made = None
    try:
        made = _command(key)
        values = values_of(host, made, variables)
        ask_for_listed(host, made, values, variables.get(MODULE))
        _ask_for_files(host, made, values)
        module, _, name = made.function.partition(":")
        function = getattr(importlib.import_module(f"deep_storm.fiji.commands.{module}"), name)
        outcome = function(Call(host, made, values, variables.get("image")))
    except Cancelled as error:
        return _stopped(host, made, error)
    except DeepStormError as error:
        said = error.in_any_font() if isinstance(error, FormulaError) else str(error)
        return _failed(host, made, in_dialog_words(said, made))
    except MemoryError:
        return _failed(host, made, "Fiji's memory is full; close images and try again.")
    except Exception as error:  # noqa: BLE001 - the script's edge: Fiji would swallow it
        return _failed(host, made, _mistake(error), ours=True)
    text = in_dialog_words(outcome.text, made)
    host.show_status(text.partition("\n")[0])
    if outcome.warnings:
        host.tell(made.title, in_dialog_words("\n\n".join(outcome.warnings), made))
    return _outputs(f"ok: {text}", outcome.image, outcome.table)


def _command(key: str) -> Command:
    """Return a command; a script of another version may ask for one that is not there."""
    if key not in ENTRIES:
        raise SettingsError(
            f"this version of Deep-STORM has no command {key!r}",
            "scripts in Fiji's menu of the same version as the package in Fiji's Python",
            "run `deep-storm fiji install` of that version again, and start Fiji again",
        )
    return command(key)


def _ask_for_files(host: Host, made: Command, values: dict[str, Any]) -> None:
    """Ask for the files that a command needs and that the dialog left out."""
    choices = (str(values.get(name)) for name in CHOOSING)
    chosen_for = [name for choice in choices for name in NEEDED_BY_CHOICE.get(choice, ())]
    for parameter in made.everything:
        needed = parameter.needed or parameter.name in chosen_for
        if needed and values[parameter.name] is None and host.asks:
            title = f"{made.title}: {parameter.label}"
            folder = parameter.style == "directory" and not parameter.saves
            chosen = host.choose_file(title, saves=parameter.saves, folder=folder)
            if chosen is None:
                raise Cancelled(f"{made.title} was stopped: no file was chosen")
            values[parameter.name] = chosen


def _stopped(host: Host, made: Command | None, error: Cancelled) -> dict[str, Any]:
    """Report that it was stopped, and how to continue if that is possible."""
    text = in_dialog_words(str(error), made)
    host.show_status(text)
    if error.advice and made is not None:
        host.tell(f"Deep-STORM: {made.title}", text)
    return _outputs(f"stopped: {text}")


def _failed(host: Host, made: Command | None, text: str, *, ours: bool = False) -> dict[str, Any]:
    title = f"Deep-STORM: {made.title if made is not None else 'command'}"
    host.complain(title, text, ours=ours)
    return _outputs(f"error: {text}")


def _mistake(error: Exception) -> str:
    """Write the traceback of an internal error into a log, and name the log."""
    log = log_folder() / "fiji.log"
    try:
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{time.asctime()}\n{traceback.format_exc()}\n")
        place = f"please report it together with {log}"
    except OSError:
        place = "please report it"
    return f"a bug in Deep-STORM, {type(error).__name__}: {error}; {place}."


def _outputs(status: str, image: Any = None, table: Any = None) -> dict[str, Any]:
    return {"status": status, "result_image": image, "result_table": table}
