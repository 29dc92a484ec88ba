"""What does not fit, as it is reported: its name, and a sentence with advice."""

from __future__ import annotations

from typing import Literal, NamedTuple

from deep_storm.words import rounded

CauseName = Literal[
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

    name: CauseName
    sentence: str


def expectation(expected: float, estimated: bool) -> str:
    """Return what a model expects, and whether it knows that from the movie, in words."""
    value = f"{rounded(expected, 3):g}"
    return f"{value} were estimated from the movie" if estimated else f"the model expects {value}"
