"""Names of the package: the only list of verbs and settings classes, and where they are.

Nothing is imported here. The face of the package, the command line, settings files, the commands of
Fiji and the tables of the documentation go by these lists.
"""

from __future__ import annotations

VERBS: dict[str, str] = {
    "measure-background": "deep_storm.verbs.measure_background",
    "measure-psf": "deep_storm.verbs.measure_psf",
    "calibrate-psf": "deep_storm.verbs.calibrate_psf",
    "estimate": "deep_storm.verbs.estimate",
    "simulate": "deep_storm.verbs.simulate",
    "import-simulation": "deep_storm.verbs.import_simulation",
    "train": "deep_storm.verbs.train",
    "preview": "deep_storm.verbs.preview",
    "reconstruct": "deep_storm.verbs.reconstruct",
    "filter": "deep_storm.verbs.filter",
    "correct-drift": "deep_storm.verbs.correct_drift",
    "merge": "deep_storm.verbs.merge",
    "remove-duplicates": "deep_storm.verbs.remove_duplicates",
    "cluster": "deep_storm.verbs.cluster",
    "render": "deep_storm.verbs.render",
    "evaluate": "deep_storm.verbs.evaluate",
    "report": "deep_storm.verbs.report",
    "benchmark": "deep_storm.machine.benchmark",
    "doctor": "deep_storm.machine.doctor",
    "demo": "deep_storm.verbs.demo",
    "fiji": "deep_storm.fiji.setup.verb",
}
"""Module of each verb, in the order in which they are listed; the function has the verb's name."""

SETTINGS: dict[str, str] = {
    "Camera": "deep_storm.camera",
    "Psf": "deep_storm.settings.simulation",
    "Emitters": "deep_storm.settings.simulation",
    "Background": "deep_storm.settings.simulation",
    "Measurement": "deep_storm.settings.measuring",
    "KnownCamera": "deep_storm.settings.measuring",
    "PsfMeasurement": "deep_storm.settings.measuring",
    "PsfCalibration": "deep_storm.settings.measuring",
    "Optics": "deep_storm.settings.measuring",
    "Simulation": "deep_storm.settings.simulation",
    "Network": "deep_storm.settings.learning",
    "Training": "deep_storm.settings.learning",
    "Device": "deep_storm.settings.learning",
    "Reconstruction": "deep_storm.settings.results",
    "Watching": "deep_storm.settings.results",
    "Filtering": "deep_storm.settings.postprocessing",
    "DriftCorrection": "deep_storm.settings.postprocessing",
    "Merging": "deep_storm.settings.postprocessing",
    "Duplicates": "deep_storm.settings.postprocessing",
    "Clustering": "deep_storm.settings.clustering",
    "Rendering": "deep_storm.settings.results",
    "Evaluation": "deep_storm.settings.results",
}
"""Module of each settings class, in the order of the documentation."""

OTHERS: dict[str, str] = {
    "DeepStormError": "deep_storm.errors",
    "Model": "deep_storm.model",
    "open_frames": "deep_storm.io.stacks.frames",
    "read_table": "deep_storm.io.tables.files",
    "write_table": "deep_storm.io.tables.files",
}
"""What else the package offers."""
