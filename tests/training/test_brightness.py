"""Brightness of molecules that overlap, by what the network answers on simulation."""

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.settings import Background, Emitters, Psf
from deep_storm.simulation.patches import PatchSimulator
from deep_storm.training.adaptation import conditioned
from deep_storm.training.brightness import (
    _Answers,
    _Simulated,
    _without_chance,
    brightness,
)
from deep_storm.training.session import Molecules
from deep_storm.training.sharing import Light

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
PSF = Psf(sigma_nm=110, sigma_std_nm=0)
BACKGROUND = Background(background_photon=20)
TRUE = Emitters(
    density_per_um2=4.0, intensity_photon=1000.0, intensity_std_photon=200.0, spread="gamma"
)


def frames_of(emitters, count=32):
    simulator = PatchSimulator(
        CAMERA,
        PSF,
        emitters,
        BACKGROUND,
        patch_size_px=64,
        batch=8,
        seed=11,
        density_factors=(1.0, 1.0),
        uniform_share=0.0,
    )
    batches = [simulator.batch_at(k).adu for k in range(count // 8)]
    return CAMERA.photons(np.concatenate(batches))


def as_fitted(emitters, factor=1.4):
    """Fewer and brighter molecules, as a fit of overlapping ones finds them."""
    return emitters.model_copy(
        update={
            "intensity_photon": factor * emitters.intensity_photon,
            "intensity_std_photon": 0.4 * factor * emitters.intensity_photon,
            "density_per_um2": emitters.density_per_um2 / factor,
        }
    )


@pytest.fixture(scope="module")
def general():
    return ds.Model.load("general")


@pytest.mark.parametrize("structure", ["uniform", "filaments"])
def test_molecules_that_overlap_get_their_true_brightness(general, structure):
    true = TRUE.model_copy(update={"structure": structure, "density_per_um2": 2.5})
    true = TRUE if structure == "uniform" else true
    model = conditioned(general, Molecules(CAMERA, PSF, as_fitted(true), BACKGROUND))
    found = brightness(model, [frames_of(true)], background_known=True).emitters
    light = true.intensity_photon * true.density_per_um2
    assert found.intensity_photon * found.density_per_um2 == pytest.approx(light, rel=1e-3)
    if structure == "uniform":
        assert found.intensity_photon == pytest.approx(1000.0, rel=0.1)
    else:  # a fifth or a quarter stays, of two fifths
        assert 900.0 < found.intensity_photon < 1300.0
    assert found.intensity_std_photon < 0.5 * found.intensity_photon


def test_a_part_of_the_field_that_is_denser_has_no_dimmer_molecules(general):
    there = TRUE.model_copy(update={"structure": "filaments", "density_per_um2": 2.5})

    def photons(mean_per_um2, everywhere):
        fitted = as_fitted(there.model_copy(update={"density_per_um2": mean_per_um2}))
        model = conditioned(general, Molecules(CAMERA, PSF, fitted, BACKGROUND))
        found = brightness(model, [frames_of(there)], everywhere=everywhere)
        return found.emitters.intensity_photon

    whole, part, taken_for_whole = photons(2.5, True), photons(1.5, False), photons(1.5, True)
    assert part == pytest.approx(whole, rel=0.05)
    assert taken_for_whole < 0.85 * part


def test_photons_spread_more_than_exponentially_where_on_times_cut_them(general):
    true = TRUE.model_copy(update={"intensity_std_photon": 1200.0})
    fitted = as_fitted(true).model_copy(update={"intensity_std_photon": 0.75 * 1400.0})
    model = conditioned(general, Molecules(CAMERA, PSF, fitted, BACKGROUND))
    found = brightness(model, [frames_of(true)], background_known=True).emitters
    assert found.intensity_std_photon > 1.05 * found.intensity_photon
    assert found.intensity_photon == pytest.approx(1000.0, rel=0.12)


def test_an_estimate_counts_as_much_as_it_is_known(general):
    update = {"intensity_photon": 1350.0, "density_per_um2": TRUE.density_per_um2 / 1.35}
    off = TRUE.model_copy(update={**update, "spread": "uniform"})
    model = conditioned(general, Molecules(CAMERA, PSF, off, BACKGROUND))
    frames = frames_of(TRUE)
    sure, unsure = (brightness(model, [frames], estimated=e).emitters for e in (0.01, 0.5))
    assert unsure.intensity_photon == pytest.approx(1000.0, rel=0.08)
    assert 1.05 < sure.intensity_photon / unsure.intensity_photon < 1.25
    assert unsure.spread == "uniform"  # photons that differ little keep their kind


def test_what_was_right_stays(general):
    model = conditioned(general, Molecules(CAMERA, PSF, TRUE, BACKGROUND))
    found = brightness(model, [frames_of(TRUE)])
    assert found.emitters.intensity_photon == pytest.approx(1000, rel=0.07)
    assert found.background.background_photon == pytest.approx(20, rel=0.1)


def test_light_that_a_fit_took_for_background_goes_back(general):
    fitted = TRUE.model_copy(update={"density_per_um2": 0.87 * TRUE.density_per_um2})
    lost = 0.13 * TRUE.density_per_um2 * TRUE.intensity_photon * 0.01
    more = BACKGROUND.model_copy(update={"background_photon": 20.0 + lost})
    model = conditioned(general, Molecules(CAMERA, PSF, fitted, more))
    found = brightness(model, [frames_of(TRUE)])
    assert found.emitters.density_per_um2 == pytest.approx(4.0, rel=0.05)
    assert found.background.background_photon == pytest.approx(20, rel=0.1)


@pytest.mark.parametrize("structure", ["uniform", "filaments"])
def test_windows_without_molecules_have_no_say(general, structure):
    true = TRUE.model_copy(update={"structure": structure})
    frames = frames_of(true, 16)
    empty = np.random.default_rng(3).poisson(20, frames.shape).astype(np.float32)
    model = conditioned(general, Molecules(CAMERA, PSF, true, BACKGROUND))
    assert brightness(model, [frames, empty]) == brightness(model, [frames])


def test_a_few_molecules_say_nothing(general):
    sparse = TRUE.model_copy(update={"density_per_um2": 0.1})
    model = conditioned(general, Molecules(CAMERA, PSF, sparse, BACKGROUND))
    assert brightness(model, [frames_of(sparse, 8)]) is None


def test_the_chance_of_a_simulation_is_taken_out():
    light = Light(TRUE, BACKGROUND)
    frames = np.zeros((8, 4, 4), np.float32)
    few = np.full(20, 1100.0, np.float32)
    drawn = [_Simulated(frames, few, 25.0), _Simulated(frames, few[:10], 20.0)]
    found = _without_chance(_Answers(3.0, 990.0, 0.3), drawn, light)
    assert found.per_frame == pytest.approx(3.0 * 45.0 / 30.0)
    assert found.photons == pytest.approx(990.0 / 1.1)
    assert found.spread == 0.3
    nothing = [_Simulated(frames, few[:0], 0.5)]
    assert _without_chance(_Answers(0.0, 0.0, 0.0), nothing, light) == (0.0, 0.0, 0.0)
