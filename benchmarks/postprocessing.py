"""Print what filtering, merging, drift correction and drawing of large tables cost.

::

    python benchmarks/postprocessing.py               # 0.5, 1, 2 and 5 million localizations
    python benchmarks/postprocessing.py 1000000
    python benchmarks/postprocessing.py --drift       # accuracy instead, see below

The table is filaments in a field of 40 µm with eleven columns, 20,000 frames, 500 nm of drift;
every second molecule is on for two frames. Each step runs in a process of its own: its memory is
the most that the process had, the table (88 bytes a row) and Python itself included. Reading and
writing the CSV are steps of their own. ``--drift`` measures how near corrected drift comes to the
true one, on ThunderSTORM's ``filaments_drift``: from ThunderSTORM's table, from the table given by
``--ours`` (of ``reconstruct``), and with the true drift taken off beforehand.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import deep_storm as ds

ROOT = Path(__file__).resolve().parents[1]
THUNDERSTORM = ROOT.parent / "shared" / "thunderstorm"
FIELD_NM = 40_000.0
FRAMES = 20_000
DRIFT_NM = np.array([400.0, -300.0])
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
COUNTS = (500_000, 1_000_000, 2_000_000, 5_000_000)
FORMULA = "confidence > 0.5 & uncertainty_xy < 20"


def filaments(count: int, seed: int = 1) -> pd.DataFrame:
    """Return localizations on straight filaments that drift."""
    rng = np.random.default_rng(seed)
    molecules = count * 2 // 3
    middle, angle = rng.uniform(0, FIELD_NM, (200, 2)), rng.uniform(0, np.pi, 200)
    which, along = rng.integers(0, 200, molecules), rng.uniform(-10_000, 10_000, molecules)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    place = (middle[which] + along[:, None] * direction[which]) % FIELD_NM
    first = rng.integers(0, FRAMES - 1, molecules)
    again = np.arange(count - molecules)
    molecule = np.concatenate([np.arange(molecules), again])
    frame = np.concatenate([first, first[again] + 1])
    order = np.argsort(frame, kind="stable")
    molecule, frame = molecule[order], frame[order]
    error = rng.gamma(9, 10 / 9, count)
    xy = place[molecule] + rng.normal(0, 1, (count, 2)) * error[:, None]
    xy += np.outer(frame / (FRAMES - 1), DRIFT_NM)
    return pd.DataFrame(
        {
            "frame": frame,
            "x_nm": xy[:, 0],
            "y_nm": xy[:, 1],
            "sigma_nm": rng.normal(110, 5, count),
            "intensity_photon": rng.gamma(4, 400, count),
            "background_photon": rng.normal(20, 1, count),
            "bkgstd_photon": rng.normal(4.5, 0.2, count),
            "detections": 1,
            "confidence": rng.uniform(0, 1, count),
            "chi2": rng.gamma(4, 0.25, count),
            "uncertainty_xy_nm": error,
        }
    )


def steps(folder: Path) -> dict[str, Callable[[pd.DataFrame], Any]]:
    """Return what is measured, by name."""
    return {
        "filter": lambda t: ds.filter(t, FORMULA),
        "filter, neighbours": lambda t: ds.filter(t, min_neighbours=5),
        "merge": lambda t: ds.merge(t, distance_nm=40.0, camera=CAMERA),
        "remove-duplicates": ds.remove_duplicates,
        "correct-drift": ds.correct_drift,
        "render": lambda t: ds.render(t, pixel_size_nm=10.0),
        "write CSV": lambda t: ds.write_table(folder / "out.csv", t),
        "read CSV": lambda _: ds.read_table(folder / "in.csv"),
    }


def measure(name: str, count: int) -> None:
    """Do one step, in this process, and print seconds and MiB."""
    with tempfile.TemporaryDirectory() as folder:
        step = steps(Path(folder))[name]
        step_of_few = filaments(20_000)
        if name == "read CSV":
            write = (
                "import sys; sys.path.insert(0, sys.argv[1]); import postprocessing as p; "
                "p.ds.write_table(sys.argv[2], p.filaments(int(sys.argv[3])), overwrite=True)"
            )
            here = str(Path(__file__).parent)
            subprocess.run(
                [sys.executable, "-c", write, here, f"{folder}/in.csv", str(count)], check=True
            )
            table = pd.DataFrame()
        else:
            step(step_of_few)  # compile
            (Path(folder) / "out.csv").unlink(missing_ok=True)
            table = filaments(count)
        began, cpu = time.perf_counter(), time.process_time()
        step(table)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:13,}  {name:<20}{seconds:8.2f} s{cpu:8.2f} s CPU{memory:7.0f} MiB", flush=True)


def print_drift(ours: Path | None) -> None:
    """Print the error of measured drifts."""
    frames = np.arange(600)
    angle = np.deg2rad(30)
    truth = np.outer(frames / 599, 400 * np.array([np.cos(angle), np.sin(angle)]))
    tables = {"ThunderSTORM's": ds.read_table(THUNDERSTORM / "filaments_drift_thunderstorm.csv")}
    if ours is not None:
        tables["ours"] = ds.read_table(ours)
    print(f"{'localizations':<18}{'drift':<8}{'bins':>6}{'RMS':>9}{'said':>9}")
    for name, table in tables.items():
        frame = table["frame"].to_numpy()
        still = table.assign(
            x_nm=table["x_nm"] - truth[frame, 0], y_nm=table["y_nm"] - truth[frame, 1]
        )
        for drifts, rows, true in (("400 nm", table, truth), ("none", still, 0 * truth)):
            for bins in (None, 10, 20):
                result = ds.correct_drift(rows, bins=bins)
                error = result.drift.at(frames) - true
                rms = np.sqrt(((error - error.mean(axis=0)) ** 2).sum(axis=1).mean())
                said = result.measured.smoothed.error_nm
                count = result.measured.bins
                print(f"{name:<18}{drifts:<8}{count:>6}{rms:>6.2f} nm{said:>6.2f} nm", flush=True)


def main() -> None:
    """Measure all steps at all sizes, or the accuracy of drift correction."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("counts", nargs="*", type=int, default=COUNTS)
    parser.add_argument("--step", help="this one only, in this process")
    parser.add_argument("--drift", action="store_true", help="accuracy of drift correction")
    parser.add_argument("--ours", type=Path, help="table of reconstruct, for --drift")
    options = parser.parse_args()
    if options.drift:
        print_drift(options.ours)
        return
    for count in options.counts or COUNTS:
        for name in [options.step] if options.step else steps(Path()):
            if options.step:
                measure(name, count)
            else:
                command = [sys.executable, __file__, str(count), "--step", name]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
