"""What a localization table tells, and when it cannot be trusted."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.errors import TableError
from deep_storm.estimation import estimate_stack
from deep_storm.estimation.combined import estimate_table
from deep_storm.estimation.table import table_statistics
from deep_storm.simulation.noise import expose
from deep_storm.simulation.psf import add_emitters

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
DEMO = Path(ds.__file__).parent / "demo_data" / "cmos_d2_first30_memle.csv"


def rows(count=2000, frames=400, seed=0, **changed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "frame": np.sort(rng.integers(0, frames, count)),
            "x_nm": rng.uniform(0, 6400, count),
            "y_nm": rng.uniform(0, 6400, count),
            "sigma_nm": rng.normal(120, 8, count),
            "intensity_photon": rng.normal(1500, 300, count),
            "background_photon": rng.normal(15, 2, count),
        }
    )
    return table.assign(**{k: v(rng, table) if callable(v) else v for k, v in changed.items()})


def blinking(on_frames, frames=300, births=2.0, seed=1):
    """Return rows of molecules that stay on for a geometric number of frames, true positions."""
    rng = np.random.default_rng(seed)
    parts = []
    for first in range(-20, frames):
        for _ in range(rng.poisson(births)):
            last = first + rng.geometric(1 / on_frames)
            seen = np.arange(max(first, 0), min(last, frames))
            x_nm, y_nm = rng.uniform(0, 4800, 2)
            parts.append(pd.DataFrame({"frame": seen, "x_nm": x_nm, "y_nm": y_nm}))
    table = pd.concat(parts, ignore_index=True).sort_values("frame", ignore_index=True)
    values = {"sigma_nm": 120, "intensity_photon": 1500, "background_photon": 15}
    return table.assign(**{n: rng.normal(v, 0.1 * v, len(table)) for n, v in values.items()})


def test_reads_mean_spread_and_number():
    found = table_statistics(rows(), 40.96, 400).quantities
    assert found["sigma"].value == pytest.approx(120, rel=0.01)
    assert found["photons"].spread == pytest.approx(300, rel=0.1)
    assert found["background"].value == pytest.approx(15, rel=0.02)
    assert found["density"].value == pytest.approx(2000 / 400 / 40.96)
    assert found["density"].lower_limit
    assert 1000 < found["sigma"].samples <= 2000
    assert not any(q.warnings for q in found.values())


def test_outliers_do_not_count():
    def with_outliers(rng, table):
        return np.where(rng.uniform(size=len(table)) < 0.03, 50_000, table["intensity_photon"])

    found = table_statistics(rows(intensity_photon=with_outliers), 40.96, 400).quantities
    assert found["photons"].value == pytest.approx(1500, rel=0.02)


def test_a_bound_of_the_fit_is_seen():
    found = table_statistics(
        rows(sigma_nm=lambda rng, t: np.clip(rng.normal(150, 20, len(t)), 80, 160)), 40.96, 400
    ).quantities
    assert "upper bound of the fit" in found["sigma"].warnings[0]


def test_two_dyes_are_seen():
    def two(rng, table):
        return rng.normal(np.where(rng.uniform(size=len(table)) < 0.5, 800, 2500), 150)

    found = table_statistics(rows(intensity_photon=two), 40.96, 400).quantities
    assert "several maxima (near 8" in found["photons"].warnings[0]


def test_few_rows_are_few():
    found = table_statistics(rows(count=60), 40.96, 400).quantities
    assert "localizations are isolated" in found["sigma"].warnings[0]
    with pytest.raises(TableError, match="has 12 rows"):
        table_statistics(rows(count=12), 40.96, 400)


@pytest.mark.parametrize("on_frames", [1.0, 3.0])
def test_how_long_molecules_shine_is_told_by_table_and_frames(on_frames):
    table = blinking(on_frames)
    told = table_statistics(table, 23.04, 300).quantities["on_time"]
    assert told.value == pytest.approx(on_frames, rel=0.12)
    expected = np.full((300, 48, 48), 15, np.float32)
    columns = ("x_nm", "y_nm", "sigma_nm", "intensity_photon")
    x, y, sigma, photons = (table[c].to_numpy(np.float64) for c in columns)
    add_emitters(expected, table["frame"].to_numpy(), x / 100, y / 100, sigma / 100, photons)
    stack = expose(expected, CAMERA, np.random.default_rng(2))
    seen = estimate_stack(stack, CAMERA).quantities["on_time"]
    assert seen.value == pytest.approx(on_frames, rel=0.15)
    assert bool(seen.warnings) == (on_frames > 1.5)


def test_thunderstorms_own_table():
    found = estimate_table(ds.read_table(DEMO, CAMERA), CAMERA)
    truth = ds.read_table(DEMO.with_name("cmos_d2_first30_gt.csv"), CAMERA, kind="ground truth")
    assert found.psf.sigma_nm == pytest.approx(truth["sigma_nm"].mean(), rel=0.03)
    assert found.emitters.intensity_photon == pytest.approx(
        truth["intensity_photon"].mean(), rel=0.07
    )
    assert found.background.background_photon == pytest.approx(20, rel=0.1)
    true = len(truth) / 30 / 40.96
    assert 0.6 * true < found.emitters.density_per_um2 < 1.1 * true
    assert found.local_density[0].value == pytest.approx(found.emitters.density_per_um2, rel=0.15)
    assert all(q.lower_limit for q in found.local_density)
    assert found.emitters.structure == "uniform"


def test_a_structure_is_seen_and_its_crowd_is_warned_of():
    def line(rng, table):
        return table["y_nm"] + rng.normal(0, 20, len(table))

    sparse = estimate_table(rows(count=800, x_nm=line), CAMERA)
    assert sparse.emitters.structure == "filaments"
    assert sparse.local_density[0].value > 3 * sparse.emitters.density_per_um2
    assert not sparse.quantities["photons"].warnings
    crowded = estimate_table(rows(count=4000, frames=200, x_nm=line), CAMERA)
    assert "several emitters fitted as one" in crowded.quantities["photons"].warnings[-1]
