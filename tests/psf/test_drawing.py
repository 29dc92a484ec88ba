import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.ndimage import map_coordinates, spline_filter

from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.simulation.psf import add_emitters


def test_a_gaussian_table_draws_what_the_gaussian_draws(drawn):
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-3, 35, (2, 200))
    x[:4], y[:4] = (10.0, 10.5, 11.0, 11.5), (8.5, 9.0, 8.5, 9.0)
    photons = rng.uniform(500, 1500, 200)
    frame = np.arange(200) % 7
    wanted = np.zeros((7, 30, 32), np.float32)
    add_emitters(wanted, frame, x, y, np.full(200, 1.3), photons)
    seen = drawn(gaussian_table(130.0, 100.0), wanted.shape, x, y, 0.0, photons, frame)
    np.testing.assert_allclose(seen, wanted, atol=2e-5 * wanted.max())


def test_between_samples_the_pupil_is_met_within_a_thousandth_of_the_peak(table, drawn, aberrated):
    # 4 samples per px against a table whose samples are where the pixels are.
    fine = pupil_table(aberrated, 100.0, (0.0,), samples_per_px=20, radius_px=7)
    frame = drawn(table, (1, 24, 24), 12.15, 11.85, 0.0, 1.0)[0]
    # Pixel i has its centre at i + 0.5 − 12.15: sample 20 · (i − 11.65) of the fine table.
    columns = 20 * (np.arange(5, 19) + 0.5 - 12.15) + 140
    rows = 20 * (np.arange(5, 19) + 0.5 - 11.85) + 140
    exact = fine.values[0][np.ix_(np.rint(rows).astype(int), np.rint(columns).astype(int))]
    assert np.abs(frame[5:19, 5:19] - exact).max() < 1e-3 * exact.max()


def test_the_same_spline_as_scipy(table, drawn):
    z, x, y = 130.0, 10.37, 9.81
    frame = drawn(table, (1, 20, 20), x, y, z, 1.0)[0]
    plane = CubicSpline(table.z_nm, table.values.astype(float), bc_type="not-a-knot")(z)
    np.testing.assert_allclose(table.plane(z), plane, atol=1e-9)
    rows, columns = np.mgrid[4:16, 4:16]
    at = [(rows + 0.5 - y + 7) * 4, (columns + 0.5 - x + 7) * 4]
    wanted = map_coordinates(
        spline_filter(plane, 3, mode="mirror"), at, order=3, mode="mirror", prefilter=False
    )
    np.testing.assert_allclose(frame[4:16, 4:16], wanted, atol=2e-7)


def test_corner_rule_and_axis_order(drawn):
    seen = drawn(gaussian_table(130.0, 100.0), (1, 30, 60), x=20.5, y=10.25)[0]
    rows, columns = np.indices(seen.shape) + 0.5
    assert np.sum(seen * columns) / seen.sum() == pytest.approx(20.5, abs=1e-3)
    assert np.sum(seen * rows) / seen.sum() == pytest.approx(10.25, abs=1e-3)


def test_light_is_the_share_within_the_window(table, drawn):
    rng = np.random.default_rng(1)
    n = 400
    frames = drawn(table, (n, 24, 24), *rng.uniform(11, 13, (2, n)), 0.0, 1000.0, np.arange(n))
    share = np.interp(0.0, table.z_nm, table.share_within)
    assert frames.sum(axis=(1, 2)).mean() == pytest.approx(1000.0 * share, rel=1e-3)


def test_only_what_reaches_the_frame_is_drawn(table, drawn):
    whole = drawn(table, (1, 60, 60), [20.2, 44.0, 30.0], [30.0, 30.7, 18.4])[0]
    part = drawn(table, (1, 20, 24), [0.2, 24.0, 10.0], [10.0, 10.7, -1.6])[0]
    np.testing.assert_allclose(part, whole[20:40, 20:44], atol=1e-4)
    assert not drawn(table, (1, 20, 20), [-40.0, 10.0], [10.0, 90.0]).any()


def test_depths_beyond_the_planes_are_taken_as_the_last_one(table, drawn):
    np.testing.assert_array_equal(
        drawn(table, (1, 20, 20), 10, 10, 800.0), drawn(table, (1, 20, 20), 10, 10, 500.0)
    )


def test_a_frame_that_is_not_there_is_an_error(table, drawn):
    with pytest.raises(ValueError, match="frame index"):
        drawn(table, (2, 20, 20), 10.0, 10.0, frame=2)
