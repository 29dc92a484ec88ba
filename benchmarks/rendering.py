"""Print how long drawing a table takes, and how much memory.

::

    python benchmarks/rendering.py            # 0.5, 1, 2 and 5 million localizations
    python benchmarks/rendering.py 1000000

The table is filaments in a field of 40 µm, drawn at 10 nm with uncertainties of 15 ± 5 nm.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
import psutil

from deep_storm.rendering import Renderer
from deep_storm.settings import Rendering

COUNTS = [500_000, 1_000_000, 2_000_000, 5_000_000]
FIELD_NM = 40_000.0
DRAWINGS = {
    "histogram": Rendering(method="histogram"),
    "gaussian": Rendering(),
    "shifted histogram": Rendering(method="shifted-histogram"),
    "gaussian, colour frame": Rendering(colour="frame"),
    "gaussian, colour density": Rendering(colour="density"),
}


def filaments(count: int, seed: int = 1) -> pd.DataFrame:
    """Return localizations on straight filaments."""
    rng = np.random.default_rng(seed)
    middle_nm, angle = rng.uniform(0, FIELD_NM, (200, 2)), rng.uniform(0, np.pi, 200)
    which, along_nm = rng.integers(0, 200, count), rng.uniform(-10_000, 10_000, count)
    x_nm = middle_nm[which, 0] + along_nm * np.cos(angle[which]) + rng.normal(0, 15, count)
    y_nm = middle_nm[which, 1] + along_nm * np.sin(angle[which]) + rng.normal(0, 15, count)
    return pd.DataFrame(
        {
            "frame": rng.integers(0, 20_000, count),
            "x_nm": x_nm % FIELD_NM,
            "y_nm": y_nm % FIELD_NM,
            "uncertainty_xy_nm": rng.gamma(9, 15 / 9, count),
        }
    )


def main() -> None:
    """Draw tables of several sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("counts", nargs="*", type=int, default=COUNTS)
    counts = parser.parse_args().counts
    small = filaments(1000)
    for settings in DRAWINGS.values():
        draw(small, settings)  # compile
    print(f"{'localizations':>13}  {'drawing':<24}  {'seconds':>7}  {'CPU s':>6}  {'memory':>8}")
    for count in counts:
        table = filaments(count)
        for name, settings in DRAWINGS.items():
            began, cpu = time.perf_counter(), time.process_time()
            draw(table, settings)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
            memory = psutil.Process().memory_info().rss / 2**20
            print(f"{count:13,}  {name:<24}  {seconds:7.2f}  {cpu:6.2f}  {memory:4.0f} MiB")


def draw(table: pd.DataFrame, settings: Rendering) -> None:
    """Draw a table as a file would hold it."""
    renderer = Renderer(table, settings)
    for _ in renderer.pixels(renderer.levels()):
        pass


if __name__ == "__main__":
    main()
