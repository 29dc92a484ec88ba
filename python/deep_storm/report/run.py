"""What a report of a reconstruction is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.quality.drift import DriftCurve
from deep_storm.quality.fits import ResidualPicture
from deep_storm.quality.repeats import Repeats
from deep_storm.quality.resolution import RingCorrelation
from deep_storm.quality.stack_look import StackLook
from deep_storm.quality.survey import Survey
from deep_storm.quality.suspicions import TrainedFor

Image = npt.NDArray[Any]


@dataclass(frozen=True)
class Step:
    """A table derived from the one before it.

    Attributes
    ----------
    name, rows
        Of the table.
    verb
        What made it, if that is known.
    said
        What the verb said about it.
    """

    name: str
    rows: int
    verb: str = ""
    said: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Run:
    """Contents of a report of a reconstruction; None and empty where unknown.

    Attributes
    ----------
    name
        Of the run.
    record
        The run record, by section.
    found
        Localizations.
    trained, camera
        What the model was trained for.
    image, image_nm
        Super-resolution image (y, x) and its pixel size.
    look
        Some frames of the stack.
    simulated
        (n, y, x), frames of the simulation that the model was trained for, in ADU.
    resolution, drift
        Measured in the table.
    steps
        Tables that were made from it, in order, itself first.
    corrected
        Drift that was corrected of it.
    image_name
        What the image is called.
    repeats
        What molecules that stay on for several frames say of the table.
    residuals
        Where the frames differ from what the model explains; known only right after the run.
    """

    name: str
    record: Mapping[str, Mapping[str, Any]]
    found: Survey
    trained: TrainedFor
    camera: Camera | None = None
    image: Image | None = None
    image_nm: float = 0.0
    look: StackLook | None = None
    simulated: Image | None = None
    resolution: RingCorrelation | None = None
    drift: DriftCurve | None = None
    steps: tuple[Step, ...] = ()
    corrected: DriftCurve | None = None
    image_name: str = "reconstruction"
    repeats: Repeats | None = None
    residuals: ResidualPicture | None = None
