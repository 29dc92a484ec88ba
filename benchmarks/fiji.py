"""What going through Fiji costs, against the command line, in one run on one computer.

    python benchmarks/fiji.py --frames 3000 --size-px 64

Starts the tests' ImageJ (from Maven Central, kept after the first time), and prints how long a
cold and a warm command take until the status bar shows something and until frames are counted, how
often the status bar says something meanwhile, and the frames per second of Reconstruct Stack...
there and of `deep-storm reconstruct`, same stack; how soon a mistake is told that needs no worker,
and how long a frame of 256 x 256 px takes in the live preview.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import psutil

import deep_storm as ds
from deep_storm.io.camera_files import write_camera
from deep_storm.io.config import load_toml

HERE = Path(__file__).resolve().parent
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
MOLECULES = {
    "sigma_nm": 110.0,
    "density_per_um2": 1.0,
    "intensity_photon": 1500.0,
    "background_photon": 20.0,
}


def prepare(folder: Path, frames: int, size_px: int) -> None:
    """Make a stack and a model; its accuracy does not matter here, its size does."""
    ds.simulate(
        output=folder / "movie", frames=frames, width_px=size_px, height_px=size_px,
        camera=CAMERA, **MOLECULES,
    )  # fmt: skip
    ds.train(output=folder / "model", steps=5, camera=CAMERA, **MOLECULES)
    write_camera(folder / "camera.toml", CAMERA)


def speed_of(output: Path) -> float:
    """Return the frames per second that a run record holds."""
    return float(load_toml(Path(f"{output}-run.toml"))["timings"]["frames_per_second"])


def on_command_line(folder: Path, number: int) -> float:
    """Reconstruct in a process of its own."""
    output = folder / f"shell{number}"
    command = [sys.executable, "-m", "deep_storm", "reconstruct", str(folder / "movie.tif")]
    command += ["--model", str(folder / "model"), "-o", str(output)]
    subprocess.run(command, check=True, capture_output=True)
    return speed_of(output)


class Run(NamedTuple):
    """A reconstruction from the menu.

    ``words``, ``counted``: seconds to the first words and frames; ``gaps``: between two lines.
    """

    speed: float
    words: float
    counted: float
    text: str
    gaps: list[float]


def in_fiji(imagej, folder: Path, number: int) -> Run:
    """Reconstruct from the menu."""
    imagej.ask("status")
    done = imagej.run(
        "Reconstruct_Stack...",
        {"file": str(folder / "movie.tif"), "virtual": True},
        model=folder / "model",
        output=folder / f"fiji{number}",
    )
    if not done["status"].startswith("ok: "):
        raise SystemExit(done["status"])
    began = done["seconds"][0]
    said = [
        line for line in imagej.ask("status") if line[3].startswith(("Deep-STORM", "Reconstruct"))
    ]
    counted = next(line for line in said if line[1] and " frames" in line[3])
    speed = speed_of(folder / f"fiji{number}")
    gaps = [after[0] - before[0] for before, after in itertools.pairwise(said)]
    return Run(speed, said[0][0] - began, counted[0] - began, said[0][3], gaps)


MISTAKES = (
    ("Reconstruct_Stack...", {"model": "nowhere"}),
    ("Filter_Localizations...", {"table": "t.csv", "formula": "confidence >= 0.5"}),
    ("Evaluate_Against_Truth...", {"results": "none"}),
)
PREVIEW_PX, PREVIEWS = 256, 12


def told_after(imagej, folder: Path) -> list[float]:
    """Return how long each mistake takes until it is told."""
    seconds = []
    image = {"file": str(folder / "movie.tif"), "virtual": True}
    for command, inputs in MISTAKES:
        done = imagej.run(command, image, **inputs)
        if not done["status"].startswith("error: "):
            raise SystemExit(f"no mistake: {done['status']}")
        seconds.append(done["seconds"][1] - done["seconds"][0])
    return seconds


def previews(imagej, folder: Path) -> list[float]:
    """Return the seconds of one previewed frame after the other; the first ones are cold."""
    ds.simulate(
        output=folder / "wide", frames=60, width_px=PREVIEW_PX, height_px=PREVIEW_PX,
        camera=CAMERA, **MOLECULES,
    )  # fmt: skip
    imagej.ask("keep_image", name="wide", file=str(folder / "wide.tif"))
    seconds = []
    for frame in range(1, PREVIEWS + 1):
        done = imagej.run(
            "Preview_Current_Frame...", "wide", model="general", camera=folder / "camera.toml",
            more=f"frame={frame}",
        )  # fmt: skip
        if not done["status"].startswith("ok: "):
            raise SystemExit(done["status"])
        seconds.append(done["seconds"][1] - done["seconds"][0])
    return seconds


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    sys.path.insert(0, str(HERE.parent / "tests" / "fiji"))
    from conftest import ImageJ

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, options.frames, options.size_px)
        imagej = ImageJ("headless", folder)
        try:
            report(folder, imagej, options)
        finally:
            imagej.end()


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process, which other programs do not disturb."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def report(folder: Path, imagej, options: argparse.Namespace) -> None:
    """Measure and print; shell and Fiji take turns."""
    cold = in_fiji(imagej, folder, 0)
    print(
        f"cold: {cold.words:.2f} s until {cold.text!r}, {cold.counted:.1f} s until frames counted"
    )
    processes = imagej.pid, imagej.worker_pid()
    before = [processor_seconds(pid) for pid in processes]
    warm, shell = [], []
    for number in range(1, options.runs + 1):
        warm.append(in_fiji(imagej, folder, number))
        shell.append(on_command_line(folder, number))
        print(
            f"{number}: {warm[-1].speed:.1f} frames/s in Fiji, {shell[-1]:.1f} on the command line"
        )
    own, worker = (
        (processor_seconds(pid) - b) / options.runs
        for pid, b in zip(processes, before, strict=True)
    )
    words, counted = (statistics.median(run[i] for run in warm) for i in (1, 2))
    print(f"warm: {words:.2f} s until {warm[0].text!r}, {counted:.2f} s until frames are counted")
    gaps = [gap for run in warm for gap in run.gaps]
    print(f"status bar: a line every {statistics.median(gaps):.2f} s, at most {max(gaps):.2f} s")
    there, here = [run.speed for run in warm], shell
    print(f"{options.frames} frames of {options.size_px}x{options.size_px} px, frames/s:")
    for name, of in (("median", statistics.median), ("best", max)):
        print(
            f"{name}: {of(there):.1f} in Fiji, {of(here):.1f} on the command line, "
            f"{of(there) / of(here):.0%}"
        )
    print(f"processor time of a run: {own:.2f} s in ImageJ, {worker:.1f} s in its worker")
    mistakes = told_after(imagej, folder)
    print(f"a mistake that needs no worker is told after {max(mistakes):.2f} s at most")
    frames = previews(imagej, folder)
    warm_frames = frames[len(frames) // 2 :]
    print(
        f"preview of {PREVIEW_PX}x{PREVIEW_PX} px: {frames[0]:.1f} s cold, "
        f"{statistics.median(warm_frames):.2f} s warm, at most {max(warm_frames):.2f} s"
    )


if __name__ == "__main__":
    main()
