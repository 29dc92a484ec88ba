"""What does not fit, as it is reported: its name, and a sentence with advice."""

from __future__ import annotations

from typing import Literal, NamedTuple

Name = Literal[
    "PSF shape",
    "depth",
    "background",
    "pixel noise",
    "photons per ADU",
    "baseline",
    "PSF width",
    "density",
    "brightness",
    "blinking",
    "processing",
    "saturation",
    "unlike emitters",
    "PSF over the field",
    "passing light",
    "standing light",
    "unknown",
]


class Cause(NamedTuple):
    """What does not fit, and a sentence about it with advice."""

    name: Name
    sentence: str


def expectation(expected: float, estimated: bool) -> str:
    """Return what a model expects, and whether it knows that from the movie, in words."""
    value = rounded(expected, 3)
    return f"{value} were estimated from the movie" if estimated else f"the model expects {value}"


def rounded(value: float, digits: int) -> str:
    """Return a number with so many significant digits, without a power of ten."""
    return f"{float(f'{value:.{digits}g}'):g}"
