import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.ndimage import map_coordinates, spline_filter

from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.kernels import add_table_emitters, fill_table_window
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil
from deep_storm.simulation.psf import add_emitters

ABERRATED = Pupil(
    numerical_aperture=1.4,
    wavelength_nm=670.0,
    astigmatism_waves=0.08,
    vertical_coma_waves=0.06,
    horizontal_coma_waves=-0.05,
    spherical_waves=0.05,
)


@pytest.fixture(scope="module")
def table():
    return pupil_table(ABERRATED, 100.0, np.linspace(-500.0, 500.0, 11), radius_px=7)


def of(table):
    return (
        table.coefficients, table.samples_per_px, table.radius_px, table.z0_nm, table.dz_nm,
    )  # fmt: skip


def drawn(table, shape, x, y, z=0.0, photons=1000.0, frame=0):
    expected = np.zeros(shape, dtype=np.float32)
    x, y, z, photons = (
        np.array(v, dtype=np.float64) for v in np.broadcast_arrays(*np.atleast_1d(x, y, z, photons))
    )
    frames = np.array(np.broadcast_to(np.atleast_1d(frame), x.shape), dtype=np.int64)
    add_table_emitters(expected, frames, x, y, z, photons, *of(table))
    return expected


def window(table, x, y, z, parts=4, size=20):
    out = np.full((parts, size, size), np.nan)
    fill_table_window(0, 0, size, size, x, y, z, *of(table), out)
    return out


def test_a_gaussian_table_draws_what_the_gaussian_draws():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-3, 35, (2, 200))
    x[:4], y[:4] = (10.0, 10.5, 11.0, 11.5), (8.5, 9.0, 8.5, 9.0)
    photons = rng.uniform(500, 1500, 200)
    frame = np.arange(200) % 7
    wanted = np.zeros((7, 30, 32), np.float32)
    add_emitters(wanted, frame, x, y, np.full(200, 1.3), photons)
    seen = drawn(gaussian_table(130.0, 100.0), wanted.shape, x, y, 0.0, photons, frame)
    np.testing.assert_allclose(seen, wanted, atol=2e-5 * wanted.max())


def test_between_samples_the_pupil_itself_is_met_within_a_thousandth_of_the_peak(table):
    # 4 samples per px against a table whose samples are where the pixels are.
    fine = pupil_table(ABERRATED, 100.0, (0.0,), samples_per_px=20, radius_px=7)
    frame = drawn(table, (1, 24, 24), 12.15, 11.85, 0.0, 1.0)[0]
    # Pixel i has its centre at i + 0.5 − 12.15: sample 20 · (i − 11.65) of the fine table.
    columns = 20 * (np.arange(5, 19) + 0.5 - 12.15) + 140
    rows = 20 * (np.arange(5, 19) + 0.5 - 11.85) + 140
    exact = fine.values[0][np.ix_(np.rint(rows).astype(int), np.rint(columns).astype(int))]
    assert np.abs(frame[5:19, 5:19] - exact).max() < 1e-3 * exact.max()


def test_the_same_spline_as_scipy(table):
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


def test_corner_rule_and_axis_order():
    seen = drawn(gaussian_table(130.0, 100.0), (1, 30, 60), x=20.5, y=10.25)[0]
    rows, columns = np.indices(seen.shape) + 0.5
    assert np.sum(seen * columns) / seen.sum() == pytest.approx(20.5, abs=1e-3)
    assert np.sum(seen * rows) / seen.sum() == pytest.approx(10.25, abs=1e-3)


def test_light_is_the_share_within_the_window(table):
    rng = np.random.default_rng(1)
    n = 400
    frames = drawn(table, (n, 24, 24), *rng.uniform(11, 13, (2, n)), 0.0, 1000.0, np.arange(n))
    share = np.interp(0.0, table.z_nm, table.share_within)
    assert frames.sum(axis=(1, 2)).mean() == pytest.approx(1000.0 * share, rel=1e-3)


def test_only_what_reaches_the_frame_is_drawn(table):
    whole = drawn(table, (1, 60, 60), [20.2, 44.0, 30.0], [30.0, 30.7, 18.4])[0]
    part = drawn(table, (1, 20, 24), [0.2, 24.0, 10.0], [10.0, 10.7, -1.6])[0]
    np.testing.assert_allclose(part, whole[20:40, 20:44], atol=1e-4)
    assert not drawn(table, (1, 20, 20), [-40.0, 10.0], [10.0, 90.0]).any()


def test_depths_beyond_the_planes_are_taken_as_the_last_one(table):
    np.testing.assert_array_equal(
        drawn(table, (1, 20, 20), 10, 10, 800.0), drawn(table, (1, 20, 20), 10, 10, 500.0)
    )
    assert not window(table, 10.0, 10.0, 800.0)[3].any()


def test_window_holds_the_light_of_one_photon(table):
    frame = drawn(table, (1, 20, 20), 9.7, 10.2, 60.0, 1.0)[0]
    for parts in (1, 4):
        np.testing.assert_allclose(window(table, 9.7, 10.2, 60.0, parts)[0], frame, atol=1e-7)
    out = np.full((4, 9, 12), np.nan)
    fill_table_window(8, 5, 6, 11, 9.7, 10.2, 60.0, *of(table), out)
    np.testing.assert_allclose(out[0, :6, :11], frame[8:14, 5:16], atol=1e-7)
    assert np.isnan(out[:, 6:]).all()
    assert np.isnan(out[:, :, 11:]).all()


@pytest.mark.parametrize("samples_per_px", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("planes", [1, 5, 7])
def test_window_and_frame_agree_for_any_sampling(samples_per_px, planes):
    rng = np.random.default_rng(5)
    rows = 12 * samples_per_px + 3
    coefficients = np.zeros((planes, rows, -(-rows // 16) * 16), np.float32)
    coefficients[:, :, :rows] = rng.random((planes, rows, rows))
    of_table = (coefficients, samples_per_px, 6, -100.0, 50.0)
    for _ in range(20):
        x, y, z = rng.uniform(-2.0, 22.0), rng.uniform(-2.0, 22.0), rng.uniform(-200.0, 200.0)
        frame, out = np.zeros((1, 20, 20), np.float32), np.empty((1, 20, 20))
        one = (np.array([v]) for v in (x, y, z, 1.0))
        add_table_emitters(frame, np.zeros(1, np.int64), *one, *of_table)
        fill_table_window(0, 0, 20, 20, x, y, z, *of_table, out)
        np.testing.assert_allclose(out[0], frame[0], atol=2e-6)


@pytest.mark.parametrize("planes", [1, 2, 11])
def test_derivatives_are_those_of_the_light(table, planes):
    from dataclasses import replace

    some = replace(table, values=table.values[5 : 5 + planes], z_nm=table.z_nm[5 : 5 + planes])
    if planes == 11:
        some = table
    x, y, z = 9.73, 10.24, 60.0
    steps = {1: (0.01, 0, 0), 2: (0, 0.01, 0), 3: (0, 0, 1.0)}
    seen = window(some, x, y, z)
    for axis, (dx, dy, dz) in steps.items():
        up, down = window(some, x + dx, y + dy, z + dz)[0], window(some, x - dx, y - dy, z - dz)[0]
        slope = (up - down) / (2 * (dx + dy + dz))
        # 64-bit sums of 32-bit coefficients: the difference itself is good to 1e-5 of the peak.
        tolerance = 2e-6 * seen[0].max() / (dx + dy + dz) + 2e-4 * np.abs(slope).max()
        np.testing.assert_allclose(seen[axis], slope, atol=tolerance)
        if not (axis == 3 and planes == 1):
            assert np.abs(slope).max() > 10 * tolerance


def test_a_frame_that_is_not_there_is_an_error(table):
    with pytest.raises(ValueError, match="frame index"):
        drawn(table, (2, 20, 20), 10.0, 10.0, frame=2)
