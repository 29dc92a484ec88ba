"""Which of TensorFlow's thread settings are fastest on this machine, each in a process of its own.

    python benchmarks/threads.py

Prints frames per second of a whole reconstruction (64 x 64 px, the general model) for threads
within an operation (intra) and operations side by side (inter), the settings in turn, several
rounds of them so that what else the machine does falls on all; the best round counts. The first
line is what Deep-STORM leaves TensorFlow to choose. Whether all tables are the same is printed too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

CHILD = """
import hashlib, sys, time
from memory import EXPECTED, Endless
import deep_storm as ds
model = ds.Model.load("general")
movie = Endless(int(sys.argv[1]), 64)
run = lambda frames: ds.reconstruct(movie, model=model, frames=frames, fits=False, **EXPECTED)
run("1:64")
began, used = time.perf_counter(), time.process_time()
result = run(None)
seconds, used = time.perf_counter() - began, time.process_time() - used
table = hashlib.sha256(result.table.to_numpy(float).tobytes()).hexdigest()
print("SAID", movie.shape[0] / seconds, movie.shape[0] / used, table)
"""


def measured(frames: int, intra: int, inter: int) -> tuple[float, float, str]:
    """Return frames per second, frames per second of processor time, and the table's checksum."""
    threads = {"TF_NUM_INTRAOP_THREADS": str(intra), "TF_NUM_INTEROP_THREADS": str(inter)}
    environment = os.environ | (threads if intra else {})
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(frames)],
        cwd=Path(__file__).parent,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    speed, used, table = done.stdout.rpartition("SAID ")[2].split()
    return float(speed), float(used), table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    settings = [(0, 0), *((a, b) for a in sorted({1, cores, 2 * cores}) for b in (1, cores))]
    best: dict[tuple[int, int], tuple[float, float, str]] = {}
    for _ in range(options.rounds):
        for setting in settings:
            best[setting] = max(
                best.get(setting, (0.0, 0.0, "")), measured(options.frames, *setting)
            )
    print(f"{options.frames} frames of 64 x 64 px, {cores} cores, best of {options.rounds} rounds")
    for (intra, inter), (speed, used, _) in best.items():
        name = f"intra {intra}, inter {inter}" if intra else "TensorFlow's own"
        print(f"{name:20} {speed:7.1f} frames/s, {used:7.1f} per second of processor time")
    print("tables:", "all the same" if len({b[2] for b in best.values()}) == 1 else "they differ")


if __name__ == "__main__":
    main()
