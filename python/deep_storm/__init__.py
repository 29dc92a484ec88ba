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

if TYPE_CHECKING:
    from deep_storm.camera import Camera
    from deep_storm.errors import DeepStormError
    from deep_storm.io.stacks.frames import open_frames
    from deep_storm.io.tables.thunderstorm import read_table, write_table
    from deep_storm.machine.benchmark import benchmark
    from deep_storm.machine.doctor import doctor
    from deep_storm.model import Model
    from deep_storm.settings import (
        Background,
        Clustering,
        Device,
        DriftCorrection,
        Duplicates,
        Emitters,
        Evaluation,
        Filtering,
        KnownCamera,
        Measurement,
        Merging,
        Network,
        Optics,
        Psf,
        Reconstruction,
        Rendering,
        Simulation,
        Training,
        Watching,
    )
    from deep_storm.verbs.cluster import cluster
    from deep_storm.verbs.correct_drift import correct_drift
    from deep_storm.verbs.demo import demo
    from deep_storm.verbs.estimate import estimate
    from deep_storm.verbs.evaluate import evaluate
    from deep_storm.verbs.filter import filter
    from deep_storm.verbs.import_simulation import import_simulation
    from deep_storm.verbs.measure_background import measure_background
    from deep_storm.verbs.merge import merge
    from deep_storm.verbs.preview import preview
    from deep_storm.verbs.reconstruct import reconstruct
    from deep_storm.verbs.remove_duplicates import remove_duplicates
    from deep_storm.verbs.render import render
    from deep_storm.verbs.simulate import simulate
    from deep_storm.verbs.train import train

    __version__: str

__all__ = [
    "Background",
    "Camera",
    "Clustering",
    "DeepStormError",
    "Device",
    "DriftCorrection",
    "Duplicates",
    "Emitters",
    "Evaluation",
    "Filtering",
    "KnownCamera",
    "Measurement",
    "Merging",
    "Model",
    "Network",
    "Optics",
    "Psf",
    "Reconstruction",
    "Rendering",
    "Simulation",
    "Training",
    "Watching",
    "__version__",
    "benchmark",
    "cluster",
    "correct_drift",
    "demo",
    "doctor",
    "estimate",
    "evaluate",
    "fiji",
    "filter",
    "import_simulation",
    "measure_background",
    "merge",
    "open_frames",
    "preview",
    "read_table",
    "reconstruct",
    "remove_duplicates",
    "render",
    "report",
    "simulate",
    "train",
    "write_table",
]

_MODULES = {
    "Camera": "camera",
    "DeepStormError": "errors",
    "open_frames": "io.stacks.frames",
    "read_table": "io.tables.thunderstorm",
    "write_table": "io.tables.thunderstorm",
    "Model": "model",
    "benchmark": "machine.benchmark",
    "cluster": "verbs.cluster",
    "correct_drift": "verbs.correct_drift",
    "demo": "verbs.demo",
    "doctor": "machine.doctor",
    "estimate": "verbs.estimate",
    "evaluate": "verbs.evaluate",
    "filter": "verbs.filter",
    "import_simulation": "verbs.import_simulation",
    "measure_background": "verbs.measure_background",
    "merge": "verbs.merge",
    "preview": "verbs.preview",
    "reconstruct": "verbs.reconstruct",
    "remove_duplicates": "verbs.remove_duplicates",
    "render": "verbs.render",
    "simulate": "verbs.simulate",
    "train": "verbs.train",
}
"""Where each name lives; the others are settings classes."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("deep-storm")
    elif name in ("fiji", "report"):  # packages of the names of verbs
        value = import_module(f"{__name__}.{name}")
    else:
        value = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'settings')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
