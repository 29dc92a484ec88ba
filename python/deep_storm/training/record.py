"""What a model folder says of how its model was trained."""

from __future__ import annotations

import platform

from deep_storm.camera_maps import CameraMaps, fingerprint
from deep_storm.model import Model
from deep_storm.packages import versions
from deep_storm.training.loop import Trained
from deep_storm.training.schedule import ResolvedTraining

PACKAGES = ("deep-storm", "tensorflow", "keras", "numpy")


def training_record(
    settings: ResolvedTraining, trained: Trained, imported: bool, start: Model | None
) -> dict[str, str | float | int]:
    """Return the record of the training in ``model.toml``."""
    record: dict[str, str | float | int] = {
        k: v for k, v in settings._asdict().items() if v is not None
    }
    record |= {
        "steps": trained.steps,
        "ended": trained.ended,
        "seconds": round(trained.seconds, 1),
        "data": "imported simulation" if imported else "matched simulation",
    }
    if start is not None and start.path is not None:
        record["started_from"] = start.path.name
    return record


def maps_record(maps: CameraMaps | None) -> dict[str, str | float | int]:
    """Return the record of the camera maps in ``model.toml``; the maps are not stored."""
    return {} if maps is None else {"camera_maps_sha256": fingerprint(maps)}


def software() -> dict[str, str]:
    """Return the versions of the software used for training."""
    return {"python": platform.python_version()} | versions(PACKAGES)
