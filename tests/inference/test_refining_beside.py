"""Refinement of molecules that stay on: what the network finds in the frames beside is expected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.reconstruction import reconstruct_frames
from deep_storm.inference.refining import _on_beside, looks_beside
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.model import Model
from deep_storm.model_card import Calibration
from deep_storm.settings import Reconstruction, Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.training import calibration, refining
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
PSF = ds.Psf(sigma_nm=130, sigma_std_nm=5)
BACKGROUND = ds.Background(background_photon=20)
LIGHT = {"density_per_um2": 1.5, "intensity_photon": 400, "intensity_std_photon": 150}


def adapted_to(**emitters):
    molecules = Molecules(CAMERA, PSF, ds.Emitters(**LIGHT, **emitters), BACKGROUND)
    return adapted(Model.load("general"), molecules)


@pytest.fixture(scope="module")
def model():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(calibration.EMITTERS, "native", 1500)
        return adapted_to(on_time_frames=3.0)


@pytest.fixture(scope="module")
def learnt(model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refining, "EMITTERS", 1500)
        return refining.learn_refinement(model)


@pytest.fixture(scope="module")
def movie():
    size = Simulation(frames=24, width_px=48, height_px=48, seed=5)
    emitters = ds.Emitters(**LIGHT, on_time_frames=3.0)
    return simulate(CAMERA, PSF, emitters, BACKGROUND, size)


@pytest.fixture(scope="module")
def refined(model, movie):
    def reconstruct(refinement, stack=None, **settings):
        return reconstruct_frames(
            ArrayFrames(movie.stack if stack is None else stack),
            model,
            Reconstruction(refine=True, **settings),
            refinement=refinement,
        )

    return reconstruct


@pytest.fixture(scope="module")
def whole(refined, learnt):
    return refined(learnt)


def test_molecules_are_placed_better_than_by_single_frames(refined, whole, learnt, movie):
    alone = refined(replace(learnt, beside=False))
    with_them, without = (
        ds.evaluate(r.table, movie.truth, tolerance_nm=(100.0,)).comparison.scores[0]
        for r in (whole, alone)
    )
    assert with_them.rmse_nm < 0.9 * without.rmse_nm
    assert with_them.jaccard > without.jaccard
    assert 0.8 < with_them.error_over_uncertainty < 1.25


@pytest.mark.parametrize("settings", [{"chunk_frames": 1}, {"chunk_frames": 7}])
def test_chunks_change_nothing(refined, whole, learnt, settings):
    cut = refined(learnt, **settings)
    for name in whole.table:
        np.testing.assert_array_equal(cut.table[name], whole.table[name])
    np.testing.assert_array_equal(cut.image, whole.image)


def test_a_part_of_the_movie_sees_the_frames_around_it(refined, whole, learnt):
    part = refined(learnt, frames="7:12").table
    np.testing.assert_array_equal(part, whole.table[whole.table["frame"].between(6, 11)])


def test_a_dead_frame_says_nothing_of_those_beside_it(refined, learnt, movie):
    stack = movie.stack.copy()
    stack[10] = 0
    broken = refined(learnt, stack)
    assert broken.dead_frames == (10,)
    assert not (broken.table["frame"] == 10).any()
    ended = refined(learnt, stack[:10]).table
    np.testing.assert_array_equal(broken.table[broken.table["frame"] < 10], ended)


def test_only_what_stays_on_is_looked_for_beside(model, learnt):
    assert learnt.beside
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(calibration.EMITTERS, "native", 500)
        assert not looks_beside(adapted_to())


def test_depths_beside_are_known_as_precisely_as_they_are_stated(model):
    ones = np.ones(2, np.float32)
    flat = Candidates(np.zeros(2, np.int64), ones, ones, 0.1 * ones, 0.9 * ones, *[ones] * 3)
    deep = flat._replace(z_px=np.array([-2.0, 1.0], np.float32), z_spread_px=0.5 * ones)
    said = {"score": (0.0, 1.0), "depth_score": (0.0, 1.0), "depth_factor": (2.0, 2.0)}
    card = model.card.model_copy(update={"calibration": Calibration(**said)})
    beside = _on_beside(deep, card)
    assert beside.z_px.tolist() == [-2.0, 1.0]
    # the network has seen this frame, too: a third of what it knows there is not new here
    np.testing.assert_allclose(beside.z_certainty, 1.0 / (1.5 * 1.0 + 0.05**2), rtol=1e-6)
    assert not _on_beside(flat, card).z_certainty.any()
