"""Settings: each parameter of the product declared once.

A settings class per step: frozen, unknown keys refused, each field with range, default, unit
and a one-line description. The command line's options, Fiji's dialogs, the documentation's
tables and the TOML files are all made from these classes, so a parameter has the same name, unit
and default everywhere.
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticUndefined

from deep_storm.errors import SettingsError

SettingsT = TypeVar("SettingsT", bound="Settings")


def setting(
    default: Any,
    description: str,
    *,
    unit: str | None = None,
    example: Any = None,
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
    **constraints
        ``gt``, ``ge``, ``lt``, ``le``, ``pattern`` … as pydantic takes them.
    """
    extra = {"unit": unit, "example": example}
    return Field(default, description=description, json_schema_extra=extra, **constraints)


class Settings(BaseModel):
    """Base of all settings classes: frozen, misspelt keys refused, defaults checked too."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

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


def first_problem(error: ValidationError) -> ErrorDetails:
    """Return the problem to speak of: a misspelt setting is why another one is missing."""
    problems = error.errors()
    return next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])


def _sentence_from(error: ValidationError, cls: type[Settings], origin: str) -> SettingsError:
    """Turn the first problem that pydantic found into received / expected / what to do."""
    from difflib import get_close_matches

    first = first_problem(error)
    name = str(first["loc"][0]) if first["loc"] else cls.__name__
    where = f" in {origin}" if origin else ""
    if first["type"] == "extra_forbidden":
        close = get_close_matches(name, cls.model_fields, n=1)
        advice = f"did you mean {close[0]!r}?" if close else "remove it"
        return SettingsError(
            f"unknown setting {name!r}{where}",
            f"one of {', '.join(cls.model_fields)}",
            advice,
        )
    field = cls.model_fields.get(name)
    expected = describe_range(cls, name) if field is not None else first["msg"]
    if first["type"] == "missing":
        option = "--" + name.replace("_", "-")
        section = cls.__name__.lower()
        return SettingsError(
            f"{name} is missing{where}",
            expected,
            f"give {option} or put {name} under [{section}] in the --config file",
        )
    if field is None or first["type"] == "value_error":
        name = ".".join(str(part) for part in first["loc"]) or cls.__name__.lower()
        reason = str(first["msg"]).removeprefix("Value error, ")
        return SettingsError(f"{name} of the settings{where}: {reason}", advice="correct it")
    return SettingsError(
        f"{name} is {first.get('input')!r}{where}", expected, f"change {name} ({field.description})"
    )


def field_range(cls: type[Settings], name: str) -> dict[str, float]:
    """Return the numeric constraints (``gt``, ``ge``, ``lt``, ``le``) of a field."""
    found: dict[str, float] = {}
    for constraint in cls.model_fields[name].metadata:
        for bound in ("gt", "ge", "lt", "le"):
            value = getattr(constraint, bound, None)
            if value is not None:
                found[bound] = value
    return found


def field_unit(cls: type[Settings], name: str) -> str | None:
    """Return the unit of a field, or None when it has none."""
    extra = cls.model_fields[name].json_schema_extra
    unit = extra.get("unit") if isinstance(extra, dict) else None
    return str(unit) if unit else None


def field_default(cls: type[Settings], name: str) -> Any:
    """Return the default of a field, or ``...`` when the user must give a value."""
    default = cls.model_fields[name].default
    return ... if default is PydanticUndefined else default


def describe_range(cls: type[Settings], name: str) -> str:
    """Say in words what a field accepts: ``a number from 1 to 64 (nm)``."""
    from typing import get_args, get_origin

    annotation = cls.model_fields[name].annotation
    members = [a for a in get_args(annotation) if a not in (type(None), ...)] or [annotation]
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(repr(a) for a in get_args(annotation))
    if any(get_origin(m) is Literal for m in members):
        choices = [repr(a) for m in members if get_origin(m) is Literal for a in get_args(m)]
        return "one of " + ", ".join(choices)
    kind = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    text = " or ".join(kind.get(m, str(m)) for m in members if m is not None)
    limits = field_range(cls, name)
    words = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}
    if "ge" in limits and "le" in limits:
        text += f" from {limits['ge']:g} to {limits['le']:g}"
    else:
        text += " and".join(f" {words[k]} {v:g}" for k, v in limits.items())
    multiples = [getattr(c, "multiple_of", None) for c in cls.model_fields[name].metadata]
    text += "".join(f", a multiple of {m:g}" for m in multiples if m is not None)
    unit = field_unit(cls, name)
    return f"{text} ({unit})" if unit else text
