"""What attacks have in common: the inputs, a run of the command line, and how it must end.

A run must end with 0 or 2 and at most one sentence, never with a traceback, within ten seconds of
processor time and a gigabyte, and leave nothing behind.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile

import deep_storm as ds
from deep_storm.cli import main as command_line
from deep_storm.errors import Cancelled
from deep_storm.io.psf_files import write_psf
from deep_storm.io.tables.drift_files import Drift, write_drift
from deep_storm.io.tables.files import write_table
from deep_storm.model import Model
from deep_storm.model_card import ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.psf.gaussian import gaussian_table
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
SECONDS_OF_A_HANG = 120.0
AT_ONCE = ["reconstruct", "movie.tif", "--model", "model", "--no-report"]
RECONSTRUCT = [*AT_ONCE, "--chunk-frames", "1"]
"""In many steps, so that a run can be killed in the middle."""


@dataclass
class Tally:
    """How often a kind of fault was met as it should be."""

    kind: str
    tried: int = 0
    wrong: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    largest_mib: float = 0.0

    def line(self) -> str:
        """Say it in one line."""
        slow = f", slowest {self.slowest_seconds:.1f} s" if self.slowest_seconds else ""
        slow += f", {self.largest_mib:.0f} MiB at most" if self.largest_mib else ""
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
    _prepare_small_files(folder)


def _prepare_small_files(folder: Path) -> None:
    """Make one of each of the other files that are read: a record, a drift, maps, a PSF."""
    knots, one = np.array([0.0, FRAMES / 2, FRAMES]), np.array([[0.0, 0.1, 0.0, 0.0]] * 2)
    drift = Drift(knots, one, -one, np.arange(3.0), np.zeros((3, 2)))
    write_drift(folder / "drift.json", drift)
    write_psf(folder / "psf.toml", gaussian_table(110.0, 100.0))
    for name, level in (("offset", 100.0), ("gain", 0.5), ("variance", 2.0)):
        pixels = np.random.default_rng(1).normal(level, 0.01 * level, (20, 24))
        tifffile.imwrite(folder / f"{name}.tif", pixels.astype(np.float32))
    (folder / "camera.toml").write_text(MATCHED[: MATCHED.index("[psf]")])
    table = ds.read_table(folder / "sim.csv")
    for name in ("picasso.hdf5", "smap_sml.mat"):
        write_table(folder / name, table, camera=MOLECULES["camera"])
    tifffile.imwrite(folder / "mask.tif", np.eye(16, dtype=np.uint8))
    said([*RECONSTRUCT, "-o", "done"], folder)
    keep_interrupted(folder / "left.running", folder)


def keep_interrupted(work: Path, folder: Path) -> None:
    """Leave the work folder of a reconstruction that was stopped in the middle."""

    def stop(done: int, total: int, message: str) -> None:
        if done >= FRAMES // 2:
            raise Cancelled("stopped")

    result = work.with_suffix("")
    chosen = ds.Reconstruction(chunk_frames=1)
    with standing_in(folder):
        ds.reconstruct("movie.tif", model="model", output=result, settings=chosen, progress=stop,
                       no_report=True)  # fmt: skip
    for path in folder.glob(f"{result.name}*"):
        if path != work:
            path.unlink()


def said(arguments: Sequence[str], folder: Path) -> tuple[int, str, float]:
    """Run the command line here; return exit code, what standard error got, and seconds."""
    talk = io.StringIO()
    began = time.monotonic()
    out = io.StringIO()
    with standing_in(folder), contextlib.redirect_stderr(talk), contextlib.redirect_stdout(out):
        code = command_line([str(a) for a in arguments])
    return code, talk.getvalue(), time.monotonic() - began


@contextlib.contextmanager
def standing_in(folder: Path) -> Iterator[None]:
    """Stand in another folder (contextlib.chdir comes with Python 3.11)."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


class HangError(BaseException):
    """A command did not come back."""


def hung(*_: object) -> None:
    """End what waits for ever, as a signal."""
    raise HangError


def peak_mib() -> float:
    """Return the largest memory of this process since :func:`forget_peak`."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def forget_peak() -> float:
    """Begin to measure the largest memory; return what is taken now."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak_mib()


def met(
    tally: Tally,
    what: str,
    arguments: Sequence[str],
    folder: Path,
    codes: tuple[int, ...] = (0, 2),
    work: Path | None = None,
) -> int:
    """Run the command line on something broken and look at how it ends; ``work`` may stay."""
    before, began = forget_peak(), time.process_time()
    signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_OF_A_HANG)
    try:
        code, talk, _ = said(arguments, folder)
    except HangError:
        code, talk = -1, "it hangs"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    seconds, grown = time.process_time() - began, peak_mib() - before
    tally.tried += 1
    tally.slowest_seconds = max(tally.slowest_seconds, seconds)
    tally.largest_mib = max(tally.largest_mib, grown)
    progress = ("Note:", "frames", "steps")
    notes = [line for line in talk.splitlines() if not line.startswith(progress)]
    problem = ""
    if code not in codes or "Traceback" in talk or "bug in Deep-STORM" in talk:
        problem = f"exit code {code}: {talk[-300:]}"
    elif code == 2 and len(notes) != 1:
        problem = f"{len(notes)} lines: {talk[-300:]}"
    elif any(not character.isprintable() for character in talk.replace("\n", "")):
        problem = f"not visible: {talk[-300:]!a}"
    elif seconds > MAX_SECONDS:
        problem = f"{seconds:.0f} s"
    elif grown > MAX_MIB:
        problem = f"{grown:.0f} MiB more memory"
    elif _left(folder, work):
        problem = f"left {_left(folder, work)} behind"
    if problem:
        tally.wrong.append(f"{what}: {problem}")
    for path in folder.glob("new*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return code


def _left(folder: Path, work: Path | None) -> list[str]:
    """Return what a run left that is no result."""
    kept = {work, folder / "left.running"}
    paths = [path for path in folder.rglob("*") if path not in kept]
    return [p.name for p in paths if ".part" in p.name or p.suffix in (".running", ".training")]
