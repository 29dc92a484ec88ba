"""Files of every kind that is read, changed at random in the ways in which files break."""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from attacks import RECONSTRUCT, Tally, met, said


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
SIMULATE = ["--frames", "1", "--width-px", "24", "--height-px", "20", "-o", "new"]
MAPS = ["--camera-maps", "offset.tif", "gain.tif", "variance.tif"]
FILTER = ["x > 1", "--camera", "camera.toml", "-o", "new.csv"]
FUZZED = {
    "TIFF": ("movie.tif", ["reconstruct", "fuzz.tif", *READ]),
    "CSV": ("sim.csv", ["evaluate", "fuzz.csv", "sim.csv"]),
    "Picasso": ("picasso.hdf5", ["filter", "fuzz.hdf5", *FILTER]),
    "SMAP": ("smap_sml.mat", ["filter", "fuzz.mat", *FILTER]),
    "TOML": ("matched.toml", ["simulate", "--config", "fuzz.toml", *SIMULATE]),
    "model": ("model/model.toml", ["reconstruct", "movie.tif", "--frames", "1:2",
                                   "--model", "broken", *READ[2:]]),
    "drift": ("drift.json", ["correct-drift", "sim.csv", "--drift-file", "fuzz.json",
                             "-o", "new.csv"]),
    "record": ("done-run.toml", ["report", "fuzz-run.toml", "-o", "new.html"]),
    "map": ("gain.tif", ["reconstruct", "movie.tif", "--frames", "1:2", *MAPS[:2], "fuzz.tif",
                         MAPS[3], *READ]),
    "mask": ("mask.tif", ["simulate", "--config", "matched.toml", "--structure", "fuzz.tif",
                          *SIMULATE]),
    "PSF": ("psf.toml", ["simulate", "--config", "matched.toml", "--psf-file", "fuzz.toml",
                         *SIMULATE]),
    "protocol": ("sim-protocol.txt", ["filter", "px.csv", "x > 1", "-o", "new.csv"]),
}  # fmt: skip
PLACES = {"model": "broken/model.toml", "record": "fuzz-run.toml", "protocol": "px-protocol.txt"}


def fuzzed(folder: Path, times: int, seed: int, until: float = float("inf")) -> Tally:
    """Give changed files to the verbs that read them, so often or until a time has come."""
    tally = Tally("fuzzed inputs without traceback, hang or memory")
    chance = random.Random(seed)
    shutil.rmtree(folder / "broken", ignore_errors=True)
    shutil.copytree(folder / "model", folder / "broken")
    (folder / "px.csv").write_text('"frame","x [px]","y [px]"\n1,2,3\n')
    for ending in (".csv", ".tif"):  # what the record is about
        shutil.copy(folder / f"done{ending}", folder / f"fuzz{ending}")
    for kind, (original, arguments) in FUZZED.items():  # what is loaded once is no fault's memory
        if kind not in PLACES:
            said([re.sub(r"fuzz\.\w+", original, part) for part in arguments], folder)
            _clear(folder)
    number = 0
    while number < times and time.monotonic() < until:
        kind = list(FUZZED)[number % len(FUZZED)]
        original, arguments = FUZZED[kind]
        content = mutated((folder / original).read_bytes(), chance)
        place = folder / PLACES.get(kind, f"fuzz{Path(original).suffix}")
        place.write_bytes(content)
        met(tally, f"{kind} {number} of seed {seed}", arguments, folder)
        if kind in ("TIFF", "map", "mask"):
            shutil.copy(folder / "done.tif", folder / "fuzz.tif")
        number += 1
    return tally


def damaged_checkpoints(folder: Path, times: int, seed: int, until: float = float("inf")) -> Tally:
    """Go on from a damaged work folder: refused by name, or the result of a run undisturbed."""
    tally = Tally("damaged checkpoints, named or the same result")
    chance = random.Random(seed)
    said([*RECONSTRUCT, "-o", "uncut", "--overwrite"], folder)
    expected = (folder / "uncut.csv").read_bytes()
    files = ("checkpoint.npz", "rows.bin", "deep-storm.json", "checkpoint.npz")
    changes: tuple[Callable[[bytes, random.Random], bytes], ...] = (flipped_byte, mutated)
    number = 0
    while number < times and time.monotonic() < until:
        work = folder / "damaged.running"
        shutil.copytree(folder / "left.running", work)
        file = work / files[number % len(files)]
        file.write_bytes(changes[number % 2](file.read_bytes(), chance))
        arguments = [*RECONSTRUCT, "-o", "damaged", "--resume"]
        code = met(tally, f"{file.name} {number} of seed {seed}", arguments, folder, work=work)
        if code == 0 and (folder / "damaged.csv").read_bytes() != expected:
            tally.wrong.append(f"{file.name} {number} of seed {seed}: another result")
        shutil.rmtree(work, ignore_errors=True)
        for path in folder.glob("damaged*"):
            path.unlink()
        number += 1
    return tally


def flipped_byte(content: bytes, chance: random.Random) -> bytes:
    """Change one byte."""
    data = bytearray(content)
    data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
    return bytes(data)


def _clear(folder: Path) -> None:
    for path in folder.glob("new*"):
        path.unlink()
