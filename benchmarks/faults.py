"""Faults on purpose: killed runs, files cut off, flipped bytes, fuzzed inputs, files made to harm.

    python benchmarks/faults.py                       # the full numbers
    python benchmarks/faults.py --kills 2 --stops 2 --cuts 4 --flips 8 --fuzz 40
    python benchmarks/faults.py --minutes 30          # files alone, for as long as one likes

Every run is the command line. It must end with 0 or 2 and at most one sentence, never with a
traceback, within ten seconds of processor time and a gigabyte; a killed run that goes on must give,
byte for byte, what an uninterrupted one gives; Ctrl-C ends a run within two seconds. Prints a line
for each kind, and ends with 1 when one is not met.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import hostile
import numpy as np
from attacks import AT_ONCE, RECONSTRUCT, Tally, met, prepare, said
from fuzz import damaged_checkpoints, fuzzed
from often import PROGRAM, often

import deep_storm as ds

MAX_SECONDS_TO_STOP = 2.0
DEADLY = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
TRAIN = ["train", "--config", "matched.toml", "--from", "none", "--steps", "40", "--batch", "2",
         "--patch-size-px", "16", "--checkpoint-seconds", "0"]  # fmt: skip


def started(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    """Run the command line in a process of its own, with a checkpoint after every chunk."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup ignores it
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
    with often():
        _, _, lasts = said([*command, "-o", "out"], whole)
    expected = result(whole)
    chance = random.Random(seed)
    for number in range(times):
        place = folder / f"{kind} {number}"
        _fresh(folder, place, inputs)
        process = started([*command, "-o", "out"], place)
        while process.poll() is None and not (place / work).is_dir():
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, lasts))
        deadly = chance.choice(DEADLY)
        process.send_signal(deadly)
        last, _ = process.communicate()
        if process.returncode not in (0, -deadly, 128 + deadly):
            tally.wrong.append(f"{number}: not begun, {process.returncode}: {last[-300:]}")
        again = [*command, "-o", "out"]
        if (place / work / "checkpoint.npz").is_file():
            again.append("--resume")
        done = (place / "out-run.toml").is_file() or (place / "out" / "model.toml").is_file()
        if "--resume" in again or not done:
            with often():
                code, talk, _ = said([*again, "--overwrite"], place)
            if code:
                tally.wrong.append(f"{number}: ended with {code}: {talk[-300:]}")
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


def cut_off(folder: Path, times: int, seed: int) -> Tally:
    """Cut a movie at random places: refused with a sentence, and what is whole can be had."""
    tally = Tally("truncated TIFF, named and the frames before usable")
    content = (folder / "movie.tif").read_bytes()
    said([*AT_ONCE, "-o", "uncut", "--overwrite"], folder)
    expected = ds.read_table(folder / "uncut.csv")
    chance = random.Random(seed)
    for size in (chance.randrange(len(content)) for _ in range(times)):
        (folder / "cut.tif").write_bytes(content[:size])
        code = met(tally, f"{size} bytes", ["reconstruct", "cut.tif", *AT_ONCE[2:],
                                            "-o", "new"], folder)  # fmt: skip
        if code != 2:
            tally.wrong.append(f"{size} bytes: accepted")
        watched = ["reconstruct", "--watch", "cut.tif", "--quiet-seconds", "0.2", *AT_ONCE[2:]]
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
    said([*AT_ONCE, "-o", "uncut", "--overwrite"], folder)
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
        arguments = [*AT_ONCE[:2], "--model", "broken", *AT_ONCE[4:]]
        where = f"byte {place} of {name}"
        code = met(tally, where, [*arguments, "-o", "new"], folder)
        if code == 0:
            said([*arguments, "-o", "same", "--overwrite"], folder)
            if (folder / "same.csv").read_bytes() != expected:
                tally.wrong.append(f"{where}: another result")
    return tally


def hostile_files(folder: Path) -> Tally:
    """Give files that were made to harm to the verbs that read them."""
    tally = Tally("files made to harm, without traceback, hang or memory")
    for case in hostile.cases(folder):
        met(tally, case.name, case.arguments, folder, case.codes)
    return tally


COUNTS = (
    ("kills", 20), ("stops", 20), ("cuts", 20), ("flips", 50), ("fuzz", 500), ("seed", 1)
)  # fmt: skip


def attacks(folder: Path, options: argparse.Namespace) -> Iterator[Tally]:
    """Try everything so often."""
    yield killed_and_resumed("reconstruction", folder, options.kills, options.seed)
    yield killed_and_resumed("training", folder, options.kills, options.seed)
    yield stopped(folder, options.stops, options.seed)
    yield cut_off(folder, options.cuts, options.seed)
    yield flipped(folder, options.flips, options.seed)
    yield hostile_files(folder)
    yield damaged_checkpoints(folder, options.fuzz // 5, options.seed)
    yield fuzzed(folder, options.fuzz, options.seed)


def attacks_for(folder: Path, options: argparse.Namespace) -> Iterator[Tally]:
    """Feed files for some minutes, with another seed each time."""
    yield hostile_files(folder)
    end = time.monotonic() + 60 * options.minutes
    seed = options.seed
    while time.monotonic() < end:
        yield damaged_checkpoints(folder, options.fuzz // 10, seed, end)
        yield flipped(folder, options.fuzz // 10, seed)
        yield fuzzed(folder, options.fuzz, seed, end)
        seed += 1


def main() -> int:
    """Try everything and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, count in COUNTS:
        parser.add_argument(f"--{name}", type=int, default=count)
    parser.add_argument("--minutes", type=float, help="feed files for so long, and nothing else")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder)
        for done in (attacks if options.minutes is None else attacks_for)(folder, options):
            wrong += len(done.wrong)
            print(done.line(), flush=True)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
