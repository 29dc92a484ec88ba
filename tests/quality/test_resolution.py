import math

import numpy as np
import pandas as pd
import pytest
from scipy.signal.windows import tukey

from deep_storm.errors import StackError, TableError
from deep_storm.quality.resolution import TAPER, ring_correlation, table_resolution, tapered


def emitters_seen_again(per_half, sigma_nm, count=6000, field_nm=6000.0, seed=0):
    """Random emitters, each localized a Poisson number of times in either half."""
    rng = np.random.default_rng(seed)
    tables = []
    for half in (0, 1):
        times = rng.poisson(per_half, count)
        x, y = (
            np.repeat(v, times) for v in np.random.default_rng(7).uniform(0, field_nm, (2, count))
        )
        tables.append(
            pd.DataFrame(
                {
                    "frame": np.full(times.sum(), half),
                    "x_nm": x + rng.normal(0, sigma_nm, times.sum()),
                    "y_nm": y + rng.normal(0, sigma_nm, times.sum()),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


@pytest.mark.parametrize(("per_half", "sigma_nm"), [(10, 10.0), (3, 10.0), (10, 25.0)])
def test_resolution_is_that_of_theory(per_half, sigma_nm):
    # For randomly placed emitters FRC(q) = n e^-s / (1 + n e^-s) with s = (2π σ q)², which is 1/7
    # at n e^-s = 1/6.
    expected_nm = 2 * math.pi * sigma_nm / math.sqrt(math.log(6 * per_half))
    found = table_resolution(emitters_seen_again(per_half, sigma_nm))
    assert found.resolution_nm == pytest.approx(expected_nm, rel=0.04)
    s = (2 * math.pi * sigma_nm * found.frequency_per_um / 1000) ** 2
    theory = per_half * np.exp(-s) / (1 + per_half * np.exp(-s))
    inner = (found.frequency_per_um > 2) & (found.frequency_per_um < 90)
    np.testing.assert_allclose(found.smoothed[inner], theory[inner], atol=0.05)


def test_pixel_size_does_not_matter_while_it_is_fine_enough():
    table = emitters_seen_again(10, 20.0)
    fine, coarse = (table_resolution(table, pixel_size_nm=px).resolution_nm for px in (4.0, 12.0))
    assert fine == pytest.approx(coarse, rel=0.05)


def test_a_curve_that_ends_above_the_threshold_says_so():
    found = table_resolution(emitters_seen_again(10, 10.0), pixel_size_nm=30.0)
    assert math.isnan(found.resolution_nm)
    assert found.to_json()["resolution_nm"] is None
    assert found.text().startswith("finer than 60 nm")


def test_random_localizations_have_no_resolution():
    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        {
            "frame": np.arange(4000),
            "x_nm": rng.uniform(0, 5000, 4000),
            "y_nm": rng.uniform(0, 5000, 4000),
        }
    )
    found = table_resolution(table)
    assert found.text().startswith("none")
    assert found.rows == (2000, 2000)


def test_blocks_of_frames_keep_a_long_event_in_one_half():
    # Each molecule shines for 10 frames in a row and never again: nothing is seen twice.
    rng = np.random.default_rng(3)
    x, y = (np.repeat(v, 10) for v in rng.uniform(0, 5000, (2, 2000)))
    frames = (np.repeat(np.arange(2000) * 10, 10) + np.tile(np.arange(10), 2000)).astype(int)
    table = pd.DataFrame({"frame": frames, "x_nm": x, "y_nm": y})
    assert table_resolution(table, blocks=20).text().startswith("none")
    assert not table_resolution(table, blocks=20_000).text().startswith("none")


def test_equal_images_correlate_and_rings_count_from_one():
    image = np.random.default_rng(0).poisson(1.0, (40, 60)).astype(np.float32)
    frequency, correlation, smoothed = ring_correlation(image, image, 10.0)
    assert frequency[0] == pytest.approx(1 / 0.4)
    assert frequency[-1] <= 50.0
    np.testing.assert_allclose(correlation, 1.0, rtol=1e-5)
    np.testing.assert_allclose(smoothed, 1.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.head(99), "99 rows"),
        (lambda t: t.assign(frame=4), "of one frame"),
        (lambda t: t.assign(x_nm=1.0), "one line or point"),
    ],
)
def test_refuses_tables_that_have_none(change, words):
    with pytest.raises(TableError, match=words):
        table_resolution(change(emitters_seen_again(1, 10.0, 200)))


def test_refuses_pixels_that_would_fill_the_memory():
    with pytest.raises(StackError, match="px per edge"):
        table_resolution(emitters_seen_again(1, 10.0, 200), pixel_size_nm=0.1)


@pytest.mark.parametrize("count", [1, 2, 9, 64, 101])
def test_the_window_is_tukeys(count):
    np.testing.assert_allclose(tapered(count), tukey(count, TAPER), atol=1e-12)
