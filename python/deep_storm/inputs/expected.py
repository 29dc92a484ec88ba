"""What a caller says about the experiment."""

from __future__ import annotations

from dataclasses import dataclass

from deep_storm.camera import Camera, PartialCamera
from deep_storm.settings import Background, Emitters, Psf


@dataclass(frozen=True)
class Expected:
    """What the user says about the experiment; None where nothing is said."""

    camera: Camera | PartialCamera | None = None
    psf: Psf | None = None
    emitters: Emitters | None = None
    background: Background | None = None
