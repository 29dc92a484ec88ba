"""The bundled frames of the demo: read, scored and shown."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pandas as pd
from scipy.ndimage import gaussian_filter

from deep_storm.camera import Camera
from deep_storm.estimation.matching import Matched, match_settings
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.tables.protocol import read_protocol
from deep_storm.io.tables.reader import read_table
from deep_storm.quality.scores import Scores, evaluate
from deep_storm.rendering import emitter_image
from deep_storm.report.plots import save_figure, side_by_side
from deep_storm.runs.result import ReconstructResult
from deep_storm.settings import Evaluation


@dataclass(frozen=True)
class Bundled:
    """Frames simulated by ThunderSTORM, with its localizations.

    Attributes
    ----------
    stack, camera
        The frames.
    truth, thunderstorm
        The emitters, and ThunderSTORM's localizations.
    matched
        Settings of a simulation like that of other frames.
    """

    stack: Path
    camera: Camera
    truth: pd.DataFrame
    thunderstorm: pd.DataFrame
    matched: Matched

    @classmethod
    def read(cls, truth_frames: int) -> Bundled:
        """Read them; the simulation is matched to the emitters of the other frames."""
        data = Path(str(files("deep_storm") / "demo_data"))
        camera = read_protocol(data / "cmos_d2_first30_memle-protocol.txt")
        others = read_table(data / "training_truth.csv", kind="ground truth")
        field_um2 = (64 * camera.pixel_size_nm / 1000.0) ** 2
        matched = match_settings(others, field_um2, truth_frames)
        inside = matched.emitters.model_copy(update={"beyond_border": False})  # ThunderSTORM's are
        return cls(
            data / "cmos_d2_first30.tif",
            camera,
            read_table(data / "cmos_d2_first30_gt.csv", camera, kind="ground truth"),
            read_table(data / "cmos_d2_first30_memle.csv", camera),
            matched._replace(emitters=inside),
        )


def score_of(table: pd.DataFrame, data: Bundled, evaluation: Evaluation) -> Scores:
    """Compare localizations of the bundled frames with their truth."""
    return evaluate(table, data.truth, evaluation).scores[0]


def picture_of(
    data: Bundled, result: ReconstructResult, ours: Scores, path: Path, overwrite: bool
) -> None:
    """Draw mean frame, reconstruction and truth side by side."""
    with open_frames(data.stack) as stream:
        mean_frame = stream.read(0, stream.shape[0]).mean(axis=0)
        camera_nm = stream.pixel_size_nm or 100.0
    done = result.reconstructed
    shape = (done.image.shape[0], done.image.shape[1])
    figure = side_by_side(
        mean_frame,
        gaussian_filter(done.image, 1.0),  # as the truth is drawn
        emitter_image(data.truth, shape, done.pixel_size_nm),
        ("Mean frame", "Deep-STORM", "Truth"),
        (camera_nm, done.pixel_size_nm, done.pixel_size_nm),
        f"Jaccard {ours.jaccard:.3f}, RMSE {ours.rmse_nm:.1f} nm",
    )
    save_figure(figure, path, overwrite)
