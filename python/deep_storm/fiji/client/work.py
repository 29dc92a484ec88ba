"""A piece of work for the worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from deep_storm.fiji.imagej.images import ImageFrames


@dataclass
class Work:
    """Verb, keywords and frames of a piece of work for the worker.

    Attributes
    ----------
    verb
        Its name.
    options
        Its keywords in plain data; paths as text.
    title
        What the status bar calls it.
    tables
        Tables in memory, by keyword.
    titles
        Their titles in ImageJ.
    frames
        The open image, and the keyword it is given as.
    tensorflow
        Whether the verb needs it.
    keep_when_stopped
        Whether stopping asks for what there is (else everything is dropped).
    """

    verb: str
    options: dict[str, Any]
    title: str
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    frames: ImageFrames | None = None
    frames_as: str = "stack"
    tensorflow: bool = False
    keep_when_stopped: bool = False
