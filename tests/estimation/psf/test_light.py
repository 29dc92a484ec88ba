"""What else the light of a movie is like: widths, an uneven background, haze."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.estimation.psf.emitters import Emitters
from deep_storm.estimation.psf.joint import step
from deep_storm.estimation.psf.light import SCATTER_OF_HAZE, light_of
from deep_storm.estimation.psf.scenes import read_scenes
from deep_storm.estimation.psf.state import State
from deep_storm.estimation.psf.surface import make_grid, surfaces
from deep_storm.estimation.psf.unknowns import Free
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.settings import Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.simulation.haze import add_haze

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
SIGMA_NM = 110.0


def light(sigma_std_nm=0.0, structure="uniform", density_per_um2=0.4, lamp=None, **background):
    """Return what is found where PSF and emitters are known to begin with."""
    movie = simulate(
        CAMERA,
        ds.Psf(sigma_nm=SIGMA_NM, sigma_std_nm=sigma_std_nm),
        ds.Emitters(
            density_per_um2=density_per_um2,
            intensity_photon=2000,
            intensity_std_photon=500,
            structure=structure,
        ),
        ds.Background(**({"background_photon": 30.0} | background)),
        Simulation(frames=24, width_px=64, height_px=64, seed=4),
    )
    truth = movie.truth
    columns = [truth[c].to_numpy(float) / 100.0 for c in ("x_nm", "y_nm")]
    photons = truth["intensity_photon"].to_numpy(float)
    stack = movie.stack.astype(np.float64)
    if lamp is not None:
        more = np.broadcast_to(np.array(lamp)[:, None, None], stack.shape)
        stack += np.random.default_rng(3).poisson(more) / CAMERA.photons_per_adu
    scenes = read_scenes(ArrayFrames(stack), CAMERA, None, 24)
    emitters = Emitters.at(truth["frame"].to_numpy(np.int64), *columns, photons)
    state = State.begun(scenes, SIGMA_NM / 100.0, emitters)
    with ThreadPoolExecutor(1) as pool:
        for _ in range(4):
            step(state, Free(psf=False), pool)
    return light_of(state)


def test_molecules_that_are_alike_on_a_flat_background():
    found = light()
    assert found.width_std < 0.03
    assert found.photons_std == pytest.approx(500, rel=0.1)
    assert (found.unevenness, found.haze_per_um2, found.haze_photon) == (0.0, 0.0, 0.0)
    assert found.structure == "uniform"


def test_widths_that_differ_are_found():
    assert light(sigma_std_nm=16.5).width_std == pytest.approx(0.15, rel=0.3)


def test_an_uneven_background_and_haze_are_told_apart():
    found = light(unevenness=0.3)
    assert found.unevenness == pytest.approx(0.3, rel=0.5)
    assert found.haze_per_um2 < 0.05
    assert found.structure == "uniform"
    hazy = light(haze_per_um2=0.8)
    assert hazy.haze_per_um2 == pytest.approx(0.8, rel=0.5)
    assert hazy.haze_photon == pytest.approx(0.8 * 2000 / 100, rel=0.5)
    assert hazy.unevenness < 0.15


def test_a_lamp_that_flickers_is_no_haze():
    found = light(lamp=np.tile([0.0, 30.0], 12))
    assert found.haze_per_um2 < 0.05
    assert found.changes == pytest.approx(15.0 / 45.0, rel=0.1)
    fading = light(lamp=np.linspace(40.0, 0.0, 24))
    assert fading.changes == pytest.approx(np.linspace(40.0, 0.0, 24).std() / 50.0, rel=0.1)
    assert light(haze_per_um2=0.8).changes == light().changes == 0.0


def test_molecules_on_a_structure_are_told_by_their_light():
    assert light(structure="filaments", density_per_um2=1.0).structure != "uniform"


def test_haze_scatters_the_nodes_as_it_is_said_to():
    sigma_px, photons, per_px, size = 1.2, 1500.0, 0.01, 64
    frames = np.zeros((80, size, size), np.float32)
    add_haze(frames, per_px, photons, sigma_px, np.random.default_rng(1))
    grid = make_grid(size, size, sigma_px)
    every = np.eye(grid.nodes).reshape(-1, grid.rows, grid.columns)
    each = surfaces(every, grid.step_px, size, size).reshape(len(every), -1)
    nodes = np.linalg.lstsq(each.T, frames.reshape(len(frames), -1).T, rcond=None)[0]
    found = np.var(nodes, axis=1).mean() / per_px * (sigma_px / photons) ** 2
    assert found == pytest.approx(SCATTER_OF_HAZE, rel=0.15)
