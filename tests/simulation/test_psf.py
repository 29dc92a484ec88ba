import math

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.special import erf

from deep_storm.simulation.psf import add_emitters


def rendered(shape, x, y, sigma=1.2, photons=1000.0, frame=0):
    """One emitter, or several when the arguments are lists, in empty frames."""
    expected = np.zeros(shape, dtype=np.float32)
    x, y, sigma, photons = np.broadcast_arrays(*map(np.atleast_1d, (x, y, sigma, photons)))
    frames = np.broadcast_to(np.atleast_1d(frame), x.shape).astype(np.int64)
    add_emitters(expected, frames, *(np.array(v, dtype=np.float64) for v in (x, y, sigma, photons)))
    return expected


def integrated_gaussian(shape, x, y, sigma, photons):
    """The same formula written down once more, over the whole frame."""
    rows, columns = np.arange(shape[0] + 1), np.arange(shape[1] + 1)
    along_x = np.diff(erf((columns - x) / (math.sqrt(2) * sigma))) / 2
    along_y = np.diff(erf((rows - y) / (math.sqrt(2) * sigma))) / 2
    return photons * np.outer(along_y, along_x)


def test_isolated_emitter_keeps_all_its_photons():
    assert rendered((1, 32, 32), 16.3, 15.8).sum() == pytest.approx(1000.0, rel=1e-5)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0, 2.5])
def test_window_changes_nothing_that_matters(sigma):
    frame = rendered((1, 30, 40), 20.2, 9.7, sigma)[0]
    wanted = integrated_gaussian((30, 40), 20.2, 9.7, sigma, 1000.0)
    np.testing.assert_allclose(frame, wanted, atol=2e-3)


def test_corner_rule_and_axis_order():
    frame = rendered((1, 30, 60), x=10.5, y=20.25)[0]
    rows, columns = np.indices(frame.shape) + 0.5
    assert np.sum(frame * columns) / frame.sum() == pytest.approx(10.5, abs=1e-3)
    assert np.sum(frame * rows) / frame.sum() == pytest.approx(20.25, abs=1e-3)
    # (10.5, …) is the centre of column 10: its neighbours get the same.
    assert frame[20].argmax() == 10
    assert frame[20, 9] == pytest.approx(frame[20, 11], rel=1e-6)


def test_light_on_a_pixel_corner_is_shared_by_four_pixels():
    frame = rendered((1, 8, 8), x=4.0, y=4.0, sigma=0.05)[0]
    np.testing.assert_allclose(frame[3:5, 3:5], 250.0, rtol=1e-6)


def test_least_squares_fit_recovers_sigma_position_and_photons():
    frame = rendered((1, 24, 24), 11.3, 12.9, sigma=1.37, photons=2000.0)[0]
    fit = least_squares(
        lambda p: (integrated_gaussian(frame.shape, *p) - frame).ravel(), [12.0, 12.0, 1.0, 1500.0]
    )
    np.testing.assert_allclose(fit.x, [11.3, 12.9, 1.37, 2000.0], rtol=1e-4)


def test_emitters_outside_the_frame_send_light_in():
    small = rendered((1, 10, 12), x=[-1.0, 13.5, 5.0], y=[4.0, 4.0, -2.2], sigma=1.5)[0]
    large = rendered((1, 30, 32), x=[9.0, 23.5, 15.0], y=[14.0, 14.0, 7.8], sigma=1.5)[0]
    np.testing.assert_allclose(small, large[10:20, 10:22], rtol=1e-5, atol=1e-3)
    assert small.sum() > 300


def test_far_away_emitters_send_none():
    assert not rendered((1, 10, 10), x=[-50.0, 5.0, 100.0], y=[5.0, 90.0, -80.0]).any()


def test_emitters_of_a_frame_add_up_and_frames_stay_apart():
    stack = rendered(
        (3, 20, 20), x=[5, 6, 10], y=[5, 5, 10], photons=[100, 200, 400], frame=[0, 0, 2]
    )
    np.testing.assert_allclose(stack.sum(axis=(1, 2)), [300, 0, 400], rtol=1e-4)


def test_frame_outside_the_stack_is_refused():
    with pytest.raises(ValueError, match="frame index"):
        rendered((2, 8, 8), 4, 4, frame=2)
