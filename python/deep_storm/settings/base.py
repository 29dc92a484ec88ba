"""Settings: each parameter of the product declared once.

A settings class per step: frozen, unknown keys refused, each field with range, default, unit
and a one-line description. The command line's options, Fiji's dialogs, the documentation's
tables and the TOML files are all made from these classes, so a parameter has the same name, unit
and default everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from deep_storm.errors import SettingsError
from deep_storm.settings.fields import describe_range, members, takes_many

SettingsT = TypeVar("SettingsT", bound="Settings")


def setting(
    default: Any,
    description: str,
    *,
    unit: str | None = None,
    example: Any = None,
    form: str | None = None,
    formerly: str | None = None,
    label: str | None = None,
    **constraints: Any,
) -> Any:
    """Declare a field of a settings class.

    Parameters
    ----------
    default
        The default, or ``...`` when the user must give a value.
    description
        One line for help texts, dialogs and documentation.
    unit
        Unit as shown to the user; the field's name carries it too.
    example
        A plausible value, shown where there is no default.
    form
        What a text looks like, in words; needed with ``pattern``, for the error.
    formerly
        The name that the setting had in the version before, which is still taken.
    label
        What a dialog calls it; its unit is added.
    **constraints
        ``gt``, ``ge``, ``lt``, ``le``, ``pattern`` … as pydantic takes them.
    """
    extra = {"unit": unit, "example": example, "form": form, "formerly": formerly, "label": label}
    return Field(default, description=description, json_schema_extra=extra, **constraints)


class Settings(BaseModel):
    """Base of all settings classes: frozen, unknown keys refused, defaults validated.

    A number is taken for a text that may be one (``distance=20``), and a single value for a list
    of any length (``tolerance_nm=100``).
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,
    )

    def __init__(self, /, **values: Any) -> None:
        """Make settings from keywords; a problem becomes one clear sentence.

        Raises
        ------
        SettingsError
            A value is missing, unknown, of the wrong type or out of range.
        """
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _sentence_from(error, type(self), "", by_option=False) from error

    # Only for calls: when pydantic makes settings itself, its errors keep where they happened.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="before")
    @classmethod
    def _take_single_values(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        values = cls.under_new_names(values)
        single = {
            name: (value,)
            for name, value in values.items()
            if isinstance(value, (int, float, str)) and takes_many(cls, name)
        }
        return {**values, **single}

    @classmethod
    def former_names(cls) -> dict[str, str]:
        """Return the settings that were renamed since the version before, by their old names."""
        extras = {name: field.json_schema_extra for name, field in cls.model_fields.items()}
        return {
            str(extra["formerly"]): name
            for name, extra in extras.items()
            if isinstance(extra, dict) and extra.get("formerly")
        }

    @classmethod
    def under_new_names(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return values by the present names of settings.

        Raises
        ------
        SettingsError
            A setting is given under both of its names.
        """
        return under_new_names(values, cls.former_names())

    @classmethod
    def parse(cls: type[SettingsT], values: dict[str, Any], origin: str = "") -> SettingsT:
        """Make settings from plain values; a problem becomes one clear sentence.

        Parameters
        ----------
        values
            Field names and values.
        origin
            Where the values come from (a file's name), for the error.

        Raises
        ------
        SettingsError
            A value is missing, unknown, of the wrong type or out of range.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _sentence_from(error, cls, origin) from error


def under_new_names(values: Mapping[str, Any], former: Mapping[str, str]) -> dict[str, Any]:
    """Return values by their present names.

    Parameters
    ----------
    values
        By name.
    former
        The name now, by the one before.

    Raises
    ------
    SettingsError
        A value is given under both names.
    """
    for old, name in former.items():
        if old in values and name in values:
            raise SettingsError(
                f"both {old} and {name} are given",
                f"{name} alone: {old} is its former name",
                f"leave {old} out",
            )
    return {former.get(name, name): value for name, value in values.items()}


def first_problem(error: ValidationError) -> ErrorDetails:
    """Return the problem to report: a misspelt setting is why another one is missing."""
    problems = error.errors()
    return next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])


def _sentence_from(
    error: ValidationError, cls: type[Settings], origin: str, by_option: bool = True
) -> SettingsError:
    """Turn pydantic's first problem into received / expected / advice."""
    first = first_problem(error)
    name = str(first["loc"][0]) if first["loc"] else cls.__name__
    where = f" in {origin}" if origin else ""
    if first["type"] == "extra_forbidden":
        return _unknown_setting(name, cls, where)
    field = cls.model_fields.get(name)
    if field is None or first["type"] == "value_error":
        name = ".".join(str(part) for part in first["loc"])
        reason = str(first["msg"]).removeprefix("Value error, ")
        about = f"{name}{where}: " if name else f"{where.removeprefix(' ')}: " if where else ""
        return SettingsError(f"{about}{reason}", advice="correct it")
    expected = describe_range(cls, name)
    if first["type"] == "missing" and len(first["loc"]) == 1:
        option, section = "--" + name.replace("_", "-"), f"[{cls.__name__.lower()}]"
        advice = f"give {option} or put {name} under {section} in the file of --config"
        if origin:
            advice = f"put {name} under {section} in that file"
        elif not by_option:
            advice = f"give {cls.__name__}(…, {name}=…)"
        return SettingsError(f"{name} is missing{where}", expected, advice)
    if first["type"] == "finite_number":
        expected = expected.replace("number", "finite number", 1)
    received = first.get("input")
    written = comma_advice(received) if {int, float} & set(members(field.annotation)) else ""
    many = isinstance(received, (list, tuple)) and all(isinstance(one, str) for one in received)
    shown = ", ".join(received) if many and received else repr(received)
    return SettingsError(
        f"{name} is {shown}{where}",
        expected,
        f"{written}change {name} ({field.description})",
    )


def comma_advice(received: object) -> str:
    """Return the beginning of an advice where a number was written with a comma, else nothing."""
    if isinstance(received, str) and re.fullmatch(r"[-+]?[\d.]*(,\d+)+(\.\d*)?", received.strip()):
        return "write a decimal point and no thousands separator; "
    return ""


def _unknown_setting(name: str, cls: type[Settings], where: str) -> SettingsError:
    close = get_close_matches(name, cls.model_fields, n=1)
    return SettingsError(
        f"unknown setting {name!r}{where}",
        f"one of {', '.join(cls.model_fields)}",
        f"did you mean {close[0]!r}?" if close else "remove it",
    )
