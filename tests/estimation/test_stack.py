from typing import Any

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, StackError
from deep_storm.estimation import estimate_stack
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import SimulatedStack, simulate

CMOS = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)
EM = Camera(pixel_size_nm=100, baseline_adu=200, photons_per_adu=5, em_gain=100)


def movie(
    camera: Camera = CMOS, frames: int = 100, seed: int = 3, **changed: Any
) -> SimulatedStack:
    values = {"density_per_um2": 2.0, "intensity_photon": 1500.0, "intensity_std_photon": 400.0}
    emitters = Emitters(
        **{**values, **{k: v for k, v in changed.items() if k in Emitters.model_fields}}
    )
    background = Background(background_photon=changed.get("background_photon", 15.0))
    psf = Psf(sigma_nm=changed.get("sigma_nm", 120.0), sigma_std_nm=7.0)
    size = Simulation(frames=frames, width_px=64, height_px=56, seed=seed)
    return simulate(camera, psf, emitters, background, size)


@pytest.mark.parametrize(
    ("camera", "changed"),
    [
        (CMOS, {"density_per_um2": 0.2, "frames": 200}),
        (CMOS, {"density_per_um2": 6.0}),
        (CMOS, {"structure": "filaments", "density_per_um2": 1.0, "frames": 200}),
        (EM, {"density_per_um2": 2.0, "intensity_photon": 900.0, "intensity_std_photon": 200.0}),
        (CMOS.model_copy(update={"quantum_efficiency": 0.8}), {"sigma_nm": 165.0}),
    ],
)
def test_finds_the_settings_of_a_simulation_blind(camera, changed):
    made = movie(camera, **changed)
    truth = made.truth
    found = estimate_stack(made.stack, camera)
    frames, height, width = made.stack.shape
    area_um2 = height * width * 0.01
    assert found.psf.sigma_nm == pytest.approx(truth.sigma_nm.mean(), rel=0.03)
    assert found.emitters.intensity_photon == pytest.approx(truth.intensity_photon.mean(), rel=0.07)
    assert found.background.background_photon == pytest.approx(15.0, rel=0.1)
    assert found.emitters.density_per_um2 == pytest.approx(len(truth) / frames / area_um2, rel=0.12)
    relative = found.emitters.intensity_std_photon / found.emitters.intensity_photon
    true = truth.intensity_photon.std() / truth.intensity_photon.mean()
    assert relative == pytest.approx(true, abs=0.12)
    assert found.camera == camera


def test_a_pixel_size_in_micrometres_is_named():
    in_um = CMOS.model_copy(update={"pixel_size_nm": 0.1})
    with pytest.raises(CameraError, match=r"0\.12 nm with pixels of 0\.1 nm.*not µm"):
        estimate_stack(movie(density_per_um2=0.5).stack, in_um)


def test_knows_a_structure_from_none():
    uniform = estimate_stack(movie(density_per_um2=1.0).stack, CMOS)
    lines = estimate_stack(
        movie(structure="filaments", density_per_um2=0.7, frames=200, seed=5).stack, CMOS
    )
    assert uniform.emitters.structure == "uniform"
    assert lines.emitters.structure in ("filaments", "mixed")
    assert lines.local_density[0].value > 1.5 * lines.emitters.density_per_um2
    assert uniform.local_density[0].value == pytest.approx(1.0, rel=0.15)
    assert all(q.lower_limit for q in lines.local_density)


def test_a_read_noise_that_nobody_entered_does_not_mislead():
    made = movie()
    forgetful = CMOS.model_copy(update={"read_noise_adu": 0.0})
    found = estimate_stack(made.stack, forgetful)
    assert found.emitters.intensity_photon == pytest.approx(1500, rel=0.05)


def test_says_when_the_baseline_does_not_suit_the_noise():
    made = movie(density_per_um2=0.3)
    right = estimate_stack(made.stack, CMOS)
    assert right.quantities["baseline"].value == pytest.approx(100, abs=1)
    assert not right.quantities["baseline"].warnings
    wrong = estimate_stack(made.stack, CMOS.model_copy(update={"baseline_adu": 92.0}))
    assert wrong.quantities["baseline"].value == pytest.approx(100, abs=1.5)
    assert "100" in wrong.quantities["baseline"].warnings[0]


def test_a_bead_is_left_out():
    made = movie()
    stack = made.stack.copy()
    y, x = np.mgrid[:56, :64]
    bead = 8000 * np.exp(-((y - 20) ** 2 + (x - 40) ** 2) / 6)
    stack += np.random.default_rng(1).poisson(bead, stack.shape).astype(np.uint16)
    found = estimate_stack(stack, CMOS)
    assert found.emitters.intensity_photon == pytest.approx(1500, rel=0.07)
    assert found.background.background_photon == pytest.approx(15, rel=0.1)
    assert any("always bright" in w for w in found.warnings)


def test_the_same_frames_give_the_same_estimate():
    stack = movie(frames=30).stack
    assert estimate_stack(stack, CMOS).sections() == estimate_stack(stack, CMOS).sections()


def test_says_that_few_frames_are_few():
    found = estimate_stack(movie(frames=20).stack, CMOS)
    assert any("only 20 frames" in w for w in found.all_warnings())


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        (np.full((1, 64, 64), 120, np.uint16), r"has 1 frame;.*save them as one TIFF"),
        (np.full((20, 64, 64), 120, np.uint16), "same value"),
        (np.full((20, 8, 64), 120, np.uint16), "64 × 8"),
        (np.random.default_rng(1).poisson(50, (40, 48, 48)) + 100, "nothing blinks"),
    ],
)
def test_refuses_what_shows_no_emitters(stack, words):
    with pytest.raises(StackError, match=words):
        estimate_stack(stack, CMOS)


def test_a_pixel_without_a_value_changes_nothing():
    stack = movie(frames=20).stack.astype(np.float32)
    right = estimate_stack(stack, CMOS).quantities["sigma"]
    stack[7, 3, 3] = np.nan
    found = estimate_stack(stack, CMOS).quantities["sigma"]
    assert found.value == pytest.approx(right.value, rel=0.02)


def test_a_crowd_is_a_lower_limit_and_hides_the_baseline():
    crowded = estimate_stack(movie(density_per_um2=6.0).stack, CMOS)
    assert crowded.quantities["density"].lower_limit
    assert "can be seen here only to within" in crowded.quantities["baseline"].warnings[0]
    sparse = estimate_stack(movie(density_per_um2=0.3).stack, CMOS)
    assert not sparse.quantities["density"].lower_limit
    assert not sparse.quantities["baseline"].warnings
