"""Experiments drawn for the general model, and the batches made of them."""

import numpy as np
import pytest

from deep_storm.psf.code import CODE_LENGTH
from deep_storm.settings import Domain, Training
from deep_storm.training.experiments import (
    PsfBank,
    code_of,
    draw_experiment,
    hidden_maps,
    min_photon,
)
from deep_storm.training.general import GeneralData
from deep_storm.training.schedule import resolved

REAL_LIGHT = Domain(
    gaussian_share=0.25,
    depth_std_nm=(30.0, 250.0),
    uneven_share=0.5,
    hazy_share=0.4,
    blinking_share=0.3,
    hidden_noise_share=0.5,
)


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(1)
    bank = PsfBank(count=6)
    return [draw_experiment(REAL_LIGHT, rng, bank) for _ in range(60)]


def test_the_domain_of_gaussians_has_nothing_else():
    rng = np.random.default_rng(1)
    for _ in range(20):
        experiment = draw_experiment(Domain(), rng)
        assert experiment.table is None
        assert not experiment.background.is_structured
        assert experiment.emitters.on_time_frames == 0
        assert experiment.hidden_noise == 0


def test_every_kind_of_light_occurs(drawn):
    assert 0 < sum(e.table is None for e in drawn) < 30
    assert any(e.psf.depth_std_nm > 0 for e in drawn)
    assert any(e.background.unevenness > 0 for e in drawn)
    assert any(e.background.haze_per_um2 > 0 for e in drawn)
    assert any(e.emitters.spread == "gamma" for e in drawn)
    assert any(hidden_maps(e, (32, 32), np.random.default_rng(1)) is not None for e in drawn)


def test_no_experiment_is_hopeless(drawn):
    for experiment in drawn:
        sigma_px = experiment.psf.sigma_nm / 100.0
        assert experiment.emitters.intensity_photon > 2.0 * min_photon(experiment, sigma_px)


def test_photons_are_those_of_a_frame_on_times_included(drawn):
    for experiment in drawn:
        ratio = experiment.photons / experiment.emitters.intensity_photon
        if experiment.emitters.on_time_frames > 0:
            assert 0.2 < ratio < 0.95
        else:
            assert ratio == pytest.approx(1.0)


def test_codes_have_their_length(drawn):
    assert {len(code_of(e)) for e in drawn[:5]} == {CODE_LENGTH}


def test_batches_are_the_same_for_the_same_number_and_hold_uneven_background():
    data = GeneralData(REAL_LIGHT, resolved(Training(), 16, 32, 1e-3))
    batch, again = data.batch(3), data.batch(3)
    np.testing.assert_array_equal(batch.frames, again.frames)
    assert batch.frames.shape == (16, 32, 32, 1)
    assert batch.truth.background.shape == (16, 32, 32)
    assert np.isfinite(batch.frames).all()
    assert np.ptp(batch.truth.background, axis=(1, 2)).max() > 0
    assert batch.expectations[:, 5:].any()
