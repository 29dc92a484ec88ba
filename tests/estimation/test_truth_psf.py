import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.errors import PsfError
from deep_storm.estimation.truth_psf import (
    astigmatic_psf,
    check_direction,
    lit_frames,
    widths_over_depth,
)
from deep_storm.io.stacks.frames import open_frames
from deep_storm.psf.elliptical import Widths, elliptical_table
from deep_storm.psf.gaussian import gaussian_table
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=1)
REACH_NM = 400.0


def widths() -> Widths:
    """The form of ThunderSTORM's "polynomial" calibration: parabolas of z."""
    z_nm = np.linspace(-500.0, 500.0, 21)
    return Widths(z_nm, 135.0 + 3e-4 * (z_nm + 200.0) ** 2, 140.0 + 3e-4 * (z_nm - 200.0) ** 2)


def movie(angle: float, frames: int = 12):
    """Return a simulation, its truth with ThunderSTORM's columns, and its true PSF."""
    table = elliptical_table(widths(), 100.0, angle)
    made = simulate(
        CAMERA, Psf(sigma_nm=150.0, depth_reach_nm=REACH_NM),
        Emitters(density_per_um2=1.5, intensity_photon=2000.0), Background(background_photon=20.0),
        Simulation(frames=frames, width_px=40, height_px=40, seed=5), table=table,
    )  # fmt: skip
    known = widths()
    z_nm = made.truth["z_nm"]
    truth = made.truth.drop(columns="sigma_nm").assign(
        sigma1_nm=np.interp(z_nm, known.z_nm, known.x_nm),
        sigma2_nm=np.interp(z_nm, known.z_nm, known.y_nm),
    )
    return made.stack, truth, table


@pytest.mark.parametrize("degrees", [0.0, 90.0, -37.0])
def test_widths_in_the_truth_give_the_psf_and_the_frames_its_direction(degrees):
    stack, truth, true = movie(np.radians(degrees))
    found = astigmatic_psf(truth, lit_frames(truth, open_frames(stack), CAMERA), 100.0)
    assert found is not None
    assert found.z_nm[-1] == pytest.approx(REACH_NM, abs=5.0)
    for z_nm in (-350.0, -100.0, 200.0):
        here, there = found.plane(z_nm), true.plane(z_nm)
        margin = (len(there) - len(here)) // 2
        there = there[margin : len(there) - margin, margin : len(there) - margin]
        assert np.linalg.norm(here - there) < 0.05 * np.linalg.norm(there)


def test_widths_that_do_not_follow_depth_are_no_psf():
    rng = np.random.default_rng(1)
    truth = pd.DataFrame({"z_nm": rng.uniform(-300.0, 300.0, 200)})
    assert widths_over_depth(truth) is None
    truth = truth.assign(
        sigma1_nm=rng.uniform(100.0, 200.0, 200), sigma2_nm=rng.uniform(100.0, 200.0, 200)
    )
    assert widths_over_depth(truth) is None


def test_a_psf_whose_depth_runs_the_other_way_is_refused():
    stack, truth, true = movie(0.0)
    frames = lit_frames(truth, open_frames(stack), CAMERA)
    check_direction(true, frames)
    check_direction(gaussian_table(130.0, 100.0), frames)
    turned = true.turned(False, False, True)
    with pytest.raises(PsfError, match="runs against"):
        check_direction(turned, frames)
