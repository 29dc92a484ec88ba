"""Where the time goes, before and now: the table of docs/speed.md.

    python benchmarks/speed.py
    git worktree add ../before COMMIT; python benchmarks/speed.py --before ../before

Prints one Markdown table: core-milliseconds a frame of each stage beside the network (from its
stored answers), of the network and of refinement, what only one thread works on and what 16 cores,
or a GPU for the network, would make of that by Amdahl's law; and the processor time until the first
frames of ``reconstruct --model general`` are counted, beside that of ``import tensorflow``. Each
version is measured in processes of its own, in turns with the other; of several rounds the one with
the least of all counts. Compiled loops and Python's bytecode are there already: a round before the
first makes them, in folders of their own.
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
from dataclasses import dataclass, field
from pathlib import Path

CORES = 16
HERE = Path(__file__).resolve().parent.parent
STAGES = """
import json
from dataclasses import asdict
from deep_storm.networks.device import quiet_tensorflow
quiet_tensorflow()
from deep_storm.inputs.expected import Expected
from deep_storm.inputs.models import ready_model
from deep_storm.machine import benchmark as b, stages
model = ready_model("general", Expected(b.CAMERA, b.PSF, b.EMITTERS, b.BACKGROUND)).model
tables = [*stages.replayed(model), *stages.with_network(model)]
print("TOOK", json.dumps([asdict(table) for table in tables]), flush=True)
"""
SIMULATED = """
import sys
import tifffile
from deep_storm.machine.benchmark import BACKGROUND, CAMERA, EMITTERS, PSF
from deep_storm.settings import Simulation
from deep_storm.simulation.frames import simulate
size = Simulation(frames=int(sys.argv[2]), width_px=64, height_px=64)
tifffile.imwrite(sys.argv[1], simulate(CAMERA, PSF, EMITTERS, BACKGROUND, size).stack)
"""
COUNTED = """
import json, os, psutil, sys, time
from deep_storm.cli import program
from deep_storm.cli.progress import Watch
def counted(self, done, total, message):
    if message == "frames" and done:
        clock = time.time() - psutil.Process().create_time()
        print("TOOK", json.dumps([time.process_time(), clock]), flush=True)
        os._exit(0)
Watch.__call__ = counted
camera = "--pixel-size-nm 100 --baseline-adu 100 --photons-per-adu 0.5".split()
sys.argv[1:] = ["reconstruct", sys.argv[1], "--model", "general", "-o", sys.argv[2], *camera,
                "--overwrite"]
sys.exit(program())
"""
IMPORTED = """
import json, time
import tensorflow
import psutil
clock = time.time() - psutil.Process().create_time()
print("TOOK", json.dumps([time.process_time(), clock]), flush=True)
"""
START_FRAMES = 20
ROWS = ("read", "pick", "gather", "draw", "append", "rest")
ENDING = ("format", "write")


@dataclass
class Version:
    """Measures one version of the package, with caches of its own.

    Attributes
    ----------
    checkout
        Folder with its ``python``.
    folder
        For its caches and results.
    rounds
        Core-milliseconds of each round, by table and stage, and localizations a frame.
    seconds
        Processor time and time on the clock of each start, by kind.
    serial
        Stages that only one thread works on.
    """

    checkout: Path
    folder: Path
    rounds: list[dict[str, dict[str, float]]] = field(default_factory=list)
    seconds: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    serial: tuple[str, ...] = ()

    def run(self, program: str, *arguments: object):
        """Run a program in a process of its own; return what it says that it took."""
        own = {
            "PYTHONPATH": str(self.checkout / "python"),
            "XDG_CACHE_HOME": str(self.folder / "caches"),
            "PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        command = [sys.executable, "-c", program, *map(str, arguments)]
        done = subprocess.run(
            command, cwd=self.folder, env=os.environ | own, capture_output=True, text=True
        )
        if done.returncode or "TOOK " not in done.stdout:
            raise SystemExit(done.stdout + done.stderr)
        return json.loads(done.stdout.rpartition("TOOK ")[2])

    def start(self, movie: Path) -> None:
        """Measure the first frames of a movie: with nothing learnt before, and again."""
        shutil.rmtree(self.folder / "caches" / "deep-storm" / "learnt", ignore_errors=True)
        for kind, program in (("import", IMPORTED), ("first", COUNTED), ("again", COUNTED)):
            took = self.run(program, movie, self.folder / "few")
            self.seconds.setdefault(kind, []).append(tuple(took))

    def stages(self) -> None:
        """Measure the stages once more."""
        tables = self.run(STAGES)
        taken = {table["what"]: table["milliseconds"] for table in tables}
        taken["count"] = {"rows": tables[0]["localizations"] / tables[0]["frames"]}
        self.serial = tuple(tables[0]["serial"])
        self.rounds.append(taken)

    @property
    def stored(self) -> dict[str, float]:
        """The stages with stored answers, in the round with the least of all."""
        return min(
            (taken["stored answers"] for taken in self.rounds), key=lambda s: sum(s.values())
        )

    def least(self, what: str, stage: str) -> float:
        """Return the least time of a stage of a reconstruction in any round."""
        return min(taken[what][stage] for taken in self.rounds)

    def start_ratio(self, kind: str, on_the_clock: bool) -> float:
        """Return how often ``import tensorflow`` fits into a start: processor time, or clock."""
        middle = {
            k: statistics.median(pair[on_the_clock] for pair in seconds)
            for k, seconds in self.seconds.items()
        }
        return middle[kind] / middle["import"]


def lines_of(now: Version, before: Version | None) -> list[str]:
    """Return the table."""
    versions = [before, now] if before else [now]
    head = ["stage", *(["before"] if before else []), "now"]
    lines = [
        "| " + " | ".join([*head, "now, µs a localization", ""]) + " |",
        "|---" * (len(head) + 2) + "|",
    ]

    def add(name: str, values: list[float | None], last: str = "", digits: int = 3, note: str = ""):
        cells = ["–" if v is None else f"{v:,.{digits}f}" for v in values]
        lines.append("| " + " | ".join([name, *cells, last, note]) + " |")

    per_frame = now.rounds[0]["count"]["rows"]

    def each(value: float | None) -> str:
        return "" if value is None else f"{1000.0 * value / per_frame:.2f}"

    for stage in (*ROWS, *ENDING):
        values = [v.stored.get(stage) for v in versions]
        add(stage, values, each(values[-1]), note="one thread" if stage in now.serial else "")
    host = [sum(ms for stage, ms in v.stored.items() if stage not in ENDING) for v in versions]
    add("**beside the network, in all**", host, each(host[-1]))
    whole = [sum(v.stored.values()) for v in versions]
    add("with what is written at the end", whole, each(whole[-1]))
    serial = [sum(v.stored.get(stage, 0.0) for stage in v.serial) for v in versions]
    add("of it in one thread", serial, each(serial[-1]))
    gpu = [1000.0 / (s + (w - s) / CORES) for w, s in zip(whole, serial, strict=True)]
    add(f"frames/s, {CORES} cores and a GPU for the network", gpu, digits=0)
    network = [v.least("native", "network") for v in versions]
    add("network", network, each(network[-1]), digits=2)
    cores = [
        1000.0 / (s + (w + n - s) / CORES) for w, s, n in zip(whole, serial, network, strict=True)
    ]
    add(f"frames/s, {CORES} such cores", cores, digits=0)
    refine = [v.least("refined", "refine") for v in versions]
    add("refine", refine, each(refine[-1]), digits=2)
    for kind, name in (("first", "first frames, nothing learnt before"), ("again", "and again")):
        for clock, what in ((False, "× `import tensorflow`"), (True, "the same on the clock")):
            add(f"{name}: {what}", [v.start_ratio(kind, clock) for v in versions], digits=2)
    return lines


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="checkout of the version to compare with")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--starts", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, movie = Path(name), Path(name) / "few.tif"
        checkouts = [HERE, *([options.before.resolve()] if options.before else [])]
        versions = [Version(c, folder / str(k)) for k, c in enumerate(checkouts)]
        for version in versions:
            version.folder.mkdir()
            version.run(SIMULATED + 'print("TOOK 0")', movie, START_FRAMES)
            version.run(COUNTED, movie, version.folder / "few")  # both compile
            version.run(STAGES)
        for _ in range(options.starts):
            for version in versions:
                version.start(movie)
        for _ in range(options.rounds):
            for version in versions:
                version.stages()
        print("\n".join(lines_of(*versions, *([] if options.before else [None]))))


if __name__ == "__main__":
    main()
