"""Settings of a verb, collected from keywords and files.

The later wins: the defaults, a settings object or the ``camera`` file, the section of the
``config`` file, the single option. Only the camera is never mixed: a ``config`` file whose camera
contradicts the ``camera`` that was given is an error, because one of them belongs to other frames.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from deep_storm.camera import Camera, PartialCamera
from deep_storm.errors import CameraError, SettingsError
from deep_storm.interface.sections import known_sections
from deep_storm.io.camera_files import camera_of
from deep_storm.io.config import read_config
from deep_storm.settings import Settings, first_problem, under_new_names

if TYPE_CHECKING:
    from deep_storm.interface.declaration import Verb

Values = dict[str, Any]
Given = Settings | PartialCamera


@dataclass
class Options:
    """A caller's keywords, sorted.

    Attributes
    ----------
    direct
        Arguments of the function that are not settings.
    whole
        Values of a settings parameter that came as an object, a mapping or a camera file.
    single
        Single settings.
    config
        The configuration file.
    camera_name
        What the camera that was given whole is called in an error.
    """

    direct: Values = field(default_factory=dict)
    whole: dict[str, Values] = field(default_factory=dict)
    single: Values = field(default_factory=dict)
    config: str | os.PathLike[str] | None = None
    camera_name: str = "camera="

    @classmethod
    def split(cls, verb: Verb, options: Mapping[str, Any]) -> Options:
        """Sort keywords; None means "not given" for every setting.

        Raises
        ------
        SettingsError
            A keyword is unknown, or one is given under its former name as well.
        """
        split = cls()
        for name, value in under_new_names(options, verb.former).items():
            if name in verb.settings and isinstance(value, (Settings, Mapping)):
                split.whole[name] = _values_of(verb.settings[name], value)
            elif name in verb.settings and verb.settings[name] is Camera and value is not None:
                split.whole[name] = _camera_values(value)
                split.camera_name = os.fspath(value)
            elif name == "config" and verb.settings:
                split.config = value
            elif name in verb.fields or name in verb.settings:
                if value is not None:
                    split.single[_known_field(verb, name, value)] = value
            elif name in verb.parameters:
                split.direct[name] = value
            else:
                raise _unknown(verb, name)
        return split


def bind(verb: Verb, options: Mapping[str, Any]) -> tuple[Values, dict[str, Given]]:
    """Return a function's plain arguments and its settings objects from keywords.

    Raises
    ------
    SettingsError, CameraError
        As :func:`collect_settings` and :meth:`Options.split` do.
    """
    split = Options.split(verb, options)
    return split.direct, collect_settings(verb, split)


def collect_settings(verb: Verb, options: Options) -> dict[str, Given]:
    """Return the settings objects of one call.

    Parameters
    ----------
    verb
        The verb that is called.
    options
        What the caller gave.

    Returns
    -------
    Settings by the name of their parameter, without those that nobody gave a value for and that
    are None by default.

    Raises
    ------
    SettingsError
        A value is missing, unknown or out of range.
    CameraError
        The camera and the configuration file's contradict each other.
    """
    sections = _read(options.config)
    collected: dict[str, Given] = {}
    for name, cls in verb.settings.items():
        section = cls.under_new_names(sections.get(cls.__name__.lower(), {}))
        whole = cls.under_new_names(options.whole.get(name, {}))
        single = {f: v for f, v in options.single.items() if verb.fields[f] == name}
        if cls is Camera and section and whole:
            _check_same_camera(section, whole, str(options.config), options.camera_name)
        given = {**whole, **section, **single}
        default = verb.default(name)
        optional = verb.parameters[name].default is not verb.parameters[name].empty
        if not given and optional:
            continue
        if name == verb.partly and not _complete(given):
            collected[name] = PartialCamera.parse(given)
            continue
        base = default.model_dump(exclude_unset=True) if default is not None else {}
        from_file = cls.model_fields if name == verb.whole else section.keys() - single.keys()
        origins = dict.fromkeys(from_file, str(options.config))
        collected[name] = _parse(cls, {**base, **given}, origins)
    return collected


def _read(config: str | os.PathLike[str] | None) -> dict[str, Values]:
    return {} if config is None else read_config(config, known_sections())


def _parse(cls: type[Settings], values: Values, origins: Mapping[str, str]) -> Settings:
    """Parse settings; an error names the file that the value came from."""
    try:
        return cls.parse(values)
    except SettingsError as error:
        cause = error.__cause__
        location = first_problem(cause)["loc"] if isinstance(cause, ValidationError) else ()
        origin = origins.get(str(location[0]), "") if location else ""
        if not origin:
            raise
        return cls.parse(values, origin)


def _values_of(cls: type[Settings], value: Settings | Mapping[str, Any]) -> Values:
    """Return the values that were set in a settings object or a mapping."""
    if isinstance(value, Mapping):
        return dict(value)
    if not isinstance(value, cls):
        raise SettingsError(
            f"{type(value).__name__} settings were given as {cls.__name__.lower()}",
            f"{cls.__name__} settings",
            "give each settings object under its own name",
        )
    return value.model_dump(exclude_unset=True)


def _camera_values(path: Any) -> Values:
    """Read the camera's file."""
    camera = camera_of(path)
    return {} if camera is None else camera.model_dump(exclude_unset=True)


def _check_same_camera(section: Values, whole: Values, config: str, camera: str) -> None:
    """Raise a CameraError when two cameras were given that differ."""
    complete = _complete(section)
    for name, info in Camera.model_fields.items():
        if name not in section and not complete:
            continue
        one, other = section.get(name, info.default), whole.get(name, info.default)
        if one != other:
            raise CameraError(
                f"{config} says {name} = {one}, {camera} says {other}",
                "one camera",
                f"leave one of them out, or remove [camera] from {config}",
            )


def _complete(values: Values) -> bool:
    """Return whether values include all that a camera requires."""
    return all(name in values for name, info in Camera.model_fields.items() if info.is_required())


def _known_field(verb: Verb, name: str, value: object) -> str:
    """Return the setting that a keyword names; it may be the name of a class as well."""
    if name not in verb.fields:
        cls = verb.settings[name].__name__
        raise SettingsError(f"{name} is {value!r}", f"{cls} settings", f"give {name}=ds.{cls}(...)")
    return name


def _unknown(verb: Verb, name: str) -> SettingsError:
    known = [*verb.parameters, *verb.fields, *(["config"] if verb.settings else [])]
    close = get_close_matches(name, known, n=1)
    return SettingsError(
        f"{verb.name} has no option {name!r}",
        f"one of {', '.join(dict.fromkeys(known))}",
        f"did you mean {close[0]!r}?" if close else "remove it",
    )
