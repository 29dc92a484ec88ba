"""Settings: each parameter of the product declared once, a class per step."""

from deep_storm.settings.base import (
    Settings,
    describe_range,
    field_default,
    field_range,
    field_unit,
    first_problem,
    setting,
)
from deep_storm.settings.clustering import Clustering
from deep_storm.settings.learning import Device, Domain, Network, Training
from deep_storm.settings.measuring import KnownCamera, Measurement, Optics
from deep_storm.settings.optics import Pupil
from deep_storm.settings.postprocessing import DriftCorrection, Duplicates, Filtering, Merging
from deep_storm.settings.results import (
    Evaluation,
    Reconstruction,
    Rendering,
    Watching,
)
from deep_storm.settings.simulation import Background, Emitters, Psf, Simulation

__all__ = [
    "Background",
    "Clustering",
    "Device",
    "Domain",
    "DriftCorrection",
    "Duplicates",
    "Emitters",
    "Evaluation",
    "Filtering",
    "KnownCamera",
    "Measurement",
    "Merging",
    "Network",
    "Optics",
    "Psf",
    "Pupil",
    "Reconstruction",
    "Rendering",
    "Settings",
    "Simulation",
    "Training",
    "Watching",
    "describe_range",
    "field_default",
    "field_range",
    "field_unit",
    "first_problem",
    "setting",
]
