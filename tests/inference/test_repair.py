"""Pixels and frames without a measurement do not spoil what is around them."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.inference.repair import repair


def frames(count=3, dtype=np.float32, shape=(20, 24)):
    return np.random.default_rng(5).poisson(150, (count, *shape)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
def test_valid_frames_are_left_alone(dtype):
    stack = frames(dtype=dtype)
    stack[stack == np.iinfo(np.uint8).max] = 254
    done = repair(stack)
    assert done.adu.dtype == np.float32
    np.testing.assert_array_equal(done.adu, stack)
    assert not done.dead.any()
    assert done.replaced.sum() == 0


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_broken_pixel_becomes_the_mean_of_its_neighbours_and_changes_nothing_else(broken):
    stack = frames()
    stack[1, 7, 9] = broken
    done = repair(stack)
    around = np.delete(stack[1, 6:9, 8:11].ravel(), 4)
    assert done.adu[1, 7, 9] == pytest.approx(around.mean(), rel=1e-5)
    valid = np.isfinite(stack)
    np.testing.assert_array_equal(done.adu[valid], stack[valid])
    assert done.replaced.sum() == 1


@pytest.mark.parametrize("place", [(0, 0), (0, 23), (19, 0), (19, 23)])
def test_a_broken_corner_takes_the_neighbours_that_there_are(place):
    stack = frames(1)
    stack[0][place] = np.nan
    done = repair(stack)
    rows = slice(max(place[0] - 1, 0), place[0] + 2)
    columns = slice(max(place[1] - 1, 0), place[1] + 2)
    assert done.adu[0][place] == pytest.approx(np.nanmean(stack[0, rows, columns]), rel=1e-5)


def test_saturated_pixels_are_those_at_the_end_of_their_type():
    stack = frames(dtype=np.uint16)
    stack[0, 3, 3] = 65535
    stack[0, 13, 4] = 65534
    done = repair(stack)
    assert done.replaced.sum() == 1
    assert done.adu[0, 13, 4] == 65534
    assert repair(stack.astype(np.float32)).replaced.sum() == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_saturated_middle_of_a_molecule_stays(dtype):
    """Filled from its neighbours, it would have a hole."""
    limit = np.iinfo(dtype).max
    yy, xx = np.mgrid[:20, :24]
    for sigma, top in ((0.6, 1.05), (1.0, 1.5), (1.5, 4.0)):
        light = np.exp(-((yy - 9) ** 2 + (xx - 12) ** 2) / (2 * sigma**2))
        stack = np.minimum(frames(1, np.float64) / 5 + top * limit * light, limit).astype(dtype)
        stack[0, 3, 3] = limit  # a broken pixel in the dark
        done = repair(stack)
        np.testing.assert_array_equal(done.adu[0, 5:], stack[0, 5:])
        assert done.adu[0, 3, 3] < 80
        assert done.replaced.tolist() == [1]


def test_a_large_hole_is_filled_from_further_away():
    stack = np.full((1, 40, 40), 100, np.float32)
    stack[0, :, 20:] = 300
    stack[0, 8:14, 4:10] = np.nan  # wholly on the side of 100
    stack[0, 25:31, 28:34] = np.nan  # wholly on the side of 300
    done = repair(stack)
    assert np.isfinite(done.adu).all()
    np.testing.assert_allclose(done.adu[0, 8:14, 4:10], 100, rtol=1e-5)
    np.testing.assert_allclose(done.adu[0, 25:31, 28:34], 300, rtol=1e-5)


def test_a_hole_without_neighbours_becomes_the_median():
    stack = frames(1, shape=(60, 60))
    stack[0, 10:50, 10:50] = np.nan
    done = repair(stack)
    assert done.adu[0, 30, 30] == np.nanmedian(stack)


@pytest.mark.parametrize("value", [0, 777, 65535])
def test_a_frame_of_one_value_is_dead(value):
    stack = frames(dtype=np.uint16)
    stack[1] = value
    done = repair(stack)
    assert done.dead.tolist() == [False, True, False]
    assert done.replaced.sum() == 0
    np.testing.assert_array_equal(done.adu[[0, 2]], stack[[0, 2]])
    assert np.isfinite(done.adu).all()


def test_a_frame_of_nan_is_dead():
    stack = frames()
    stack[2] = np.nan
    stack[2, 0, 0] = np.inf
    done = repair(stack)
    assert done.dead.tolist() == [False, False, True]
    assert np.isfinite(done.adu).all()


def test_frames_do_not_know_of_each_other():
    stack = frames(4)
    stack[0] = np.nan
    stack[2, 5, 5] = np.nan
    together = repair(stack).adu
    for number in (1, 2, 3):
        np.testing.assert_array_equal(repair(stack[number : number + 1]).adu[0], together[number])


def test_a_value_beyond_single_precision_is_no_measurement():
    stack = frames(1, np.float64)
    stack[0, 7, 9] = 1e300
    done = repair(stack)
    assert done.replaced.sum() == 1
    assert np.isfinite(done.adu).all()
