"""What a reader makes of a network's answers."""

from dataclasses import replace

import numpy as np

import deep_storm as ds
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.training.adaptation import conditioned
from deep_storm.training.session import Molecules

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
SHIFT_PX = (0.25, -0.5)


def test_a_shift_that_is_known_is_taken_out_of_table_and_image():
    emitters = Emitters(density_per_um2=0.5, intensity_photon=2000)
    light = Psf(sigma_nm=110), emitters, Background(background_photon=10)
    size = Simulation(frames=4, width_px=40, height_px=40, seed=3)
    stack = simulate(CAMERA, *light, size).stack
    model = conditioned(ds.Model.load("general"), Molecules(CAMERA, *light))
    known = model.card.calibration.model_copy(
        update={"shift_x_px": SHIFT_PX[0], "shift_y_px": SHIFT_PX[1]}
    )
    shifted = replace(model, card=model.card.model_copy(update={"calibration": known}))
    before, after = (ds.reconstruct(stack, model=m, fits=False) for m in (model, shifted))
    assert len(before.table) == len(after.table) > 10
    for axis, k in (("x_nm", 0), ("y_nm", 1)):
        moved = before.table[axis] - after.table[axis]
        np.testing.assert_allclose(moved, 100 * SHIFT_PX[k], atol=0.01)
    # 8 image pixels for one of the camera: 2 to the left, 4 down
    moved = before.image[8:-12, 10:-8]
    np.testing.assert_allclose(after.image[12:-8, 8:-10], moved, atol=0.02 * moved.max())
