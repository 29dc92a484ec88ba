"""The commands: their place in the menu, their parameters, what they do.

An entry (:mod:`deep_storm.fiji.menu.entries`) and the declaration of its verb make a command.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from deep_storm.camera import Camera
from deep_storm.fiji.menu.declared import from_argument, from_setting, more_of
from deep_storm.fiji.menu.entries import ENTRIES
from deep_storm.fiji.menu.entry import CONFIG, EXPERT, UNKNOWN, Entry
from deep_storm.fiji.menu.parameters import AUTO, LISTED, MORE, Parameter
from deep_storm.interface.declaration import Verb
from deep_storm.interface.registry import load

_OVERWRITE = Parameter(
    "overwrite", "Boolean", "Overwrite", "Replace existing files", False, remember=False
)
_CAMERA_HELP = (
    "Camera file (TOML), or the name of a saved camera; current = as entered in Camera Setup; "
    "none = no camera"
)
_AUTO_CAMERA = "; auto = the camera of the model, or that of Camera Setup for the general model"
_CONVERTING = "; only for tables in px or ADU"


@dataclass(frozen=True)
class Command:
    """A command as its script, its header and its runner know it.

    ``parameters`` are those of the dialog, ``further`` those of its further options.
    """

    key: str
    menu: tuple[str, ...]
    description: str
    function: str
    image: bool
    tensorflow: bool
    parameters: tuple[Parameter, ...]
    verb: Verb | None = field(default=None, compare=False)
    further: tuple[Parameter, ...] = ()

    @property
    def everything(self) -> tuple[Parameter, ...]:
        """All parameters, without the one that stands for the further options."""
        return (*(p for p in self.parameters if p.name != MORE), *self.further)

    @property
    def title(self) -> str:
        """The menu label without its dots: the title of dialogs."""
        return self.menu[-1].removesuffix("...")

    @property
    def script(self) -> str:
        """Path of the script below ``fiji-scripts/Plugins/Deep-STORM``."""
        return "/".join(part.replace(" ", "_") for part in self.menu) + ".py"

    def macro(self) -> str:
        """Return the call from a macro, with all parameters and their defaults."""
        options = " ".join(parameter.in_macro() for parameter in self.parameters)
        return f'run("{self.menu[-1]}", "{options}");' if options else f'run("{self.menu[-1]}");'


def place_of(key: str) -> str:
    """Return where a command stands in the menu, as a person reads it."""
    return " > ".join(("Plugins", "Deep-STORM", *ENTRIES[key].menu.split("/")))


def command_keys() -> tuple[str, ...]:
    """Return the commands, in the order of the menu."""
    return tuple(ENTRIES)


def command(key: str) -> Command:
    """Make a command from its entry and its verb's declaration."""
    entry = ENTRIES[key]
    verb = None if entry.description else load(key)
    parameters = list(entry.extra)
    if verb is not None:
        parameters += _parameters(verb, entry)
    parameters = [
        _listed(parameter) if parameter.name in LISTED else parameter for parameter in parameters
    ]
    shown, further = _parted(parameters, entry)
    description = entry.description or (verb.description if verb is not None else "")
    return Command(
        key,
        tuple(entry.menu.split("/")),
        description[:1].upper() + description[1:],
        entry.function,
        entry.image,
        entry.tensorflow,
        shown,
        verb,
        further,
    )


def _listed(parameter: Parameter) -> Parameter:
    return replace(parameter, description=f"{parameter.description}; ask = a list after OK")


def _parted(
    parameters: list[Parameter], entry: Entry
) -> tuple[tuple[Parameter, ...], tuple[Parameter, ...]]:
    """Return what the dialog shows, in its order, and the rest."""
    if not entry.shown:
        return tuple(parameters), ()
    by_name = {parameter.name: parameter for parameter in parameters}
    further = tuple(p for p in parameters if p.name not in entry.shown)
    shown = tuple(by_name[name] for name in entry.shown)
    return (*shown, more_of(further)), further


def _parameters(verb: Verb, entry: Entry) -> Iterator[Parameter]:
    """Make the parameters of a verb: arguments, camera, settings, then what all have."""
    for argument in verb.arguments:
        if argument.name not in entry.hide:
            for made in from_argument(verb, argument):
                yield replace(made, needed=True) if made.name in entry.needs else made
    if Camera in verb.settings.values() and "camera" not in entry.hide:
        about = _CAMERA_HELP + (_AUTO_CAMERA if entry.camera == AUTO else "")
        about += _CONVERTING if verb.whole else ""
        yield Parameter(
            "camera", "File", "Camera", about, entry.camera, style="open", remember=False
        )
    for name, cls in verb.settings.items():
        for setting in cls.model_fields:
            if cls is not Camera and setting not in EXPERT | entry.hide:
                begin = UNKNOWN.get(setting)
                yield from_setting(cls, setting, verb.default(name), value=begin)
    if verb.settings:
        yield CONFIG
    if "overwrite" in verb.parameters:
        yield _OVERWRITE
