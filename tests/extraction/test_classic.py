"""From the classic network's heat map to candidates: local maxima and centres of gravity."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.errors import AnswerError
from deep_storm.extraction.classic import MIN_SHARE, heat_maxima, read_candidates

AMPLITUDE = 100.0


def heat_of(*emitters, shape=(15, 21), sigma=0.8, amplitude=AMPLITUDE):
    """Return a heat map: a Gaussian of the amplitude at each (x, y), in its own pixels."""
    y, x = (np.arange(n) + 0.5 for n in shape)
    heat = np.zeros(shape)
    for at_x, at_y in emitters:
        spot = np.exp(-((x - at_x) ** 2 + (y[:, None] - at_y) ** 2) / 2 / sigma**2)
        heat += amplitude * spot / (2 * np.pi * sigma**2)
    return heat.astype(np.float32)


def maxima(heat, core=None, row=0, column=0):
    core = core or (slice(0, heat.shape[0]), slice(0, heat.shape[1]))
    return heat_maxima(heat, core, row, column, AMPLITUDE)


@pytest.mark.parametrize("heat", [np.zeros((5, 9), np.float32), -heat_of((4.0, 4.0))])
def test_nothing_and_negative_heat_give_nothing(heat):
    assert len(maxima(heat).x) == 0


def test_one_emitter_is_found_at_its_centre_of_gravity():
    found = maxima(heat_of((10.5, 7.5)))
    assert len(found.x) == 1
    np.testing.assert_allclose([found.x[0], found.y[0]], [10.5, 7.5], atol=1e-5)
    assert 0.8 < found.share[0] < 1


def test_a_position_between_pixels_is_nearly_kept():
    found = maxima(heat_of((10.3, 7.8), sigma=0.6))
    np.testing.assert_allclose([found.x[0], found.y[0]], [10.3, 7.8], atol=0.06)


def test_two_close_emitters_are_two_until_they_melt_together():
    assert len(maxima(heat_of((8.5, 7.5), (11.5, 7.5))).x) == 2
    assert len(maxima(heat_of((9.5, 7.5), (10.5, 7.5))).x) == 1


def test_a_plateau_counts_once():
    heat = np.zeros((7, 7), np.float32)
    heat[2:4, 2:4] = 30
    found = maxima(heat)
    assert len(found.x) == 1
    heat[:] = 30
    assert len(maxima(heat).x) == 1


def test_equal_maxima_that_do_not_touch_are_all_found_in_reading_order():
    found = maxima(heat_of((16.5, 4.5), (4.5, 10.5), (4.5, 4.5)))
    frame = read_candidates([found], 3, 1)
    np.testing.assert_allclose(frame.x_px, [4.5, 16.5, 4.5], atol=1e-3)
    np.testing.assert_allclose(frame.y_px, [4.5, 4.5, 10.5], atol=1e-3)
    assert frame.frame.tolist() == [3, 3, 3]


@pytest.mark.parametrize("at", [(0.5, 0.5), (20.5, 0.5), (0.5, 14.5), (20.5, 14.5)])
def test_a_maximum_at_the_border_is_found_within_the_frame(at):
    found = maxima(heat_of(at))
    assert len(found.x) == 1
    assert abs(found.x[0] - at[0]) < 0.5
    assert abs(found.y[0] - at[1]) < 0.5


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 5)])
def test_any_size_is_read(shape):
    heat = np.zeros(shape, np.float32)
    heat[-1, -1] = 50
    assert len(maxima(heat).x) == 1


def test_faint_maxima_are_dropped():
    heat = np.zeros((5, 5), np.float32)
    heat[2, 2] = 0.99 * MIN_SHARE * AMPLITUDE
    assert len(maxima(heat).x) == 0


def test_positions_are_in_camera_pixels():
    frame = read_candidates([maxima(heat_of((10.5, 7.5)))], 0, 4)
    np.testing.assert_allclose([frame.x_px[0], frame.y_px[0]], [10.5 / 4, 7.5 / 4], atol=1e-5)


def test_tiles_leave_no_trace():
    heat = np.random.default_rng(2).gamma(0.3, 10, (16, 20)).astype(np.float32)
    whole = read_candidates([maxima(heat)], 0, 2)
    parts = []
    for rows in (slice(0, 7), slice(7, 16)):
        for columns in (slice(0, 11), slice(11, 20)):
            top, left = max(rows.start - 2, 0), max(columns.start - 2, 0)
            tile = np.ascontiguousarray(heat[top : rows.stop + 2, left : columns.stop + 2])
            core = (
                slice(rows.start - top, rows.stop - top),
                slice(columns.start - left, columns.stop - left),
            )
            parts.append(maxima(tile, core, top, left))
    tiled = read_candidates(parts, 0, 2)
    assert len(whole.score) > 10
    for one, other in zip(whole, tiled, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_heat_that_is_no_number_is_an_error_and_not_damage(value):
    heat = heat_of((10.5, 7.5))
    heat[3, 4] = value
    with pytest.raises(AnswerError, match="not a usable number"):
        maxima(heat)
    with pytest.raises(AnswerError):
        maxima(np.full((64, 64), value, np.float32))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (5, 5), (6, 6)])
def test_as_many_maxima_as_there_can_be_have_room(shape):
    heat = np.zeros(shape, np.float32)
    heat[::2, ::2] = 50.0
    assert len(maxima(heat).x) == heat[::2, ::2].size
