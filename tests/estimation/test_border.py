"""Whether molecules lie beyond the border, told by the light there."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.estimation import estimate_stack
from deep_storm.estimation.assembly import ONLY_INSIDE
from deep_storm.estimation.border import MAX_EDGE_PX, ends_at_border
from deep_storm.inference import fits
from deep_storm.inputs import brightness
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)
BACKGROUND, SIGMA_NM = 20.0, 130.0


def movie(beyond, size=48, seed=1, density=2.0, **changed):
    emitters = Emitters(
        density_per_um2=density, intensity_photon=1500.0, beyond_border=beyond, **changed
    )
    background = Background(background_photon=BACKGROUND)
    wanted = Simulation(frames=100, width_px=size, height_px=size, seed=seed)
    return simulate(CAMERA, Psf(sigma_nm=SIGMA_NM), emitters, background, wanted).stack


def said(stack, background=BACKGROUND, field=None):
    mean_photon = CAMERA.photons(stack).mean(axis=0, dtype=np.float64)
    return ends_at_border(mean_photon, background, SIGMA_NM / 100.0, field)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_light_from_beyond_the_border_is_noticed_and_its_absence(seed):
    assert not said(movie(True, seed=seed))
    assert said(movie(False, seed=seed))


@pytest.mark.parametrize("structure", ["filaments", "clusters"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_structure_that_lies_anywhere_does_not_end_at_the_border(structure, seed):
    assert not said(movie(True, seed=seed, structure=structure, seen_frames=3.0))


def test_what_cannot_be_told_is_not_claimed():
    without = movie(False)
    field = np.ones(without.shape[1:], bool)
    field[0] = False
    assert not said(without, field=field)
    assert not said(movie(False, size=16))
    assert not said(movie(False, size=72))
    # so little light that a mild slope of the background would look the same
    assert not said(movie(False, density=0.02))


def test_frames_for_which_it_is_told_are_looked_at_as_a_whole():
    assert MAX_EDGE_PX == fits.WINDOW_PX == brightness.WINDOW_PX


@pytest.mark.parametrize("beyond", [True, False])
def test_the_matched_simulation_has_molecules_where_the_movie_has(beyond):
    found = estimate_stack(movie(beyond), CAMERA)
    assert found.emitters.beyond_border == beyond
    assert (ONLY_INSIDE in found.notes) == (not beyond)
    assert found.sections()["emitters"]["beyond_border"] == beyond
