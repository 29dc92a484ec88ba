"""What a field of a settings class takes: its types, choices, limits, unit and default."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined


def field_range(cls: type[BaseModel], name: str) -> dict[str, float]:
    """Return the numeric constraints (``gt``, ``ge``, ``lt``, ``le``) of a field."""
    found: dict[str, float] = {}
    for constraint in cls.model_fields[name].metadata:
        for bound in ("gt", "ge", "lt", "le"):
            value = getattr(constraint, bound, None)
            if value is not None:
                found[bound] = value
    return found


def field_unit(cls: type[BaseModel], name: str) -> str | None:
    """Return the unit of a field, or None when it has none."""
    extra = cls.model_fields[name].json_schema_extra
    unit = extra.get("unit") if isinstance(extra, dict) else None
    return str(unit) if unit else None


def field_default(cls: type[BaseModel], name: str) -> Any:
    """Return the default of a field, or ``...`` if a value is required."""
    default = cls.model_fields[name].default
    return ... if default is PydanticUndefined else default


def describe_range(cls: type[BaseModel], name: str) -> str:
    """Describe what a field accepts: ``a number from 1 to 64 (nm)``."""
    field = cls.model_fields[name]
    if named := choices(field.annotation):
        return "one of " + ", ".join(map(repr, named))
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    form, example = extra.get("form"), extra.get("example")
    if form:
        text = f"{form}, such as {example!r}" if example else str(form)
    else:
        text = " or ".join(map(_kind_in_words, members(field.annotation))) + _limits_in_words(
            cls, name
        )
    unit = field_unit(cls, name)
    return f"{text} ({unit})" if unit else text


def members(annotation: Any) -> tuple[Any, ...]:
    """Return the types that an annotation allows, without None."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(member for member in get_args(annotation) if member is not type(None))
    return (annotation,)


def choices(annotation: Any) -> tuple[Any, ...]:
    """Return the values from which an annotation lets one choose; none where it is no choice."""
    literals = (member for member in members(annotation) if get_origin(member) is Literal)
    return tuple(value for literal in literals for value in get_args(literal))


def takes_many(cls: type[BaseModel], name: str) -> bool:
    """Whether a field is a list of any length: a single value becomes such a list."""
    return name in cls.model_fields and any(
        get_origin(member) is tuple and Ellipsis in get_args(member)
        for member in members(cls.model_fields[name].annotation)
    )


def _kind_in_words(kind: Any) -> str:
    """Describe a type: ``a number``, ``two numbers``, ``one or more numbers``."""
    names = {int: "whole number", float: "number", str: "text"}
    if get_origin(kind) is tuple:
        first, *rest = get_args(kind)
        first = get_args(first)[0] if get_origin(first) is Annotated else first
        count = "one or more" if Ellipsis in rest else {2: "two", 3: "three"}[len(rest) + 1]
        return f"{count} {names.get(first, 'entrie')}s"
    if kind not in names and kind is not bool:  # a section of its own, such as a model card's PSF
        return "a table of settings"
    return {bool: "true or false", str: "text"}.get(kind) or f"a {names[kind]}"


def _limits_in_words(cls: type[BaseModel], name: str) -> str:
    limits = field_range(cls, name)
    words = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}
    if "ge" in limits and "le" in limits:
        text = f" from {limits['ge']:,.12g} to {limits['le']:,.12g}"
    else:
        text = " and".join(f" {words[k]} {v:,.12g}" for k, v in limits.items())
    multiples = [getattr(c, "multiple_of", None) for c in cls.model_fields[name].metadata]
    return text + "".join(f", a multiple of {m:,.12g}" for m in multiples if m is not None)
