"""Run the tutorial: every command of ``docs/tutorial.md`` in a block marked ``bash``, in order.

    python benchmarks/tutorial.py --pictures      # about four minutes on two cores

The movie is ThunderSTORM's ``filaments_drift`` of ``../shared/thunderstorm``: the raw stack, its
truth for the last step, and nothing else. With ``--pictures`` the pictures of the tutorial are made
anew from what the commands wrote, but for that of the report, which is a browser's.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from deep_storm.cli import main as deep_storm

ROOT = Path(__file__).resolve().parents[1]
TUTORIAL = ROOT / "docs" / "tutorial.md"
IMAGES = ROOT / "docs" / "images"
MOVIE = ROOT.parent / "shared" / "thunderstorm" / "filaments_drift"
PICTURES = {
    "camera-mask.png": "tutorial-mask.png",
    "matched.png": "tutorial-matched.png",
    "models/mine/loss.png": "tutorial-loss.png",
    "preview.png": "tutorial-preview.png",
    "results/movie_drift_corrected-drift.png": "tutorial-drift.png",
    "results/clusters.png": "tutorial-clusters.png",
    "results/before.png": "tutorial-before.png",
    "results/after.png": "tutorial-after.png",
}
WIDEST_PX = 900


def commands(text: str | None = None) -> list[list[str]]:
    """Return the commands of the tutorial, split into words, without ``deep-storm``."""
    text = TUTORIAL.read_text(encoding="utf-8") if text is None else text
    blocks = re.findall(r"(?ms)^```bash\n(.*?)^```", text)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("deep-storm ")]


def run(folder: Path) -> Iterator[tuple[list[str], int, str, float]]:
    """Run all commands in a folder that holds ``movie.tif`` and ``truth.csv``.

    Yields each command, its exit code, what it printed, and the seconds it took.
    """
    before = Path.cwd()
    os.chdir(folder)
    try:
        for words in commands():
            began, said = time.perf_counter(), io.StringIO()
            with contextlib.redirect_stdout(said):
                code = deep_storm(words)
            yield words, code, said.getvalue(), time.perf_counter() - began
    finally:
        os.chdir(before)


def keep_pictures(folder: Path) -> None:
    """Copy the pictures into the documentation, no larger than a page needs."""
    for made, name in PICTURES.items():
        with Image.open(folder / made) as picture:
            small = picture.convert("RGB")
            small.thumbnail((WIDEST_PX, WIDEST_PX), Image.Resampling.LANCZOS)
            if small.width < WIDEST_PX // 3:
                factor = WIDEST_PX // 3 // small.width
                size = (small.width * factor, small.height * factor)
                small = small.resize(size, Image.Resampling.NEAREST)
            small.quantize(128).save(IMAGES / name, optimize=True)


def main() -> None:
    """Run the tutorial and print what it says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary one")
    parser.add_argument("--pictures", action="store_true", help="make the pictures anew")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(f"{MOVIE}.tif", folder / "movie.tif")
        shutil.copy(f"{MOVIE}_gt.csv", folder / "truth.csv")
        for words, code, said, seconds in run(folder):
            print(f"$ deep-storm {shlex.join(words)}\n{said.rstrip()}", flush=True)
            print(f"({seconds:.1f} s)\n", flush=True)
            if code:
                raise SystemExit(f"exit code {code}")
        if options.pictures:
            keep_pictures(folder)


if __name__ == "__main__":
    main()
