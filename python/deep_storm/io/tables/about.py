"""What a table in memory knows beyond its columns: its camera, and whether rows share data.

A file has a protocol and a run record beside it. A table in memory carries the same in its
``attrs``, which pandas hands on to what is selected from it::

    table.attrs["deep_storm"] = {"camera": {"pixel_size_nm": 100.0, …}, "shared_frames": True}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deep_storm.camera import Camera
from deep_storm.errors import DeepStormError

if TYPE_CHECKING:
    import pandas as pd

KEY = "deep_storm"


@dataclass(frozen=True)
class About:
    """What is known of a table; None is what nobody knows.

    Attributes
    ----------
    camera
        The camera that its movie was taken with.
    shared_frames
        Whether localizations of following frames share data, as those of a network do that sees
        the frames before and after its own.
    """

    camera: Camera | None = None
    shared_frames: bool | None = None


def about(table: pd.DataFrame) -> About:
    """Return what a table carries with it; what is not ours or damaged counts as not known."""
    noted = table.attrs.get(KEY)
    if not isinstance(noted, dict):
        return About()
    try:
        camera = Camera.parse(noted["camera"]) if noted.get("camera") else None
    except DeepStormError:
        camera = None
    shared = noted.get("shared_frames")
    return About(camera, shared if isinstance(shared, bool) else None)


def note(table: pd.DataFrame, known: About) -> None:
    """Write into a table what is known of it, in place of what it carried before."""
    noted: dict[str, Any] = {}
    if known.camera is not None:
        noted["camera"] = known.camera.model_dump(exclude_none=True)
    if known.shared_frames is not None:
        noted["shared_frames"] = known.shared_frames
    table.attrs = {**table.attrs, KEY: noted}
