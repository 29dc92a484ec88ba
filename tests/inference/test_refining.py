"""Refinement in the pipeline: better, the same however it is cut, stoppable, resumable."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import Cancelled
from deep_storm.inference.reconstruction import reconstruct_frames
from deep_storm.inference.refining import proposals_from, refiner_for
from deep_storm.inference.work_folder import WorkFolder
from deep_storm.inputs.learnt import Learnt
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.model import Model
from deep_storm.progress import silent
from deep_storm.quality.matching import match_points, points_of
from deep_storm.settings import Reconstruction, Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.training import calibration, refining
from deep_storm.training.adaptation import adapted
from deep_storm.training.seen import seen_frames
from deep_storm.training.session import Molecules

PARTS = (
    ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
    ds.Psf(sigma_nm=130, sigma_std_nm=5),
    ds.Emitters(density_per_um2=4, intensity_photon=1500, intensity_std_photon=200),
    ds.Background(background_photon=15),
)


@pytest.fixture(scope="module")
def model():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(calibration.EMITTERS, "native", 1500)
        return adapted(Model.load("general"), Molecules(*PARTS))


@pytest.fixture(scope="module")
def movie():
    return simulate(*PARTS, Simulation(frames=9, width_px=40, height_px=36, seed=12))


@pytest.fixture(scope="module")
def learnt(model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refining, "EMITTERS", 1500)
        return refining.learn_refinement(model)


@pytest.fixture(scope="module")
def done(model, movie, learnt):
    """Reconstruct the movie, refined."""

    def reconstruct(progress=silent, store=None, **settings):
        return reconstruct_frames(
            ArrayFrames(movie.stack),
            model,
            Reconstruction(refine=True, **settings),
            progress=progress,
            store=store,
            refinement=learnt,
        )

    return reconstruct


@pytest.fixture(scope="module")
def whole(done):
    return done()


def _errors_nm(table, truth):
    """Return how far off each emitter is placed; NaN for one that is not found."""
    matches = match_points(points_of(table), points_of(truth), 100.0)
    errors = np.full(len(truth), np.nan)
    errors[matches.emitter] = matches.distance_nm
    return errors


def test_it_finds_more_and_places_them_better(model, movie, whole):
    plain = reconstruct_frames(ArrayFrames(movie.stack), model)
    before, after = (
        ds.evaluate(r.table, movie.truth, tolerance_nm=(100.0,)).comparison.scores[0]
        for r in (plain, whole)
    )
    assert after.jaccard > before.jaccard + 0.02
    assert after.rmse_nm < before.rmse_nm - 1  # with the harder ones that it finds, too
    errors = [_errors_nm(r.table, movie.truth) for r in (plain, whole)]
    both = np.isfinite(errors).all(axis=0)
    rmse_nm = np.sqrt(np.mean(np.square(errors)[:, both], axis=1))
    assert rmse_nm[1] < rmse_nm[0] - 2
    assert after.calibration_error < 0.05
    assert 0.7 < after.error_over_uncertainty < 1.3
    assert after.photon_ratio == pytest.approx(1.0, abs=0.03)
    assert whole.image.sum() == pytest.approx(len(movie.truth), rel=0.1)


@pytest.mark.parametrize("settings", [{"chunk_frames": 1}, {"chunk_frames": 4}])
def test_chunks_change_nothing(done, whole, settings):
    cut = done(**settings)
    for name in whole.table:
        np.testing.assert_array_equal(cut.table[name], whole.table[name])
    np.testing.assert_array_equal(cut.image, whole.image)


def test_stopped_and_resumed(done, whole, tmp_path):
    def stop(frames, total, message):
        if frames >= 4:
            raise Cancelled("stopped")

    with WorkFolder_at(tmp_path) as store:
        first = done(stop, store, chunk_frames=2)
    assert not first.complete
    assert first.shape[0] < 9
    with WorkFolder_at(tmp_path, resume=True) as store:
        second = done(store=store, chunk_frames=2)
        assert second.complete
        np.testing.assert_array_equal(second.table["x_nm"], whole.table["x_nm"])
        np.testing.assert_array_equal(second.image, whole.image)


class WorkFolder_at:
    def __init__(self, folder, resume=False):
        self.work = WorkFolder.begin(folder / "out.running", {}, resume)

    def __enter__(self):
        return self.work

    def __exit__(self, *_):
        self.work.release()


def test_the_classic_networks_candidates_can_be_refined(model):
    from deep_storm.extraction.candidates import Candidates

    nothing = np.empty(0, np.float32)
    two = [np.array([3.0, 9.0], np.float32) for _ in range(4)]
    candidates = Candidates(np.zeros(2, np.int64), *two, nothing, nothing, nothing)
    proposals = proposals_from(candidates, model.card, refiner_for(model.card).shape)
    assert proposals.photons.tolist() == [1500, 1500]
    assert proposals.background_photon.tolist() == [15, 15]


@pytest.mark.parametrize(
    ("network", "refined", "pays"),
    [(0.99, 0.987, True), (0.95, 0.947, False), (0.6, 0.63, False), (0.6, 0.64, True)],
)
def test_where_many_are_missed_refinement_must_be_better(learnt, network, refined, pays):
    assert replace(learnt, jaccard=refined, network_jaccard=network).pays is pays


def test_refinement_that_would_lose_on_such_light_is_left_out_and_said(model, movie, learnt):
    assert learnt.pays
    assert learnt.jaccard > learnt.network_jaccard > 0.8
    with pytest.MonkeyPatch.context() as patch:
        worse = Learnt(replace(learnt, jaccard=learnt.network_jaccard - 0.05), False)
        patch.setattr("deep_storm.runs.localizing.learnt_refinement", lambda *_: worse)
        result = ds.reconstruct(movie.stack, model=model, refine=True)
    assert any("refinement is left out" in note for note in result.notes)
    plain = ds.reconstruct(movie.stack, model=model)
    np.testing.assert_array_equal(result.table["x_nm"], plain.table["x_nm"])


@pytest.mark.parametrize(
    ("spread", "structure", "order"),
    [("gamma", "uniform", 4.0), ("gamma", "filaments", 0.0), ("normal", "uniform", 0.0)],
)
def test_the_refiner_knows_how_photons_are_distributed(model, spread, structure, order):
    emitters = ds.Emitters(
        density_per_um2=1, intensity_photon=1000, intensity_std_photon=500,
        spread=spread, structure=structure,
    )  # fmt: skip
    prior = refiner_for(model.card.model_copy(update={"emitters": emitters})).prior
    assert prior.photons_order == pytest.approx(order, rel=0.02)


def test_the_refiner_knows_how_uneven_the_background_is(model):
    def uneven(**values):
        background = ds.Background(background_photon=40, **values)
        card = model.card.model_copy(update={"background": background})
        return refiner_for(card).prior.uneven_photon

    assert uneven() == 0.0
    assert uneven(unevenness=0.25) == pytest.approx(10.0)
    assert uneven(unevenness=0.25, haze_per_um2=0.5) == pytest.approx(12.6, rel=0.01)


def test_refinement_is_compared_with_the_best_of_the_network(model):
    """Not with the fewer rows of a table that can be believed."""
    seen = list(seen_frames(model, 3, None, 300, 1, 2))
    strict = model.card.model_copy(update={"threshold": 0.95})
    best = refining._network_jaccard(model.card, seen)
    assert refining._network_jaccard(strict, seen) == best > 0.7
