"""Flips and rotations are those that leave the PSF as it is."""

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.networks.base import Scales
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Background, Emitters, Psf, Pupil, Simulation, Training
from deep_storm.simulation.frames import simulate
from deep_storm.training.imported_data import ImportedData
from deep_storm.training.schedule import resolved
from deep_storm.training.turns import TURNS, Emitted, allowed_turns, leaves_alike, turned

CAMERA = Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)
BACKGROUND = Background(background_photon=20.0)
FLIP_X, FLIP_Y, TRANSPOSE = 1, 2, 4


def pupil(z_nm=(0.0,), **waves):
    aberrations = {f"{name}_waves": value for name, value in waves.items()}
    optics = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, **aberrations)
    return pupil_table(optics, 100.0, z_nm, radius_px=8)


def movie(table, density=2.0, frames=8, structure="uniform"):
    psf = Psf(sigma_nm=table.effective_sigma_nm, sigma_std_nm=0.0)
    emitters = Emitters(density_per_um2=density, intensity_photon=1500.0, structure=structure)
    size = Simulation(frames=frames, width_px=64, height_px=64, seed=3)
    return simulate(CAMERA, psf, emitters, BACKGROUND, size, table=table)


def turns_of(table, shift_nm=0.0, **how):
    made = movie(table, **how)
    emitted = []
    for frame, rows in made.truth.groupby("frame"):
        places = np.stack(
            [(rows.x_nm + shift_nm) / 100, rows.y_nm / 100, rows.sigma_nm / 100,
             rows.intensity_photon], axis=1,
        )  # fmt: skip
        emitted.append(Emitted(CAMERA.photons(made.stack[frame]), places, 20.0))
    return allowed_turns(emitted)


@pytest.mark.parametrize("structure", ["uniform", "filaments"])
def test_round_psfs_may_be_turned_as_one_likes(structure):
    assert turns_of(gaussian_table(130.0, 100.0), structure=structure) == TURNS
    assert turns_of(pupil(), structure=structure) == TURNS


@pytest.mark.parametrize("density", [0.5, 8.0])
def test_coma_allows_the_flip_along_its_axis_alone(density):
    assert turns_of(pupil(vertical_coma=0.07), density=density) == (0, FLIP_X)
    assert turns_of(pupil(horizontal_coma=0.07), density=density) == (0, FLIP_Y)


def test_a_little_coma_does_not_matter():
    assert turns_of(pupil(vertical_coma=0.01)) == TURNS


def test_an_elliptical_psf_may_be_flipped_but_not_exchanged():
    table = pupil((-50.0, 50.0, 150.0, 250.0), astigmatism=0.08)
    wide = table.plane(150.0)[None].astype(np.float32)
    elliptical = type(table)(wide, np.zeros(1), 100.0)
    assert turns_of(elliptical) == (0, FLIP_X, FLIP_Y, FLIP_X | FLIP_Y)


def test_a_truth_that_lies_beside_the_emitters_is_not_flipped_to_the_other_side():
    assert FLIP_X not in turns_of(gaussian_table(130.0, 100.0), shift_nm=12.0)
    assert FLIP_Y in turns_of(gaussian_table(130.0, 100.0), shift_nm=12.0)


def test_without_light_to_tell_all_are_allowed():
    assert allowed_turns([]) == TURNS
    dark = Emitted(np.zeros((32, 32)), np.zeros((0, 4)), 5.0)
    assert allowed_turns([dark]) == TURNS
    at_the_edge = Emitted(np.ones((32, 32)), np.array([[1.0, 1.0, 1.3, 900.0]]), 1.0)
    assert allowed_turns([dark, at_the_edge]) == TURNS


def test_the_axes_of_a_psf_over_depth_are_exchanged_only_if_each_depth_stays_the_same():
    depths_nm = (-300.0, -150.0, 0.0, 150.0, 300.0)
    astigmatic = pupil(depths_nm, astigmatism=0.1)
    assert [t for t in TURNS if leaves_alike(astigmatic, t)] == [0, FLIP_X, FLIP_Y, FLIP_X | FLIP_Y]
    assert all(leaves_alike(pupil(depths_nm), turn) for turn in TURNS)


def test_turns_are_the_symmetries_of_a_square():
    image = np.arange(9).reshape(3, 3)
    images = {tuple(turned(image, turn).ravel()) for turn in TURNS}
    assert len(images) == 8
    np.testing.assert_array_equal(turned(image, FLIP_X | TRANSPOSE), image[:, ::-1].T)


def test_imported_patches_are_turned_only_as_allowed():
    made = movie(pupil(vertical_coma=0.07), frames=6)
    scales = Scales.matching(
        CAMERA, Psf(sigma_nm=110.0), Emitters(density_per_um2=2, intensity_photon=1500), BACKGROUND
    )
    training = resolved(Training(batch=8, patch_size_px=32), 32, 32, 1e-3)
    data = ImportedData(ArrayFrames(made.stack), made.truth, CAMERA, scales, training)
    assert data.turns == (0, FLIP_X)
    patches = {p.tobytes() for k in range(3) for p in data.raw_batch(k).adu}
    frames = made.stack.astype(np.float32)
    cut = {
        frames[t, j : j + 32, i : i + 32][:, ::step].tobytes()
        for t in range(6) for j in range(33) for i in range(33) for step in (1, -1)
    }  # fmt: skip
    assert patches <= cut
