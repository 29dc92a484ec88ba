"""Files of strangers, small and made to harm: to fill the memory, never to end, to reach outside.

:func:`cases` writes them one after another into a folder that ``attacks.prepare`` made, and says
which command reads each of them. The command must end with a sentence (or, where it says so, do its
work) within ten seconds of processor time and a gigabyte.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import tomli_w
from bombs import (
    inflating,
    inflating_npz,
    inflating_png,
    ome_text,
    page_tags,
    tiff_page,
    write_frames,
)

from deep_storm.io.config import tomllib

REFUSED, EITHER = (2,), (0, 2)
BROKEN_MODEL = ("reconstruct", "movie.tif", "--model", "broken", "--no-report", "-o", "new")


@dataclass(frozen=True)
class Case:
    """A file and the command that reads it."""

    name: str
    arguments: tuple[str, ...]
    codes: tuple[int, ...] = REFUSED


def cases(folder: Path) -> Iterator[Case]:
    """Write each file; the one before may be gone then."""
    for kind in (_tiffs, _sets, _no_files, _tables, _drifts, _settings, _models, _others):
        yield from kind(folder)


def reconstruct(stack: str, *more: str) -> tuple[str, ...]:
    """Return a command that reads a stack."""
    return ("reconstruct", stack, "--model", "model", "--no-report", "-o", "new", *more)


def watch(stack: str) -> tuple[str, ...]:
    """Return a command that watches a stack."""
    return ("reconstruct", "--watch", stack, "--quiet-seconds", "0.2", "--model", "model",
            "--no-report", "-o", "new")  # fmt: skip


def _tiffs(folder: Path) -> Iterator[Case]:
    path = folder / "bomb.tif"
    command = reconstruct("bomb.tif")
    write_frames(path, ome_text(2_000_000_000))
    yield Case("OME-TIFF of 2·10⁹ frames", command, EITHER)
    packed = b"\x78\x9c" + inflating(2 << 30)
    tiff_page(path, page_tags(64, 64, 8, 122, len(packed)), packed)
    yield Case("page that inflates to 2 GB", command)
    tiff_page(path, [*page_tags(16, 16), (270, 2, 1 << 30, 8)], bytes(512))
    yield Case("description of 1 GB", command, EITHER)
    counts = [(50838, 4, 1 << 28, 8), (50839, 1, 1 << 30, 8)]
    tiff_page(path, [*page_tags(16, 16), *counts], bytes(512))
    yield Case("ImageJ metadata of 1 GB", command, EITHER)
    tiff_page(path, page_tags(1 << 31, 1 << 31), bytes(512))
    yield Case("page of 2³¹ × 2³¹ px", command)
    strips = [(273, 4, 1 << 30, 8), (279, 4, 1 << 30, 8)]
    tags = [tag for tag in page_tags(16, 16) if tag[0] not in (273, 279)]
    tiff_page(path, [*tags, *strips], bytes(512))
    yield Case("2³⁰ strips", command)
    for name, text in {
        "images=99…9": f"ImageJ=1.53t\nimages={'9' * 400}\nframes={'9' * 400}\n",
        "images=-1": "ImageJ=1.53t\nimages=-1\nframes=-1\n",
        "XML in XML in XML": ome_text(1, "<a>" * 100_000),
        "an entity of entities": _entities(),
    }.items():
        write_frames(path, text)
        yield Case(name, command, EITHER)
        yield Case(f"{name}, watched", watch("bomb.tif"), EITHER)
    tiff_page(path, page_tags(4, 4), bytes(64), next_at=8)
    yield Case("directory that follows itself", command)
    yield Case("directory that follows itself, watched", watch("bomb.tif"))


def _entities() -> str:
    levels = "".join(
        f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' if n else '<!ENTITY e0 "boom">' for n in range(10)
    )
    return f'<?xml version="1.0"?><!DOCTYPE OME [{levels}]><OME>&e9;</OME>'


def _sets(folder: Path) -> Iterator[Case]:
    """OME-TIFFs that name files elsewhere, and what is no file."""
    outside = folder.parent / f"{folder.name}_outside.tif"
    write_frames(outside)
    fifo = folder / "pipe.tif"
    if not fifo.exists():
        os.mkfifo(fifo)
    (folder / "link.tif").unlink(missing_ok=True)
    (folder / "link.tif").symlink_to(outside)
    for name in (str(outside), f"../{outside.name}", "pipe.tif", "link.tif", "/etc/passwd",
                 "/dev/zero"):  # fmt: skip
        planes = "".join(
            f'<TiffData FirstT="{t}" IFD="0" PlaneCount="1"><UUID FileName="{file}">urn:uuid:{t}'
            "</UUID></TiffData>"
            for t, file in enumerate(("set.ome.tif", name))
        )
        write_frames(folder / "set.ome.tif", ome_text(2, planes), count=1)
        yield Case(f"OME-TIFF that names {name}", reconstruct("set.ome.tif"), EITHER)
    outside.unlink()


def _no_files(folder: Path) -> Iterator[Case]:
    """Pipes, devices and folders where a file is expected."""
    for name in ("pipe.tif", "/dev/zero", "/dev/null", "."):
        drift = ("correct-drift", "sim.csv", "--drift-file", name, "-o", "new.csv")
        simulate = ("simulate", "--config", "matched.toml", "--frames", "1", "-o", "new")
        yield Case(f"{name} as a stack", reconstruct(name))
        yield Case(f"{name} as a table", ("filter", name, "x > 1", "-o", "new.csv"))
        yield Case(f"{name} as a drift", drift)
        yield Case(f"{name} as settings", ("simulate", "--config", name, "-o", "new"))
        yield Case(f"{name} as a camera", ("filter", "sim.csv", "x > 1", "--camera", name,
                                           "-o", "new.csv"))  # fmt: skip
        yield Case(f"{name} as a mask", (*simulate, "--structure", name))
        yield Case(f"{name} as a PSF", (*simulate, "--psf-file", name))
        yield Case(f"{name} as camera maps", (*reconstruct("movie.tif"), "--camera-maps", name,
                                              name, name))  # fmt: skip
        yield Case(f"{name} as a record", ("report", name, "-o", "new.html"))
        yield Case(f"{name} as a model", ("reconstruct", "movie.tif", "--model", name, "-o", "new"))
        for file in ("model.toml", "weights.npz"):
            _copied(folder)
            (folder / "broken" / file).unlink()
            (folder / "broken" / file).symlink_to((folder / name).resolve())
            yield Case(f"{file} that leads to {name}", ("reconstruct", "movie.tif", "--model",
                                                        "broken", "-o", "new"))  # fmt: skip


def _tables(folder: Path) -> Iterator[Case]:
    path = folder / "bomb.csv"
    command = ("filter", "bomb.csv", "x > 1", "-o", "new.csv")
    columns = ",".join(f'"c{n}"' for n in range(300_000))
    for name, text in {
        "300,003 columns": f'"frame","x [nm]","y [nm]",{columns}\n1,2,3\n',
        "a header of 9 MB": f'"frame","x [nm]","y [nm]","{"a" * 9_000_000}"\n1,2,3,4\n',
        "a quote that never closes": '"frame","x [nm]","y [nm]"\n"1,2,3\n' + "1,2,3\n" * 200_000,
        "a number of 5 MB": f'"frame","x [nm]","y [nm]"\n{"1" * 5_000_000},2,3\n',
        "a frame of 400 digits": f'"frame","x [nm]","y [nm]"\n{"1" * 400},2,3\n',
        "frame 10¹⁵": '"frame","x [nm]","y [nm]"\n1000000000000000,2,3\n1,2,3\n',
        "2,000,000 commas": "," * 2_000_000,
        "zeros": "\0" * 1_000_000,
    }.items():
        path.write_text(text)
        yield Case(name, command, EITHER)
    path.write_text('"frame","x [nm]","y [nm]"\n1,0,0\n2,1e12,1e12\n')
    yield Case("a row 1 km away, drawn", ("render", "bomb.csv", "-o", "new.tif"))
    yield Case("a row 1 km away, its drift", ("correct-drift", "bomb.csv", "-o", "new.csv"), EITHER)
    yield Case("a row 1 km away, merged", ("merge", "bomb.csv", "-o", "new.csv"), EITHER)
    yield Case("a row 1 km away, clustered", ("cluster", "bomb.csv", "-o", "new.csv"), EITHER)
    path.write_text('"frame","x [nm]","y [nm]"\n1,5,5\n1000000000000,7,7\n')
    yield Case("frame 10¹², its drift", ("correct-drift", "bomb.csv", "-o", "new.csv"), EITHER)
    yield Case("frame 10¹², merged", ("merge", "bomb.csv", "-o", "new.csv"), EITHER)
    yield Case("frame 10¹², scored", ("evaluate", "bomb.csv", "sim.csv"), EITHER)


def _drifts(folder: Path) -> Iterator[Case]:
    path = folder / "bomb.json"
    command = ("correct-drift", "sim.csv", "--drift-file", "bomb.json", "-o", "new.csv")

    def drift(pieces: int, coefficients: int, units: object = "nm") -> str:
        function = {
            "knots": list(range(pieces + 1)),
            "polynomials": [{"coefficients": [0] * coefficients}] * pieces,
        }
        return json.dumps({"units": units, "xFunction": function, "yFunction": function})

    whole = drift(1, 4)
    for name, text in {
        "20,000 pieces": drift(20_000, 4),
        "a piece of 10⁶ coefficients": drift(1, 1_000_000),
        "a number of 400 digits": whole.replace("0, 0, 0, 0", "0, 0, 0, " + "9" * 400),
        "a unit that is a list": drift(1, 4, ["nm"]),
        "a unit that is an object": drift(1, 4, {"nm": 1}),
        "a million brackets": "[" * 1_000_000,
        "an integer of 10⁵ digits": "9" * 100_000,
        "knots that are no numbers": whole.replace("[0, 1]", '["a", null]'),
        "Infinity": whole.replace("0, 0, 0, 0", "Infinity, NaN, 0, 0"),
    }.items():
        path.write_text(text)
        yield Case(f"drift: {name}", command, EITHER if "pieces" in name else REFUSED)


def _settings(folder: Path) -> Iterator[Case]:
    path = folder / "bomb.toml"
    command = ("simulate", "--config", "bomb.toml", "--frames", "1", "-o", "new")
    for name, text in {
        "a key of 100 KB": ".".join("a" * 50_000) + " = 1\n",
        "a table of 100 KB": "[" + ".".join("a" * 50_000) + "]\n",
        "many deep tables": "".join(f"[{'.'.join('a' * 25)}.k{n}]\n" for n in range(5000)),
        "an integer of 5,000 digits": f"[simulation]\nframes = {'9' * 5000}\n",
        "lists in lists": f"[simulation]\nframes = {'[' * 100_000}\n",
        "tables in tables": "[simulation]\nframes = " + "{a = " * 20_000 + "\n",
        "escape sequences": '["\\u001b]0;title\\u0007"]\n"\\u001b[2J" = "\\u202e"\n',
        "an infinite number": "[simulation]\nframes = inf\n[psf]\nsigma_nm = nan\n",
        "4 MB": "[simulation]\n" + "#" * (4 << 20) + "\n" + "a = 1\n" * 10,
    }.items():
        path.write_text(text)
        yield Case(f"TOML: {name}", command)
        yield Case(f"record: {name}", ("report", "bomb.toml", "-o", "new.html"))
    for target in ("/dev/zero", str(folder / "pipe.tif"), "../" * 30 + "etc/passwd"):
        inputs = f'[run]\nverb = "reconstruct"\n[inputs]\nstack = "{target}"\nmodel = "{target}"\n'
        path.write_text(f"{inputs}[outputs]\nimage = '{target}'\ntable = '{target}'\n[results]\n")
        yield Case(f"record of {target}", ("report", "bomb.toml", "-o", "new.html"), EITHER)
        path.write_text(f"{inputs}{(folder / 'matched.toml').read_text()}")
        yield Case(f"settings of a run on {target}", command, EITHER)


def _copied(folder: Path) -> Path:
    shutil.rmtree(folder / "broken", ignore_errors=True)
    shutil.copytree(folder / "model", folder / "broken")
    return folder / "broken"


def _models(folder: Path) -> Iterator[Case]:
    """Model folders whose checksum is right: whoever made them wanted them so."""
    yield from _weights(folder)
    yield from _cards(folder)


def _scaled(factor: float) -> Callable[[Path], None]:
    def change(weights: Path) -> None:
        with np.load(weights) as file, np.errstate(over="ignore"):
            arrays = {name: np.float32(factor) * file[name] for name in file.files}
        np.savez(weights, **arrays)

    return change


def _flagged(at: int, value: int) -> Callable[[Path], None]:
    """Set a byte of the first member's two headers."""

    def change(weights: Path) -> None:
        data = bytearray(weights.read_bytes())
        central = data.index(b"PK\1\2")
        data[central + at] = data[at - 2] = value
        weights.write_bytes(data)

    return change


def _weights(folder: Path) -> Iterator[Case]:
    with zipfile.ZipFile(folder / "model" / "weights.npz") as archive:
        first = archive.namelist()[0]
    for name, change in {
        "a NaN": _scaled(float("nan")),
        "weights × 10¹⁸": _scaled(1e18),
        "weights × 10³⁸": _scaled(1e38),
        "an array that inflates to 2 GB": lambda w: inflating_npz(w, first, (1 << 15, 1 << 14)),
        "an encrypted member": _flagged(8, 1),
        "a member packed in an unknown way": _flagged(10, 99),
        "no archive": lambda w: w.write_bytes(b"PK" + bytes(1000)) and None,
    }.items():
        weights = _copied(folder) / "weights.npz"
        change(weights)
        with edited(folder / "broken" / "model.toml") as card:
            entry = next(w for w in card["weights"] if w["name"] == weights.name)
            entry |= {"sha256": _sha256(weights), "bytes": weights.stat().st_size}
        yield Case(f"model with {name}", BROKEN_MODEL)


def _cards(folder: Path) -> Iterator[Case]:
    unequal = {"spread_score": [0.1, 0.2], "spread_factor": [0.5]}
    for name, section, values in (
        ("an unequal calibration", "calibration", unequal),
        ("weights outside", "weights", [{"name": "../movie.tif", "sha256": "0" * 64, "bytes": 1}]),
        ("a threshold of 10⁴⁰⁰", "threshold", 10**400),
        ("frames of 10¹² photons", "scales", {"background_photon": 1e300}),
    ):
        with edited(_copied(folder) / "model.toml") as card:
            card[section] = {**card[section], **values} if isinstance(values, dict) else values
        yield Case(f"model with {name}", BROKEN_MODEL)


@contextmanager
def edited(path: Path) -> Iterator[dict[str, Any]]:
    """Change a model's card, which then has no checksum of its own: that of an edited one."""
    card = tomllib.loads(path.read_text())
    card.pop("checksum", None)
    yield card
    path.write_bytes(tomli_w.dumps(card).encode())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _others(folder: Path) -> Iterator[Case]:
    """Masks, maps and PSF files."""
    simulate = ("simulate", "--config", "matched.toml", "--frames", "1", "-o", "new")
    packed = b"\x78\x9c" + inflating(2 << 30)
    tiff_page(folder / "bomb.tif", page_tags(64, 64, 8, 122, len(packed)), packed)
    yield Case("mask that inflates", (*simulate, "--structure", "bomb.tif"))
    big = inflating_png(20_000)
    (folder / "bomb.png").write_bytes(big)
    yield Case("PNG of 4·10⁸ px as a mask", (*simulate, "--structure", "bomb.png"))
    yield Case("maps that inflate", (*reconstruct("movie.tif"), "--camera-maps", "bomb.tif",
                                     "bomb.tif", "bomb.tif"))  # fmt: skip
    tiff_page(folder / "bomb.tif", page_tags(1 << 20, 1 << 20), bytes(64))
    yield Case("mask of 10¹² px", (*simulate, "--structure", "bomb.tif"))
    tiff_page(folder / "bomb.tif", page_tags(4, 4), bytes(64), next_at=8)
    yield Case("mask that follows itself", (*simulate, "--structure", "bomb.tif"), EITHER)
    strips = [(273, 4, 1 << 30, 8), (279, 4, 1 << 30, 8), (50838, 4, 1 << 28, 8)]
    tags = [tag for tag in page_tags(16, 16) if tag[0] not in (273, 279)]
    tiff_page(folder / "bomb.tif", [*tags, *strips, (50839, 1, 1 << 30, 8)], bytes(512))
    yield Case("mask of 2³⁰ strips", (*simulate, "--structure", "bomb.tif"))
    tifffile.imwrite(folder / "bomb.tif", np.full((20, 24), np.nan, np.float32))
    yield Case("mask without a number", (*simulate, "--structure", "bomb.tif"))
    yield Case("maps without a number", (*reconstruct("movie.tif"), "--camera-maps", "bomb.tif",
                                         "bomb.tif", "bomb.tif"))  # fmt: skip
    table = "format_version = 1\npixel_size_nm = 100.0\nsamples_per_px = 4\nsource = 'beads'\n"
    for name, planes, edge in (("3 GB", 7, 9999), ("2 GB", 1, 23170)):
        inflating_npz(folder / "bomb.npz", "psf.npy", (planes, edge, edge))
        file = folder / "bomb.npz"
        about = f"values = 'bomb.npz'\nbytes = {file.stat().st_size}\nsha256 = '{_sha256(file)}'\n"
        sizes = f"planes = {planes}\nedge = {edge}\n"
        (folder / "bomb.toml").write_text(f"[psf_table]\n{table}{sizes}{about}")
        yield Case(f"PSF of {name}", (*simulate, "--psf-file", "bomb.toml"))
        (folder / "bomb.toml").write_text(f"[psf_table]\n{table}planes = 1\nedge = 97\n{about}")
        yield Case(f"PSF of {name} that says 97 × 97", (*simulate, "--psf-file", "bomb.toml"))
