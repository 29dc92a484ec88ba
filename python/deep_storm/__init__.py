"""Deep-STORM: crowded single-molecule frames in, a super-resolution image and a table out.

The verbs of the command line are functions here, with the same names, units and defaults::

    import deep_storm as ds

    result = ds.evaluate("movie.csv", "truth.csv", tolerance_nm=(100,))
    print(result.summary())

Everything is imported when it is first used, so that ``import deep_storm`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from deep_storm.names import OTHERS, SETTINGS, VERBS

if TYPE_CHECKING:  # the same names for type checkers, which do not run this module
    from deep_storm.camera import Camera as Camera
    from deep_storm.errors import DeepStormError as DeepStormError
    from deep_storm.io.stacks.frames import open_frames as open_frames
    from deep_storm.io.tables.files import read_table as read_table
    from deep_storm.io.tables.files import write_table as write_table
    from deep_storm.machine.benchmark import benchmark as benchmark
    from deep_storm.machine.doctor import doctor as doctor
    from deep_storm.model import Model as Model
    from deep_storm.settings import Background as Background
    from deep_storm.settings import Clustering as Clustering
    from deep_storm.settings import Device as Device
    from deep_storm.settings import DriftCorrection as DriftCorrection
    from deep_storm.settings import Duplicates as Duplicates
    from deep_storm.settings import Emitters as Emitters
    from deep_storm.settings import Evaluation as Evaluation
    from deep_storm.settings import Filtering as Filtering
    from deep_storm.settings import KnownCamera as KnownCamera
    from deep_storm.settings import Measurement as Measurement
    from deep_storm.settings import Merging as Merging
    from deep_storm.settings import Network as Network
    from deep_storm.settings import Optics as Optics
    from deep_storm.settings import Psf as Psf
    from deep_storm.settings import PsfCalibration as PsfCalibration
    from deep_storm.settings import PsfMeasurement as PsfMeasurement
    from deep_storm.settings import Reconstruction as Reconstruction
    from deep_storm.settings import Rendering as Rendering
    from deep_storm.settings import Simulation as Simulation
    from deep_storm.settings import Training as Training
    from deep_storm.settings import Watching as Watching
    from deep_storm.verbs.calibrate_psf import calibrate_psf as calibrate_psf
    from deep_storm.verbs.cluster import cluster as cluster
    from deep_storm.verbs.correct_drift import correct_drift as correct_drift
    from deep_storm.verbs.demo import demo as demo
    from deep_storm.verbs.estimate import estimate as estimate
    from deep_storm.verbs.evaluate import evaluate as evaluate
    from deep_storm.verbs.filter import filter as filter
    from deep_storm.verbs.import_simulation import import_simulation as import_simulation
    from deep_storm.verbs.measure_background import measure_background as measure_background
    from deep_storm.verbs.measure_psf import measure_psf as measure_psf
    from deep_storm.verbs.merge import merge as merge
    from deep_storm.verbs.preview import preview as preview
    from deep_storm.verbs.reconstruct import reconstruct as reconstruct
    from deep_storm.verbs.remove_duplicates import remove_duplicates as remove_duplicates
    from deep_storm.verbs.render import render as render
    from deep_storm.verbs.simulate import simulate as simulate
    from deep_storm.verbs.train import train as train

    __version__: str

_MODULES = {
    **{name.replace("-", "_"): module for name, module in VERBS.items()},
    **SETTINGS,
    **OTHERS,
}
"""Where each name lives."""

__all__ = ("__version__", *_MODULES)  # type: ignore[assignment]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("deep-storm")
    elif name in ("fiji", "report"):  # packages that are called as the verbs of their names
        value = import_module(f"{__name__}.{name}")
    else:
        value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
