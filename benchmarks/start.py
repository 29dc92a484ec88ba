"""How long it takes until the first frames are counted, beside what importing TensorFlow takes.

    python benchmarks/start.py

Prints wall and processor time, in seconds, of ``import tensorflow`` and of ``reconstruct --model
general`` of a few simulated frames until the first are counted: with nothing kept of earlier runs,
and again with what the first one learnt. Each is a process of its own, in turns, several rounds of
them; medians, and their ratios to the import. Compiled loops and Python's bytecode are there
already: a very first run makes them, in folders of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

FRAMES = 20
SIMULATED = """
import sys
import tifffile
from deep_storm.settings import Simulation
from deep_storm.simulation.frames import simulate
from memory import EXPECTED
size = Simulation(frames=int(sys.argv[2]), width_px=64, height_px=64)
tifffile.imwrite(sys.argv[1], simulate(*EXPECTED.values(), size).stack)
"""
COUNTED = """
import json, os, sys, time
began = time.perf_counter()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
from pathlib import Path
def progress(done, total, message):
    if message == "frames" and done:
        print("TOOK", json.dumps([time.perf_counter() - began, time.process_time()]), flush=True)
        os._exit(0)
from deep_storm.interface.registry import load
from deep_storm.interface.verb import call
camera = dict(pixel_size_nm="100", baseline_adu="100", photons_per_adu="0.5")
call(load("reconstruct"), stack=[Path(sys.argv[1])], model="general", output=sys.argv[2],
     overwrite=True, progress=progress, **camera)
"""
IMPORTED = """
import json, time
began = time.perf_counter()
import tensorflow
print("TOOK", json.dumps([time.perf_counter() - began, time.process_time()]), flush=True)
"""


def took(program: str, folder: Path, *arguments: object) -> tuple[float, float]:
    """Run a program in a process of its own; return what it says that it took."""
    caches = {
        "XDG_CACHE_HOME": str(folder / "caches"),
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=Path(__file__).parent,
        env=os.environ | caches,
        capture_output=True,
        text=True,
        check=False,
    )
    if "TOOK " not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    wall, processor = json.loads(done.stdout.rpartition("TOOK ")[2])
    return wall, processor


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        movie, output = folder / "few.tif", folder / "done"
        simulated = [sys.executable, "-c", SIMULATED, str(movie), str(options.frames)]
        subprocess.run(simulated, cwd=Path(__file__).parent, check=True)
        compiling = took(COUNTED, folder, movie, output)
        print(f"the very first run, which compiles: {compiling[0]:.1f} s, {compiling[1]:.1f} CPU")
        all_took: dict[str, list[tuple[float, float]]] = {}
        for _ in range(options.rounds):
            shutil.rmtree(folder / "caches" / "deep-storm" / "learnt", ignore_errors=True)
            for what, program in (
                ("import tensorflow", IMPORTED),
                ("reconstruct, nothing learnt before", COUNTED),
                ("reconstruct, learnt before", COUNTED),
            ):
                all_took.setdefault(what, []).append(took(program, folder, movie, output))
    base: list[float] = []
    for what, times in all_took.items():
        median = [statistics.median(kind) for kind in zip(*times, strict=True)]
        base = base or median
        wall, processor = (f"{t:5.1f} s ({t / b:.2f} x)" for t, b in zip(median, base, strict=True))
        print(f"{what:36} wall {wall}   processor {processor}")


if __name__ == "__main__":
    main()
