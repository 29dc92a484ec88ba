"""Faults on purpose: killed runs, files cut off, flipped bytes, fuzzed inputs.

    python benchmarks/faults.py                       # the full numbers
    python benchmarks/faults.py --kills 2 --stops 2 --cuts 4 --flips 8 --fuzz 40

Every run is the command line. It must end with 0 or 2 and at most one sentence, never with a
traceback, within ten seconds and a gigabyte; a killed run that goes on must give, byte for byte,
what an uninterrupted one gives; Ctrl-C ends a run within two seconds. Prints a line for each kind,
and ends with 1 when one is not met.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile

import deep_storm as ds
from deep_storm.cli import main as command_line
from deep_storm.model import Model, ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.settings import Background, Emitters, Network, Psf

MOLECULES = {
    "camera": ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
    "psf": Psf(sigma_nm=110),
    "emitters": Emitters(density_per_um2=1, intensity_photon=1500),
    "background": Background(background_photon=20),
}
MATCHED = """\
[camera]
pixel_size_nm = 100
baseline_adu = 100
photons_per_adu = 0.5
[psf]
sigma_nm = 110
[emitters]
density_per_um2 = 1
intensity_photon = 1500
[background]
background_photon = 20
"""
FRAMES = 60
MAX_SECONDS, MAX_MIB = 10.0, 1024.0
MAX_SECONDS_TO_STOP = 2.0
OFTEN = """
import sys
from deep_storm.inference import store
from deep_storm.training import session
from deep_storm.cli import main
store.EVERY_SECONDS, store.SHARE_OF_TIME = 0.0, 1e9   # a checkpoint after every chunk
session.calibrate = lambda model, *rest: model        # not what is looked at here
sys.exit(main(sys.argv[1:]))
"""
RECONSTRUCT = ["reconstruct", "movie.tif", "--model", "model", "--chunk-frames", "1", "--no-report"]
TRAIN = ["train", "--config", "matched.toml", "--from", "none", "--steps", "40", "--batch", "2",
         "--patch-size-px", "16", "--checkpoint-seconds", "0"]  # fmt: skip


@dataclass
class Tally:
    """How often a kind of fault was met as it should be."""

    kind: str
    tried: int = 0
    wrong: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0

    def line(self) -> str:
        """Say it in one line."""
        slow = f", slowest {self.slowest_seconds:.1f} s" if self.slowest_seconds else ""
        words = "".join(f"\n    {text}" for text in self.wrong[:5])
        return f"{self.kind}: {self.tried - len(self.wrong)} of {self.tried}{slow}{words}"


def prepare(folder: Path) -> None:
    """Make a movie, its truth, settings and a small model in the folder."""
    import keras

    keras.utils.set_random_seed(3)
    scales = Scales.matching(*MOLECULES.values())
    card = ModelCard(network=Network(upsampling=2), scales=scales, threshold=0.0, **MOLECULES)
    Model(card, make_network(card.network).build()).save(folder / "model")
    (folder / "matched.toml").write_text(MATCHED)
    made = ds.simulate(output=folder / "sim", frames=FRAMES, width_px=24, height_px=20, **MOLECULES)
    frames = tifffile.imread(made.written[0])
    with tifffile.TiffWriter(folder / "movie.tif") as tif:
        for frame in frames:
            tif.write(frame, contiguous=False, metadata=None)


def started(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    """Run the command line in a process of its own, with a checkpoint after every chunk."""
    return subprocess.Popen(
        [sys.executable, "-c", OFTEN, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def killed_and_resumed(kind: str, folder: Path, times: int, seed: int) -> Tally:
    """Kill a run at random moments and go on; the result must be the uninterrupted one's."""
    tally = Tally(f"killed {kind}, resumed = uninterrupted")
    command, work, result = {
        "reconstruction": (RECONSTRUCT, "out.running", _results),
        "training": (TRAIN, "out.training", _weights),
    }[kind]
    whole = folder / f"whole {kind}"
    inputs = ("movie.tif", "matched.toml", "model")
    _fresh(folder, whole, inputs)
    process = started([*command, "-o", "out"], whole)
    while process.poll() is None and not (whole / work).is_dir():
        time.sleep(0.005)
    begun = time.monotonic()
    process.communicate()
    lasts = time.monotonic() - begun
    expected = result(whole)
    chance = random.Random(seed)
    for number in range(times):
        place = folder / f"{kind} {number}"
        _fresh(folder, place, inputs)
        process = started([*command, "-o", "out"], place)
        while process.poll() is None and not (place / work).is_dir():
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, lasts))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        again = [*command, "-o", "out"]
        if (place / work / "checkpoint.npz").is_file():
            again.append("--resume")
        done = (place / "out-run.toml").is_file() or (place / "out" / "model.toml").is_file()
        if "--resume" in again or not done:
            second = started([*again, "--overwrite"], place)
            talk, _ = second.communicate()
            if second.returncode:
                tally.wrong.append(f"{number}: ended with {second.returncode}: {talk[-300:]}")
        tally.tried += 1
        left = [p.name for p in place.iterdir() if ".part" in p.name or p.name == work]
        if left or result(place) != expected:
            tally.wrong.append(f"{number}: not the same ({', '.join(left)})")
        shutil.rmtree(place)
    return tally


def stopped(folder: Path, times: int, seed: int) -> Tally:
    """Press Ctrl-C at random moments of a simulation: it ends soon and leaves nothing."""
    tally = Tally("stopped by Ctrl-C, soon and without a trace")
    command = [sys.executable, "-m", "deep_storm", "simulate", "--config", "../matched.toml"]
    signal.signal(signal.SIGINT, signal.default_int_handler)  # children inherit "ignored"
    chance = random.Random(seed)
    for number in range(times):
        place = folder / f"stopped {number}"
        place.mkdir()
        process = subprocess.Popen(
            [*command, "--frames", "1000000", "-o", "sim"],
            cwd=place,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and not any(place.iterdir()):
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, 3.0))
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        code = process.wait()
        seconds = time.monotonic() - began
        tally.tried += 1
        tally.slowest_seconds = max(tally.slowest_seconds, seconds)
        if code != 130 or any(place.iterdir()) or seconds > MAX_SECONDS_TO_STOP:
            left = ", ".join(path.name for path in place.iterdir())
            tally.wrong.append(f"{number}: exit code {code} after {seconds:.1f} s ({left})")
        shutil.rmtree(place)
    return tally


def _fresh(folder: Path, place: Path, inputs: tuple[str, ...]) -> None:
    place.mkdir()
    for name in inputs:
        (place / name).symlink_to(folder / name)


def _results(folder: Path) -> tuple[bytes, ...]:
    files = [folder / name for name in ("out.csv", "out.tif", "out-protocol.txt")]
    return tuple(file.read_bytes() if file.is_file() else b"" for file in files)


def _weights(folder: Path) -> tuple[bytes, ...]:
    with contextlib.suppress(OSError, ValueError), np.load(folder / "out" / "weights.npz") as file:
        return tuple(file[key].tobytes() for key in sorted(file.files))
    return ()


def said(arguments: list[str], folder: Path) -> tuple[int, str, float]:
    """Run the command line here; return exit code, what standard error got, and seconds."""
    talk = io.StringIO()
    began = time.monotonic()
    out = io.StringIO()
    with standing_in(folder), contextlib.redirect_stderr(talk), contextlib.redirect_stdout(out):
        code = command_line([str(a) for a in arguments])
    return code, talk.getvalue(), time.monotonic() - began


@contextlib.contextmanager
def standing_in(folder: Path):
    """Stand in another folder (contextlib.chdir comes with Python 3.11)."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def met(tally: Tally, what: str, arguments: list[str], folder: Path) -> int:
    """Run the command line on something broken and look at how it ends."""
    code, talk, seconds = said(arguments, folder)
    tally.tried += 1
    tally.slowest_seconds = max(tally.slowest_seconds, seconds)
    progress = ("Note:", "frames", "steps")
    notes = [line for line in talk.splitlines() if not line.startswith(progress)]
    problem = ""
    if code not in (0, 2) or "Traceback" in talk or "mistake of Deep-STORM" in talk:
        problem = f"exit code {code}: {talk[-300:]}"
    elif code == 2 and len(notes) != 1:
        problem = f"{len(notes)} lines: {talk[-300:]}"
    elif seconds > MAX_SECONDS:
        problem = f"{seconds:.0f} s"
    elif [p.name for p in folder.rglob("*") if ".part" in p.name or p.suffix == ".running"]:
        problem = "left something behind"
    if problem:
        tally.wrong.append(f"{what}: {problem}")
    for path in folder.glob("new*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return code


def cut_off(folder: Path, times: int, seed: int) -> Tally:
    """Cut a movie at random places: refused with a sentence, and what is whole can be had."""
    tally = Tally("truncated TIFF, named and the frames before usable")
    content = (folder / "movie.tif").read_bytes()
    said([*RECONSTRUCT, "-o", "uncut", "--overwrite"], folder)
    expected = ds.read_table(folder / "uncut.csv")
    chance = random.Random(seed)
    for size in (chance.randrange(len(content)) for _ in range(times)):
        (folder / "cut.tif").write_bytes(content[:size])
        code = met(tally, f"{size} bytes", ["reconstruct", "cut.tif", *RECONSTRUCT[2:],
                                            "-o", "new"], folder)  # fmt: skip
        if code != 2:
            tally.wrong.append(f"{size} bytes: accepted")
        watched = ["reconstruct", "--watch", "cut.tif", "--quiet-seconds", "0.2", *RECONSTRUCT[2:]]
        code, talk, _ = said([*watched, "-o", "rest", "--overwrite"], folder)
        if code == 0:
            table = ds.read_table(folder / "rest.csv")
            before = expected[expected["frame"] < int(table["frame"].max()) + 1]
            if not table.equals(before.reset_index(drop=True)):
                tally.wrong.append(f"{size} bytes: another table")
        elif "no frame arrived" not in talk:
            tally.wrong.append(f"{size} bytes, watched: {talk[-300:]}")
    return tally


def flipped(folder: Path, times: int, seed: int) -> Tally:
    """Flip one byte of a model: it is named, or it changes nothing (a space in model.toml)."""
    tally = Tally("model with a flipped byte, named or the same result")
    chance = random.Random(seed)
    said([*RECONSTRUCT, "-o", "uncut", "--overwrite"], folder)
    expected = (folder / "uncut.csv").read_bytes()
    files = ["model.toml", "weights.npz"]
    for number in range(times):
        name = files[number % 2]
        shutil.rmtree(folder / "broken", ignore_errors=True)
        shutil.copytree(folder / "model", folder / "broken")
        content = bytearray((folder / "broken" / name).read_bytes())
        place = chance.randrange(len(content))
        content[place] ^= chance.randrange(1, 256)
        (folder / "broken" / name).write_bytes(content)
        arguments = [*RECONSTRUCT[:2], "--model", "broken", *RECONSTRUCT[4:]]
        where = f"byte {place} of {name}"
        code = met(tally, where, [*arguments, "-o", "new"], folder)
        if code == 0:
            said([*arguments, "-o", "same", "--overwrite"], folder)
            if (folder / "same.csv").read_bytes() != expected:
                tally.wrong.append(f"{where}: another result")
    return tally


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Change a file in one of the ways in which files break."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(max(len(data), 1))
        way = chance.randrange(6)
        if way == 0 and data:
            data[at] ^= 1 << chance.randrange(8)
        elif way == 1 and data:
            data[at] = chance.choice(b'\x00\xff-+.,;"0195eE[]=\n')
        elif way == 2:
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.choice((1, 4, 64))))
        elif way == 3:
            del data[at : at + chance.choice((1, 4, 64, 1000))]
        elif way == 4:
            data[at:at] = data[at : at + 64]
        else:
            del data[at:]
    return bytes(data)


READ = ["--model", "model", "--no-report", "-o", "new"]
FUZZED = {
    "TIFF": ("movie.tif", ["reconstruct", "fuzz.tif", *READ]),
    "CSV": ("sim.csv", ["evaluate", "fuzz.csv", "sim.csv"]),
    "TOML": ("matched.toml", ["simulate", "--config", "fuzz.toml", "--frames", "1",
                              "--width-px", "24", "--height-px", "20", "-o", "new"]),
    "model": ("model/model.toml", ["reconstruct", "movie.tif", "--frames", "1:2",
                                   "--model", "broken", *READ[2:]]),
}  # fmt: skip


def fuzzed(folder: Path, times: int, seed: int) -> Tally:
    """Mutate real files in many ways and give them to the verbs that read them."""
    tally = Tally("fuzzed inputs without traceback, hang or memory")
    chance = random.Random(seed)
    shutil.rmtree(folder / "broken", ignore_errors=True)
    shutil.copytree(folder / "model", folder / "broken")
    for kind, (_, arguments) in FUZZED.items():  # what is loaded once is no memory of a fault
        said([re.sub(r"fuzz\.(tif|csv|toml)", FUZZED[kind][0], a) for a in arguments], folder)
        for path in folder.glob("new*"):
            path.unlink()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for number in range(times):
        kind = list(FUZZED)[number % len(FUZZED)]
        original, arguments = FUZZED[kind]
        content = mutated((folder / original).read_bytes(), chance)
        name = "broken/model.toml" if kind == "model" else f"fuzz{Path(original).suffix}"
        target = folder / name
        target.write_bytes(content)
        met(tally, f"{kind} {number}", arguments, folder)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before
    tally.kind += f" (memory grew by {grown:.0f} MiB at most)"
    if grown > MAX_MIB:
        tally.wrong.append(f"{grown:.0f} MiB more memory")
    return tally


COUNTS = (
    ("kills", 20), ("stops", 20), ("cuts", 20), ("flips", 50), ("fuzz", 500), ("seed", 1)
)  # fmt: skip


def main() -> int:
    """Try everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, count in COUNTS:
        parser.add_argument(f"--{name}", type=int, default=count)
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder)
        for tally in (
            lambda: killed_and_resumed("reconstruction", folder, options.kills, options.seed),
            lambda: killed_and_resumed("training", folder, options.kills, options.seed),
            lambda: stopped(folder, options.stops, options.seed),
            lambda: cut_off(folder, options.cuts, options.seed),
            lambda: flipped(folder, options.flips, options.seed),
            lambda: fuzzed(folder, options.fuzz, options.seed),
        ):
            done = tally()
            wrong += len(done.wrong)
            print(done.line(), flush=True)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
