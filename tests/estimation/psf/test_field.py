"""Whether the PSF is the same all over the field."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.special import erf

from deep_storm.estimation.psf.emitters import Emitters
from deep_storm.estimation.psf.field import over_field
from deep_storm.estimation.psf.joint import step
from deep_storm.estimation.psf.scenes import Scenes, choose_windows
from deep_storm.estimation.psf.scenes import Window as Part
from deep_storm.estimation.psf.state import State
from deep_storm.estimation.psf.unknowns import Free

SIGMA_PX, FRAMES, A_SCENE, BACKGROUND = 1.1, 10, 40, 15.0


def fitted(sigma_px, edge_px=64, seed=3):
    """Return a fit with one Gaussian to molecules whose sigma depends on where they lie."""
    rng = np.random.default_rng(seed)
    windows = choose_windows(Part(0, 0, edge_px, edge_px))
    size = windows[0].height
    pixels = np.arange(size + 1.0)
    scenes, emitters = [], []
    for window in windows:
        for _ in range(FRAMES):
            x, y = rng.uniform(0, size, (2, A_SCENE))
            photons = rng.uniform(1000, 3000, A_SCENE)
            light = np.full((size, size), BACKGROUND)
            sigmas = sigma_px((x + window.left) / edge_px, (y + window.top) / edge_px)
            for a, b, n, s in zip(x, y, photons, sigmas, strict=True):
                across, down = (
                    np.diff(0.5 * erf((pixels - place) / (s * np.sqrt(2)))) for place in (a, b)
                )
                light += n * np.outer(down, across)
            emitters.append((np.full(A_SCENE, len(scenes)), x, y, photons))
            scenes.append(rng.poisson(light).astype(np.float64))
    window = np.repeat(np.arange(len(windows)), FRAMES)
    movie = Scenes(
        np.array(scenes),
        np.tile(np.arange(FRAMES), len(windows)),
        window,
        window,
        windows,
        np.zeros((len(windows), size, size)),
        1.0,
        100.0,
    )
    state = State.begun(movie, SIGMA_PX, Emitters.at(*map(np.concatenate, zip(*emitters))))  # noqa: B905
    with ThreadPoolExecutor(1) as pool:
        for _ in range(3):
            step(state, Free(psf=False), pool)
    return state


@pytest.mark.parametrize("edge_px", [64, 130])
def test_one_psf_does_not_change_over_the_field(edge_px):
    found = over_field(fitted(lambda x, y: SIGMA_PX + 0.0 * x, edge_px))
    assert found.difference < 0.015
    assert found.chi2 < 1.5
    assert not found.changes


def test_a_psf_that_is_another_one_everywhere_does_not_change_over_the_field():
    assert not over_field(fitted(lambda x, y: 1.2 * SIGMA_PX + 0.0 * x)).changes


@pytest.mark.parametrize("edge_px", [64, 130])
@pytest.mark.parametrize(
    "sigma_px",
    [
        lambda x, y: SIGMA_PX * (0.85 + 0.3 * x),  # a tilted focal plane
        lambda x, y: SIGMA_PX * (0.9 + np.hypot(x - 0.5, y - 0.5) ** 2),  # a curved one
    ],
)
def test_a_psf_that_changes_over_the_field_is_found(sigma_px, edge_px):
    assert over_field(fitted(sigma_px, edge_px)).changes


def test_few_molecules_tell_nothing():
    state = fitted(lambda x, y: SIGMA_PX * (0.7 + 0.6 * x))
    state.emitters = state.emitters.kept(np.arange(len(state.emitters)) < 60)
    assert over_field(state) == (0.0, 0.0)
