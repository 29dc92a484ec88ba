"""Refinement is tried on a movie's own frames: rings are light that a Gaussian cannot explain."""

import functools

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.inference.trial import MAX_EXCESS, excess_rows
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.model import Model
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil, Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.training import calibration, refining
from deep_storm.training.adaptation import adapted
from deep_storm.training.session import Molecules

PUPIL = Pupil(
    numerical_aperture=1.4,
    wavelength_nm=670.0,
    immersion_index=1.515,
    spherical_waves=0.07,
    vertical_coma_waves=0.05,
)
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
EMITTERS = ds.Emitters(density_per_um2=1, intensity_photon=2500, intensity_std_photon=600)
BACKGROUND = ds.Background(background_photon=20)


@pytest.fixture(scope="module")
def light():
    table = pupil_table(PUPIL, 100.0)
    psf = ds.Psf(sigma_nm=table.effective_sigma_nm, sigma_std_nm=3.0)
    size = Simulation(frames=10, width_px=64, height_px=64, seed=4)
    movie = simulate(CAMERA, psf, EMITTERS, BACKGROUND, size, table=table).stack
    return movie, psf, table


@pytest.fixture(scope="module")
def learnt(light):
    """Return a function that gives model and refinement for the light, PSF known or not."""

    @functools.cache
    def learn(known):
        _, psf, table = light
        molecules = Molecules(CAMERA, psf, EMITTERS, BACKGROUND, table=table if known else None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(calibration.EMITTERS, "native", 1500)
            patch.setattr(refining, "EMITTERS", 1500)
            model = adapted(Model.load("general"), molecules)
            return model, refining.learn_refinement(model)

    return learn


@pytest.mark.parametrize("known", [True, False])
def test_only_a_psf_that_is_not_the_models_gives_more_rows(light, learnt, known):
    excess = excess_rows(ArrayFrames(light[0]), *learnt(known))
    assert excess is not None
    assert (excess <= MAX_EXCESS) == known


def test_too_few_localizations_say_nothing(learnt):
    empty = np.random.default_rng(1).poisson(20, (5, 64, 64)) * 2 + 100
    assert excess_rows(ArrayFrames(empty.astype(np.uint16)), *learnt(True)) is None
