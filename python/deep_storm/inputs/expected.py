"""What the caller knows about the experiment."""

from __future__ import annotations

from dataclasses import dataclass

from deep_storm.camera import Camera, PartialCamera
from deep_storm.settings import Background, Emitters, Psf


@dataclass(frozen=True)
class Expected:
    """Settings of the experiment as the caller gives them; None where not given."""

    camera: Camera | PartialCamera | None = None
    psf: Psf | None = None
    emitters: Emitters | None = None
    background: Background | None = None
