from dataclasses import replace

import numpy as np
import pytest

from deep_storm.psf.drawing import add_table_emitters
from deep_storm.psf.window import fill_table_window


@pytest.fixture(scope="module")
def window(of):
    """Return the light of an emitter in a window, and its derivatives."""

    def window(table, x, y, z, parts=4, size=20):
        out = np.full((parts, size, size), np.nan)
        fill_table_window(0, 0, size, size, x, y, z, *of(table), out)
        return out

    return window


def test_window_holds_the_light_of_one_photon(table, drawn, window, of):
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
def test_derivatives_are_those_of_the_light(table, window, planes):
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


def test_light_does_not_change_beyond_the_planes(table, window):
    assert not window(table, 10.0, 10.0, 800.0)[3].any()
    assert window(table, 10.0, 10.0, 450.0)[3].any()
