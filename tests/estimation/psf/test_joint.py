"""A step of the joint fit: what it solves, and that threads do not change it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from deep_storm.estimation.psf import joint
from deep_storm.estimation.psf.emitters import Emitters
from deep_storm.estimation.psf.joint import ITERATIONS, Linear, step
from deep_storm.estimation.psf.scenes import Scenes, Window
from deep_storm.estimation.psf.state import State
from deep_storm.estimation.psf.unknowns import Free

SCENES, EDGE_PX, SIGMA_PX = 6, 32, 1.1


def state_of(density_px=0.02):
    """Scenes of a Gaussian PSF; the fit begins with a wider one, and beside the emitters."""
    rng = np.random.default_rng(4)
    count = int(SCENES * EDGE_PX**2 * density_px)
    scene = np.sort(rng.integers(0, SCENES, count))
    x, y = rng.uniform(1.0, EDGE_PX - 1.0, (2, count))
    emitters = Emitters.at(scene, x, y, rng.uniform(500.0, 1500.0, count))
    zeros, scenes = np.zeros(SCENES, np.int64), np.arange(SCENES, dtype=np.int64)
    dark = Scenes(
        np.zeros((SCENES, EDGE_PX, EDGE_PX)),
        scenes,
        zeros,
        zeros,
        (Window(0, 0, EDGE_PX, EDGE_PX),),
        np.ones((1, EDGE_PX, EDGE_PX)),
        1.0,
        100.0,
    )
    true = State.begun(dark, SIGMA_PX, emitters)
    dark.photons[:] = rng.poisson(20.0 + true.light())
    moved = Emitters.at(scene, x + 0.1, y - 0.1, emitters.photons * 0.9)
    return State.begun(dark, 1.15 * SIGMA_PX, moved)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(1) as one:
        yield one


@pytest.mark.parametrize("free", [Free(), Free(psf=False), Free(psf=False, positions=False)])
@pytest.mark.parametrize("density_px", [0.002, 0.02])
def test_a_step_solves_the_normal_equations(pool, free, density_px, monkeypatch):
    monkeypatch.setattr(joint, "CONVERGED", 1e-10)
    linear = Linear(state_of(density_px), free, pool)
    applied, times = linear._applied, []
    monkeypatch.setattr(linear, "_applied", lambda along: times.append(1) or applied(along))
    gradient = linear.gradient()
    found = linear.solve(gradient)
    left = gradient.plus(-1.0, applied(found))
    assert len(times) < ITERATIONS
    for before, after in zip(gradient, left, strict=True):
        assert np.linalg.norm(after) <= 2e-3 * np.linalg.norm(before)


def test_errors_are_those_of_the_whole_problem_with_a_known_psf(pool, monkeypatch):
    monkeypatch.setattr(joint, "CONVERGED", 1e-12)
    state = state_of(0.005)
    linear = Linear(state, Free(psf=False), pool)
    zero = linear.gradient().plus(-1.0, linear.gradient())
    for k in (0, len(state.emitters) // 2):
        for unknown in range(3):
            unit = zero._replace(emitters=np.zeros_like(zero.emitters))
            unit.emitters[k, unknown] = 1.0
            variance = linear.solve(unit).emitters[k, unknown]
            assert state.emitters.error[k, unknown] == pytest.approx(variance**0.5, rel=0.05)


def test_threads_change_nothing():
    found = []
    for threads in (1, 3):
        state = state_of()
        with ThreadPoolExecutor(threads) as pool:
            step(state, Free(), pool)
        own = state.emitters
        found.append([state.coefficients, state.nodes, own.x_px, own.photons, own.error])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_scenes_that_share_a_view_tell_its_background_finely():
    begun = state_of()
    blinking, beads = (
        State.begun(begun.scenes, SIGMA_PX, begun.emitters, blink) for blink in (True, False)
    )
    assert blinking.view_grid.step_px < blinking.grid.step_px
    assert beads.view_grid == beads.grid
    few = blinking.for_scenes(blinking.scenes.chosen(np.arange(2)))
    assert few.view_grid == few.grid
    np.testing.assert_allclose(few.background(), blinking.background()[:2])
