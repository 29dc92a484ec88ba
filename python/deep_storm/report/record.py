"""What a report takes from a run record or a model, and its file name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deep_storm.model_card import ModelCard

ENDING = "-report.html"


def densest(card: ModelCard) -> float:
    """Return the largest density (per µm²) that a general model was trained for; else 0."""
    if card.domain is None:
        return 0.0
    return card.domain.density_per_um2[1] / (card.camera.pixel_size_nm / 100.0) ** 2


def first_frame(record: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the 0-based first frame of a run."""
    first = re.match(r"\s*(\d+)", str(record.get("reconstruction", {}).get("frames", "")))
    return max(int(first[1]) - 1, 0) if first else 0


def stem_of(record: Path) -> str:
    """Return the stem of the file names of a record's results."""
    return record.name.removesuffix(".toml").removesuffix("-run")
