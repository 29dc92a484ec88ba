"""From the native network's cells to candidates: which, where and how many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deep_storm.cells import CELLS, FIELDS, MIN_SPREAD, OUTPUTS, REACH_CELLS
from deep_storm.errors import AnswerError
from deep_storm.extraction.active import active_cells, in_raster_order, joined
from deep_storm.extraction.depths import Depths
from deep_storm.extraction.native import read_candidates
from deep_storm.psf.depth import DepthCode


def nothing(height=6, width=7):
    """Return the answer of a network that sees no emitter, (height, width, 37)."""
    raw = np.zeros((height, width, OUTPUTS), np.float32)
    raw[..., : CELLS * CELLS * FIELDS : FIELDS] = -20.0
    raw[..., -1] = inverse_softplus(2.0)
    return raw


def inverse_softplus(value):
    return np.log(np.expm1(value))


def say(raw, row, column, probability, x_px, y_px, photons=1.0, sigma=1.0, spread_px=0.05):
    """Let the cell (row, column) state an emitter."""
    at = (row % CELLS * CELLS + column % CELLS) * FIELDS
    fields = raw[row // CELLS, column // CELLS, at : at + FIELDS]
    fields[0] = np.log(probability / (1 - probability))
    for k, (place, cell) in enumerate(((x_px, column), (y_px, row)), 1):
        share = (place * CELLS - cell - 0.5) / REACH_CELLS
        assert abs(share) < 1, "a cell does not reach that far"
        fields[k] = np.arctanh(share)
    fields[3], fields[4] = inverse_softplus(photons), np.log(sigma)
    fields[5:7] = inverse_softplus(spread_px * CELLS - MIN_SPREAD)
    fields[7:9] = inverse_softplus(0.1 - MIN_SPREAD)


def read(raw, frame=0, depths=None):
    height, width, _ = raw.shape
    cells = active_cells(raw[None], (slice(0, height), slice(0, width)))
    return read_candidates(cells, frame, height, depths)


def test_nothing_gives_no_candidate():
    found = read(nothing())
    assert all(len(values) == 0 for values in found)


def test_one_emitter_is_read_as_stated():
    raw = nothing()
    say(raw, 5, 8, 0.9, x_px=4.3, y_px=2.6, photons=1.4, sigma=1.1, spread_px=0.07)
    found = read(raw, frame=12)
    assert found.frame.tolist() == [12]
    np.testing.assert_allclose([found.x_px[0], found.y_px[0]], [4.3, 2.6], atol=1e-5)
    np.testing.assert_allclose(found.spread_px, 0.07, rtol=1e-4)
    np.testing.assert_allclose(found.score, 0.9, rtol=1e-5)
    np.testing.assert_allclose([found.photons[0], found.sigma[0]], [1.4, 1.1], rtol=1e-4)
    np.testing.assert_allclose(found.background, 2.0, rtol=1e-5)


def test_an_emitter_shared_by_four_cells_is_gathered_to_one():
    raw = nothing()
    for row, column in ((4, 6), (4, 7), (5, 6), (5, 7)):
        say(raw, row, column, 0.24, x_px=3.5, y_px=2.5)
    found = read(raw)
    assert len(found.score) == 1
    np.testing.assert_allclose(found.score, 0.96, rtol=1e-4)
    np.testing.assert_allclose([found.x_px[0], found.y_px[0]], [3.5, 2.5], atol=1e-5)


def test_disagreeing_cells_widen_the_spread():
    raw = nothing()
    say(raw, 4, 6, 0.45, x_px=3.4, y_px=2.5, spread_px=0.05)
    say(raw, 4, 7, 0.45, x_px=3.6, y_px=2.5, spread_px=0.05)
    found = read(raw)
    along_x = np.sqrt(0.05**2 + 0.1**2)
    np.testing.assert_allclose(found.x_px, 3.5, atol=1e-5)
    np.testing.assert_allclose(found.spread_px, np.sqrt((along_x**2 + 0.05**2) / 2), rtol=1e-4)


def test_two_close_emitters_stay_two():
    raw = nothing()
    say(raw, 5, 5, 0.95, x_px=2.6, y_px=2.7)
    say(raw, 5, 7, 0.95, x_px=3.7, y_px=2.7)
    found = read(raw)
    np.testing.assert_allclose(found.x_px, [2.6, 3.7], atol=1e-5)
    np.testing.assert_allclose(found.score, 0.95, rtol=1e-5)


def test_an_island_holds_as_many_as_its_probabilities_sum_up_to():
    # Nearer than cells gather from each other: a candidate takes no more than 1 of them.
    raw = nothing()
    say(raw, 5, 6, 0.95, x_px=3.2, y_px=2.7)
    say(raw, 5, 7, 0.95, x_px=3.6, y_px=2.7)
    found = read(raw)
    assert len(found.score) == 2
    np.testing.assert_allclose(np.sort(found.score), [0.9, 1.0], atol=1e-5)


@given(st.lists(st.floats(0.02, 0.98), min_size=1, max_size=9), st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_no_probability_is_counted_twice(probabilities, seed):
    rng = np.random.default_rng(seed)
    raw = nothing()
    for k, probability in enumerate(probabilities):
        row, column = 4 + k // 3, 5 + k % 3
        x_px, y_px = (np.array([column, row]) + 0.5 + rng.uniform(-1, 1, 2)) / CELLS
        say(raw, row, column, probability, x_px, y_px)
    found = read(raw)
    assert (found.score <= 1.0 + 1e-5).all()
    assert found.score.sum() <= sum(probabilities) + 1e-4
    assert found.score.max() >= max(probabilities) - 1e-5


@pytest.mark.parametrize(
    ("row", "column", "x_px", "y_px"),
    [(0, 0, -0.2, 0.05), (0, 13, 7.1, 0.3), (11, 0, 0.1, 6.2), (11, 13, 6.9, 5.9)],
)
def test_emitters_at_and_beyond_the_border_are_read(row, column, x_px, y_px):
    raw = nothing()
    say(raw, row, column, 0.8, x_px, y_px)
    found = read(raw)
    np.testing.assert_allclose([found.x_px[0], found.y_px[0]], [x_px, y_px], atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 3)])
def test_any_size_is_read(shape):
    raw = nothing(*shape)
    row, column = shape[0] * CELLS - 1, shape[1] * CELLS - 1
    say(raw, row, column, 0.7, (column + 0.5) / CELLS, (row + 0.5) / CELLS)
    assert len(read(raw).score) == 1


@pytest.mark.parametrize("every", [1, 2, 7])
def test_all_active_cells_have_room(every):
    raw = np.stack([nothing(9, 8)] * 3)
    logits = raw[..., : CELLS * CELLS * FIELDS : FIELDS].reshape(-1)
    logits[::every] = 1.0
    raw[..., : CELLS * CELLS * FIELDS : FIELDS] = logits.reshape(3, 9, 8, CELLS * CELLS)
    cells = active_cells(raw, (slice(0, 9), slice(0, 8)))
    assert len(cells.frame) == len(logits[::every])
    assert cells.values[:, 0] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-6)


def test_improbable_cells_are_dropped():
    raw = nothing()
    say(raw, 3, 3, 0.009, 1.7, 1.7)
    assert len(read(raw).score) == 0


def test_ties_come_in_the_order_of_their_cells():
    raw = nothing()
    places = [(1, 10), (9, 2), (1, 2), (9, 10)]
    for row, column in places:
        say(raw, row, column, 0.6, (column + 0.5) / CELLS, (row + 0.5) / CELLS)
    found = read(raw)
    expected = sorted(places)
    cells = np.column_stack([found.y_px, found.x_px]) * CELLS - 0.5
    np.testing.assert_allclose(cells, expected, atol=1e-4)


def test_tiles_leave_no_trace():
    rng = np.random.default_rng(7)
    raw = nothing(8, 10)
    raw[..., : CELLS * CELLS * FIELDS : FIELDS] = rng.normal(-2, 2, (8, 10, CELLS * CELLS))
    raw[..., 1::FIELDS] = rng.normal(0, 0.5, raw[..., 1::FIELDS].shape)
    whole = read(raw)
    parts = []
    for rows in (slice(0, 3), slice(3, 8)):
        for columns in (slice(0, 6), slice(6, 10)):
            # each tile sees one pixel more on its left and upper side than counts
            top, left = max(rows.start - 1, 0), max(columns.start - 1, 0)
            core = (
                slice(rows.start - top, rows.stop - top),
                slice(columns.start - left, columns.stop - left),
            )
            tile = np.ascontiguousarray(raw[top : rows.stop, left : columns.stop])
            parts.append(active_cells(tile[None], core, top, left))
    tiled = read_candidates(in_raster_order(joined(parts), 8, 10), 0, 8)
    assert len(whole.score) > 20
    for one, other in zip(whole, tiled, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("channel", range(FIELDS))
def test_answer_that_is_no_number_is_an_error_and_not_damage(channel):
    raw = nothing(40, 40)
    say(raw, 5, 8, 0.9, x_px=4.3, y_px=2.6)
    raw[2, 4, (5 % CELLS * CELLS + 8 % CELLS) * FIELDS + channel] = np.nan
    with pytest.raises(AnswerError):
        read(raw)


def test_answer_without_any_number_is_an_error_and_not_damage():
    with pytest.raises(AnswerError, match="not a usable number"):
        read(np.full((64, 64, OUTPUTS), np.nan, np.float32))


DEPTHS = Depths(DepthCode(400.0), np.array([-400.0, 0.0, 400.0]), np.array([2.0, 1.0, 1.5]), 100.0)


def test_depth_is_read_where_the_network_states_it():
    raw = nothing()
    say(raw, 5, 8, 0.9, x_px=4.3, y_px=2.6, sigma=DEPTHS.code.of(np.array([-200.0]))[0])
    found = read(raw, depths=DEPTHS)
    np.testing.assert_allclose(found.z_px, -2.0, atol=1e-4)
    np.testing.assert_allclose(found.z_spread_px, 0.1 * 200.0 / 100.0, rtol=1e-3)
    np.testing.assert_allclose(found.sigma, 1.5, rtol=1e-4)
    flat = read(raw)
    assert flat.z_px.size == flat.z_spread_px.size == 0


def test_cells_that_disagree_on_the_depth_are_not_sure_of_it():
    raw = nothing()
    for column, z_nm in ((8, -200.0), (9, 200.0)):
        code = DEPTHS.code.of(np.array([z_nm]))[0]
        say(raw, 5, column, 0.45, x_px=4.3, y_px=2.6, sigma=code)
    found = read(raw, depths=DEPTHS)
    np.testing.assert_allclose(found.z_px, 0.0, atol=1e-4)
    np.testing.assert_allclose(found.z_spread_px, np.hypot(2.0, 0.2), rtol=1e-3)


def test_beyond_the_depths_that_it_knows_the_network_is_not_believed():
    raw = nothing()
    say(raw, 5, 8, 0.9, x_px=4.3, y_px=2.6, sigma=DEPTHS.code.of(np.array([430.0]))[0])
    found = read(raw, depths=DEPTHS)
    np.testing.assert_allclose(found.z_px, 4.3, atol=1e-4)
    np.testing.assert_allclose(found.z_spread_px, 8.0)
