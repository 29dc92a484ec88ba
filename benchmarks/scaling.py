"""How the work scales: with workers, with the number of frames, and with the field.

    python benchmarks/scaling.py --workers 1 2 --frames 1000 10000 100000 --fields 64 256 1024

Prints frames per second for each number of Dask workers against one process (files written, start
of the workers not counted); and, made while it is read, time per pixel from the first frame to the
last (on the clock, and of the processor: where a machine has other things to do, only that says
something), the share of it in the network, what the rest of the run takes (the model learns what
to expect, the fit is judged, results are written), and the peak of the process, for movies of
different length (64 x 64 px) and fields (as many pixels in all as 20,000 frames of 64 x 64 px).
Whether all tables are the same is printed too.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from memory import EXPECTED, Endless, peak_gib

import deep_storm as ds
from deep_storm.inputs.expected import Expected
from deep_storm.io.images import write_stack
from deep_storm.runs.result import Common
from deep_storm.runs.stack import reconstruct_stack
from deep_storm.settings import Reconstruction

SETTINGS = Reconstruction(chunk_frames=32)


def reconstructed(movie, output, workers=None, settings=SETTINGS):
    """Reconstruct with the general model; return the result and its seconds."""
    began = time.perf_counter()
    common = Common(
        MODEL, Expected(**EXPECTED), settings=settings, workers=workers, with_report=False
    )
    result = reconstruct_stack(movie, output, common, overwrite=True)
    return result, time.perf_counter() - began


def by_workers(folder: Path, counts: list[int], frames: int) -> None:
    """Print the speed of one process and of each number of workers, on one stack."""
    from deep_storm.inference.dask_workers import DaskWorkers

    stack = folder / "movie.tif"
    write_stack(stack, Endless(frames, 64).read(0, frames), 100.0)
    few = folder / "few.tif"
    write_stack(few, Endless(128, 64).read(0, 128), 100.0)
    reconstructed(few, folder / "warm")
    _, seconds = reconstructed(stack, folder / "one")
    expected = (folder / "one.csv").read_bytes(), (folder / "one.tif").read_bytes()
    print(f"{frames} frames of 64 x 64 px, {os.cpu_count()} cores")
    print(f"one process    {frames / seconds:7.1f} frames per second")
    for count in counts:
        with DaskWorkers(f"local:{count}") as workers:
            reconstructed(few, folder / "warm", workers)
            _, seconds = reconstructed(stack, folder / "many", workers)
        same = (folder / "many.csv").read_bytes(), (folder / "many.tif").read_bytes()
        told = "the same table and image" if same == expected else "NOT the same"
        print(f"{count} workers      {frames / seconds:7.1f} frames per second, {told}", flush=True)


def by_size(folder: Path, lengths: list[int], fields: list[int]) -> None:
    """Print time per pixel and the peak of the process."""
    reconstructed(Endless(200, 64), folder / "warm")
    pixels = 20_000 * 64 * 64
    cases = [(n, 64) for n in lengths] + [(max(pixels // (f * f), 4), f) for f in fields]
    for frames, size in cases:
        movie = Endless(frames, size)
        used = time.process_time()
        result, seconds = reconstructed(movie, folder / "sized", None, Reconstruction())
        used = time.process_time() - used
        done = result.reconstructed
        per_px, used_per_px = (s / np.prod(movie.shape) * 1e9 for s in (done.seconds, used))
        print(
            f"{frames:7} frames of {size:4} px: {done.seconds:7.1f} s, {per_px:6.0f} ns a pixel "
            f"({used_per_px:6.0f} of processor time in all), "
            f"{done.network_seconds / done.seconds:.0%} in the network; "
            f"before and after {seconds - done.seconds:.1f} s; "
            f"{result.count} localizations, peak {peak_gib():.2f} GiB",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--frames", type=int, nargs="*", default=[1000, 10_000, 100_000])
    parser.add_argument("--fields", type=int, nargs="*", default=[64, 256, 1024])
    parser.add_argument("--stack-frames", type=int, default=2000)
    options = parser.parse_args()
    MODEL = ds.Model.load("general")
    with tempfile.TemporaryDirectory() as temporary:
        by_workers(Path(temporary), options.workers, options.stack_frames)
        by_size(Path(temporary), options.frames, options.fields)
