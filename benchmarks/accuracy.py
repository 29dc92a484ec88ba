"""Accuracy on frames with known truth, from fixed seeds.

    python benchmarks/accuracy.py                     # all sets, all ways (about an hour)
    python benchmarks/accuracy.py --sets cmos_d2 --ways general trained --minutes 10

Sets: the ThunderSTORM simulations of ``../shared/thunderstorm`` where they are there (else the
bundled 30 frames of ``cmos_d2``), and our own simulation at several densities. Ways: ``general``
(the bundled model, given the settings, not trained), ``blind`` (the same as ``reconstruct`` uses
it: given the camera alone, the PSF measured in the stack and all else estimated), ``trained`` (from
the general model, as ``train`` does by default), ``scratch`` (from nothing), ``classic`` (the
published network, from nothing), and each of them with ``+refine``. The settings of the simulation
are those of the truth table; thresholds and confidences come from simulation, never from the frames
that are scored.

Beside each figure stand the minutes of training (0.x without: so long it takes to learn confidence
and threshold), the frames, and the limit of a single frame (see ``limit.py``).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from limit import single_frame_limit

import deep_storm as ds
from deep_storm.camera import Camera
from deep_storm.estimation import match_settings
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.inputs.movie import examined_movie
from deep_storm.io.images import write_stack
from deep_storm.settings import (
    Background,
    Emitters,
    Evaluation,
    Network,
    Psf,
    Simulation,
    Training,
)
from deep_storm.simulation.frames import SimulatedFrames

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
THUNDERSTORM = SHARED / "thunderstorm"
CMOS = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
CAMERAS = {
    "cmos_d2": CMOS,
    "emccd_d1": Camera(pixel_size_nm=100, baseline_adu=200, photons_per_adu=5, em_gain=100),
    "dense_d6": Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=1),
    "filaments_drift": CMOS,
}
OWN_DENSITIES = (0.25, 1.0, 3.0, 5.0, 10.0)
OWN_EMITTERS = 4000
WAYS = ("general", "blind", "trained", "scratch", "classic")


class Set(NamedTuple):
    """A stack with its truth and the settings that a matched simulation needs.

    ``beyond`` are emitters outside the frame whose light is in it, where they are known.
    """

    name: str
    stack: Path
    truth: Any
    camera: Camera
    psf: Psf
    emitters: Emitters
    background: Background
    beyond: Any = None


def thunderstorm_set(name: str) -> Set:
    folder, stem = THUNDERSTORM, name
    if not folder.is_dir():
        if name != "cmos_d2":
            raise SystemExit(f"{name} needs {THUNDERSTORM}")
        folder, stem = ROOT / "python" / "deep_storm" / "demo_data", "cmos_d2_first30"
    camera = CAMERAS[name]
    truth = ds.read_table(folder / f"{stem}_gt.csv", camera, kind="ground truth")
    with ds.open_frames(folder / f"{stem}.tif") as stream:
        frames, height, width = stream.shape
    area = height * width * (camera.pixel_size_nm / 1000) ** 2
    psf, emitters, background = match_settings(truth, area, frames)
    # The truth says where emitters are; a user sees it in the frames.
    structure = "filaments" if name == "filaments_drift" else "uniform"
    emitters = emitters.model_copy(update={"structure": structure, "beyond_border": False})
    return Set(name, folder / f"{stem}.tif", truth, camera, psf, emitters, background)


def own_set(density: float, folder: Path) -> Set:
    psf = Psf(sigma_nm=130, sigma_std_nm=0)
    emitters = Emitters(density_per_um2=density, intensity_photon=1500, intensity_std_photon=150)
    background = Background(background_photon=10)
    frames = int(np.clip(OWN_EMITTERS / (density * 40.96), 20, 400))
    movie = SimulatedFrames(CMOS, psf, emitters, background, Simulation(frames=frames, seed=4242))
    made = movie.read_with_truth(0, frames)
    path = folder / f"own_{density:g}.tif"
    write_stack(path, made.stack, CMOS.pixel_size_nm)
    beyond = emitters_beyond(movie)
    return Set(f"own {density:g}", path, made.truth, CMOS, psf, emitters, background, beyond)


def emitters_beyond(movie: SimulatedFrames) -> pd.DataFrame:
    """Return the emitters in the margin around the field, which are no part of the truth."""
    tables = []
    _, height, width = movie.shape
    for frame in range(len(movie)):
        e = movie._draw(frame).emitters
        outside = (e.x_px < 0) | (e.x_px >= width) | (e.y_px < 0) | (e.y_px >= height)
        values = {
            "x_nm": e.x_px * movie.pixel_size_nm,
            "y_nm": e.y_px * movie.pixel_size_nm,
            "sigma_nm": e.sigma_px * movie.pixel_size_nm,
            "intensity_photon": e.intensity_photon,
        }
        tables.append(pd.DataFrame(values)[outside].assign(frame=frame))
    return pd.concat(tables, ignore_index=True)


def named_set(name: str, folder: Path) -> Set:
    """Return a set by its name; ``own_DENSITY`` is simulated into a folder."""
    if name.startswith("own_"):
        return own_set(float(name.removeprefix("own_")), folder)
    return thunderstorm_set(name)


def model_for(way: str, data: Set, minutes: float, steps: int | None, seed: int) -> Any:
    """Return the model of a way, and the minutes it took."""
    from deep_storm.training.adaptation import adapted
    from deep_storm.training.session import Molecules

    began = time.perf_counter()
    parts = (data.camera, data.psf, data.emitters, data.background)
    if way == "blind":
        with ds.open_frames(data.stack) as stream:
            movie = examined_movie(stream, data.camera)
            ready = ready_model("general", Expected(movie.camera), movie, measure_psf=True)
        model = ready.model
    elif way == "general":
        model = adapted(ds.Model.load("general"), Molecules(*parts), seed)
    else:
        training = Training(minutes=minutes, steps=steps, seed=seed)
        done = ds.train(
            camera=data.camera,
            psf=data.psf,
            emitters=data.emitters,
            background=data.background,
            training=training,
            network=Network(network="classic" if way == "classic" else "native"),
            from_model="none" if way == "scratch" else None,
        )
        model = done.model
    return model, (time.perf_counter() - began) / 60


def measured(data: Set, way: str, model: Any, minutes: float, refine: bool) -> dict[str, Any]:
    """Reconstruct and score one set with one model."""
    settings = {"refine": True} if refine else {}
    result = ds.reconstruct(data.stack, model=model, **settings)
    judged = ds.evaluate(
        result.table, data.truth, settings=Evaluation(tolerance_nm=(100.0,), frames=None)
    )
    scores = judged.comparison.scores[0]
    return {
        "set": data.name,
        "way": way + ("+refine" if refine else ""),
        "minutes": minutes,
        "frames": result.reconstructed.shape[0],
        "threshold": model.card.threshold,
        "frames_per_second": result.frames_per_second,
        **scores.to_json(),
    }


COLUMNS = {
    "jaccard": ("Jaccard", 9, ".4f"),
    "recall": ("recall", 8, ".3f"),
    "precision": ("prec.", 7, ".3f"),
    "rmse_nm": ("RMSE", 7, ".2f"),
    "bias_x_nm": ("bias x", 8, ".2f"),
    "bias_y_nm": ("bias y", 8, ".2f"),
    "photon_ratio": ("photons", 9, ".3f"),
    "error_over_uncertainty": ("err/unc", 9, ".2f"),
    "calibration_error": ("ECE", 7, ".3f"),
    "threshold": ("thr.", 6, ".2f"),
    "frames_per_second": ("fps", 7, ".1f"),
    "limit_jaccard": ("limit", 9, ".3f"),
}
"""Head, width and format of a column; what follows it in a row is the limit's RMSE."""


def head() -> str:
    """Return the first row."""
    columns = "".join(f"{title:>{width}}" for title, width, _ in COLUMNS.values())
    return f"{'set':<16}{'way':<18}{'min':>5}{'frames':>7}{columns}"


def line(row: dict[str, Any]) -> str:
    """Return a row as text; what a network does not state is a dash."""
    values = (
        f"{'-' if row[name] is None else format(row[name], form):>{width}}"
        for name, (_, width, form) in COLUMNS.items()
    )
    return (
        f"{row['set']:<16}{row['way']:<18}{row['minutes']:>5.1f}{row['frames']:>7}"
        f"{''.join(values)} /{row['limit_rmse_nm']:>5.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [*CAMERAS, *(f"own_{d:g}" for d in OWN_DENSITIES)]
    parser.add_argument("--sets", nargs="+", default=names, choices=names)
    parser.add_argument("--ways", nargs="+", default=["general", "trained"], choices=WAYS)
    parser.add_argument("--refine", action="store_true", help="each way also with refinement")
    parser.add_argument("--minutes", type=float, default=10.0, help="training budget of a set")
    parser.add_argument("--steps", type=int, help="training steps instead of minutes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, help="append the rows here, a JSON a line")
    options = parser.parse_args()
    from deep_storm.networks.device import quiet_tensorflow

    quiet_tensorflow()
    print(head(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.sets:
            data = named_set(name, Path(folder))
            limit = dict(
                zip(("limit_jaccard", "limit_rmse_nm"), single_frame_limit(data), strict=True)
            )
            for way in options.ways:
                try:
                    model, minutes = model_for(
                        way, data, options.minutes, options.steps, options.seed
                    )
                except ds.DeepStormError as error:
                    print(f"{data.name:<16}{way:<18}{error}", flush=True)
                    continue
                for refine in (False, True) if options.refine else (False,):
                    row = measured(data, way, model, minutes, refine) | limit
                    print(line(row), flush=True)
                    if options.output:
                        with options.output.open("a") as file:
                            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
