import numpy as np
import pytest

from deep_storm.quality.drift import drift_of


def moving(drift_nm, frames=1000, rows=8000, seed=0, points=300):
    """Points seen again and again while the sample moves along a straight line."""
    rng = np.random.default_rng(seed)
    where = rng.uniform(500, 6000, (points, 2))
    frame = np.sort(rng.integers(0, frames, rows)).astype(float)
    seen = where[rng.integers(0, points, rows)] + rng.normal(0, 12, (rows, 2))
    seen += np.outer(frame / frames, drift_nm)
    return frame, seen[:, 0], seen[:, 1]


@pytest.mark.parametrize("drift_nm", [(346.0, 200.0), (-60.0, 30.0), (0.0, 0.0)])
def test_drift_is_found(drift_nm):
    found = drift_of(*moving(np.array(drift_nm)))
    share = (found.frame - found.frame[0]) / 1000
    np.testing.assert_allclose(found.x_nm, drift_nm[0] * share, atol=6)
    np.testing.assert_allclose(found.y_nm, drift_nm[1] * share, atol=6)
    assert found.extent_nm == pytest.approx(np.hypot(*drift_nm) * 0.9, abs=10)
    assert found.error_nm < 5


def test_there_is_no_answer_when_nothing_is_seen_twice():
    rng = np.random.default_rng(1)
    frame = np.sort(rng.integers(0, 1000, 8000)).astype(float)
    assert drift_of(frame, rng.uniform(0, 6000, 8000), rng.uniform(0, 6000, 8000)) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda f, x, y: (f[:1000], x[:1000], y[:1000]),
        lambda f, x, y: (np.zeros_like(f), x, y),
        lambda f, x, y: (f, np.ones_like(x), y),
    ],
)
def test_there_is_no_answer_from_too_little(change):
    assert drift_of(*change(*moving(np.zeros(2)))) is None
