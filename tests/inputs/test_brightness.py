"""Photons and density of crowded movies, matched by simulation."""

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.estimation.stack import estimate_stack
from deep_storm.inputs.brightness import is_crowded, with_brightness, with_matched_brightness
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.training import brightness
from deep_storm.training.session import Molecules
from deep_storm.training.sharing import Light

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
FITTED = Emitters(density_per_um2=2.0, intensity_photon=1400.0, intensity_std_photon=300.0)
MOLECULES = Molecules(CAMERA, Psf(sigma_nm=110), FITTED, Background(background_photon=20))
MATCHED = FITTED.model_copy(update={"density_per_um2": 2.8, "intensity_photon": 1000.0})


@pytest.fixture(scope="module")
def general():
    return ds.Model.load("general")


@pytest.fixture
def windows(monkeypatch):
    """What simulation is compared with, without simulating."""
    seen = []

    def matched(model, windows, maps=None, background_known=False, estimated=None, everywhere=True):
        assert model.card.emitters == FITTED
        assert everywhere == (len(windows) == 1)
        seen.extend(windows)
        return Light(MATCHED, MOLECULES.background)

    monkeypatch.setattr(brightness, "brightness", matched)
    return seen


def test_a_crowded_movie_gets_the_matched_photons(general, windows):
    frames = np.full((30, 150, 131), 140, np.uint16)
    frames[:, ::2] += np.arange(30, dtype=np.uint16)[:, None, None]
    found, said = with_matched_brightness(general, MOLECULES, ArrayFrames(frames))
    assert found.emitters == MATCHED
    assert "with 1000 photons and 2.8 per µm²" in said[0]
    assert "1400 and 2)" in said[0]
    assert [w.shape for w in windows] == [(29, 64, 64)] * 4  # the first frame is even: dead
    assert windows[0][2].max() == (140 + 3 - 100) * 0.5


def test_small_fields_are_one_window_of_whole_cells(general, windows):
    frames = np.random.default_rng(1).poisson(140, (12, 50, 41)).astype(np.uint16)
    with_matched_brightness(general, MOLECULES, ArrayFrames(frames))
    (window,) = windows
    assert window.shape == (12, 40, 40)


def test_sparse_movies_and_tiny_ones_stay_as_they_are(general, windows):
    sparse = MOLECULES.emitters.model_copy(update={"density_per_um2": 0.2})
    molecules = Molecules(CAMERA, MOLECULES.psf, sparse, MOLECULES.background)
    assert is_crowded(MOLECULES)
    assert not is_crowded(molecules)
    frames = np.random.default_rng(1).poisson(140, (12, 64, 64)).astype(np.uint16)
    assert with_matched_brightness(general, molecules, ArrayFrames(frames)) == (molecules, ())
    assert with_matched_brightness(general, MOLECULES, ArrayFrames(frames[:, :20]))[1] == ()
    assert not windows


@pytest.mark.parametrize(("structure", "crowded"), [("uniform", False), ("filaments", True)])
def test_structures_are_crowded_sooner(structure, crowded):
    emitters = FITTED.model_copy(update={"density_per_um2": 1.0, "structure": structure})
    molecules = Molecules(CAMERA, MOLECULES.psf, emitters, MOLECULES.background)
    assert is_crowded(molecules) is crowded


@pytest.mark.parametrize(("um_per_um2", "crowded"), [(0.35, True), (0.0, False)])
def test_few_filaments_are_crowded_at_a_low_mean_density(um_per_um2, crowded):
    # as ThunderSTORM's filaments: 15 molecules in 41 µm², each with 0.8 others within 3 sigma
    emitters = FITTED.model_copy(
        update={
            "density_per_um2": 0.31,
            "structure": "filaments",
            "filament_um_per_um2": um_per_um2,
        }
    )
    psf = MOLECULES.psf.model_copy(update={"sigma_nm": 109.0})
    molecules = Molecules(CAMERA, psf, emitters, MOLECULES.background)
    assert is_crowded(molecules) is crowded


def test_an_estimate_and_its_errors_follow(monkeypatch):
    size = Simulation(frames=60, width_px=48, height_px=48, seed=2)
    movie = simulate(CAMERA, MOLECULES.psf, FITTED, MOLECULES.background, size)
    estimate = estimate_stack(ArrayFrames(movie.stack), CAMERA)
    own = estimate.emitters
    brighter = own.model_copy(
        update={
            "intensity_photon": 0.5 * own.intensity_photon,
            "density_per_um2": 2.0 * own.density_per_um2,
        }
    )
    level = estimate.background.background_photon
    less = estimate.background.model_copy(update={"background_photon": 0.9 * level})
    monkeypatch.setattr(brightness, "brightness", lambda *_: Light(brighter, less))
    found = with_brightness(estimate, ArrayFrames(movie.stack))
    before, after = estimate.quantities["photons"], found.quantities["photons"]
    assert after.value == pytest.approx(0.5 * before.value)
    assert after.error == pytest.approx(0.5 * before.error)
    assert found.quantities["density"].value == pytest.approx(
        2.0 * estimate.quantities["density"].value
    )
    assert found.quantities["background"].value == pytest.approx(
        0.9 * estimate.quantities["background"].value
    )
    assert (found.emitters, found.background) == (brighter, less)
