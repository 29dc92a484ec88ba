"""Peak memory and speed over a long movie that is made while it is read, never stored.

    python benchmarks/memory.py --frames 100000 --size-px 64
    python benchmarks/memory.py --frames 50000 --size-px 512 --remember
    python benchmarks/memory.py --frames 100000 --size-px 64 --remember --density-per-um2 2

Prints the peak of the process at every tenth of the way, and the sizes of what was written. With
``--remember`` the movie repeats a few frames, and the network's answer to each is computed once
and then remembered: everything else is done for every frame of a movie that would take the network
many hours.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

import deep_storm as ds
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.networks.device import quiet_tensorflow
from deep_storm.settings import Simulation

EXPECTED = {
    "camera": ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
    "psf": ds.Psf(sigma_nm=110),
    "emitters": ds.Emitters(density_per_um2=2, intensity_photon=1500),
    "background": ds.Background(background_photon=20),
}
SPARSE_PER_UM2 = 0.05
DIFFERENT = 50
REMEMBERED = 4


class Endless(FrameStream):
    """Simulated frames, shifted around so that no two are alike; or a few that come again."""

    def __init__(
        self,
        frames: int,
        size_px: int,
        *,
        again: bool = False,
        density_per_um2: float = SPARSE_PER_UM2,
    ) -> None:
        from deep_storm.simulation.frames import simulate

        count = REMEMBERED if again else DIFFERENT
        size = Simulation(frames=count, width_px=size_px, height_px=size_px)
        expected = dict(EXPECTED)
        if again:
            expected["emitters"] = ds.Emitters(
                density_per_um2=density_per_um2, intensity_photon=1500
            )
        self._base = simulate(*expected.values(), size).stack
        self._again = again
        self.shape = (frames, size_px, size_px)
        self.dtype = self._base.dtype
        self.pixel_size_nm = 100.0
        self.name = f"{frames} frames made on the fly"

    def _read(self, start: int, stop: int) -> np.ndarray:
        if self._again:
            return self._base[np.arange(start, stop) % REMEMBERED]
        return np.stack(
            [np.roll(self._base[i % DIFFERENT], i // DIFFERENT, axis=1) for i in range(start, stop)]
        )


def remembering(infer):
    """Answer every frame that came before from memory."""
    known = {}

    def answer(frames):
        keys = [frame[::16].tobytes() for frame in frames]
        missing = [n for n, key in enumerate(keys) if key not in known]
        if missing:
            for n, one in zip(missing, infer(frames[missing]), strict=True):
                known[keys[n]] = one
        return np.stack([known[key] for key in keys])

    return answer


def peak_gib() -> float:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Reconstruct and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--size-px", type=int, default=64)
    parser.add_argument("--remember", action="store_true")
    parser.add_argument("--density-per-um2", type=float, default=SPARSE_PER_UM2)
    options = parser.parse_args()
    quiet_tensorflow()
    if options.remember:
        from deep_storm.networks.native import NativeNetwork

        computed = NativeNetwork.inference
        NativeNetwork.inference = lambda *given, **more: remembering(computed(*given, **more))
    movie = Endless(
        options.frames,
        options.size_px,
        again=options.remember,
        density_per_um2=options.density_per_um2,
    )
    gigabytes = np.prod(movie.shape) * movie.dtype.itemsize / 1e9
    print(f"{movie.name}, {options.size_px} px, {gigabytes:.1f} GB; peak {peak_gib():.2f} GiB")
    told = 0

    def progress(done: int, total: int, message: str) -> None:
        nonlocal told
        if total == options.frames and done * 10 // total > told:  # not while it is examined
            told = done * 10 // total
            speed = done / (time.perf_counter() - began)
            print(f"{done:8} frames, {speed:6.1f} a second, peak {peak_gib():.2f} GiB", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        result = ds.reconstruct(
            movie, model="general", output=Path(folder) / "long", progress=progress, **EXPECTED
        )
        done = result.reconstructed
        print(f"threads: {done.threads}, {done.network_seconds / done.seconds:.0%} in the network")
        print(result.summary())
        for path in result.written:
            print(f"{path.name}: {path.stat().st_size / 1e6:.0f} MB")
    print(f"peak {peak_gib():.2f} GiB")


if __name__ == "__main__":
    main()
