import numpy as np
import pandas as pd
import pytest

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, TableError
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import simulate
from deep_storm.simulation.imported import check_brightness, check_truth

RNG = np.random.default_rng(1)
PIXEL_NM = 100.0


@pytest.fixture
def truth() -> pd.DataFrame:
    n = 80
    return pd.DataFrame(
        {
            "frame": np.sort(RNG.integers(0, 5, n)),
            "x_nm": RNG.uniform(0, 4800, n),
            "y_nm": RNG.uniform(0, 3200, n),
        }
    )


@pytest.fixture
def stream(truth: pd.DataFrame) -> FrameStream:
    frames = RNG.normal(100, 5, (5, 32, 48))
    row, column = (truth[a].to_numpy() // PIXEL_NM for a in ("y_nm", "x_nm"))
    np.add.at(frames, (truth["frame"], row.astype(int), column.astype(int)), 200)
    return open_frames(frames.astype(np.uint16))


def test_a_truth_that_belongs_to_its_stack_passes(truth, stream):
    check_truth(truth, stream, PIXEL_NM)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.iloc[:0], "no emitters"),
        (lambda t: t.assign(frame=t["frame"] + 5), "none in common"),
        (lambda t: t.assign(frame=t["frame"] - 1), "counted from 1"),
        (lambda t: t.assign(x_nm=t["x_nm"] / 100, y_nm=t["y_nm"] / 100), "look like pixels"),
        (lambda t: t.assign(y_nm=t["y_nm"] + 1000), "y of the ground truth goes from"),
        (lambda t: t.assign(x_nm=4800 - t["x_nm"]), "more light at the emitters"),
        (lambda t: t.assign(x_nm=t["y_nm"], y_nm=t["x_nm"] * 2 / 3), "x and y are not swapped"),
    ],
)
def test_a_truth_that_does_not_is_refused(truth, stream, change, complaint):
    with pytest.raises(TableError, match=complaint):
        check_truth(change(truth), stream, PIXEL_NM)


def test_a_little_outside_the_field_is_no_mistake(truth, stream):
    truth.loc[0, "x_nm"] = -300.0
    check_truth(truth, stream, PIXEL_NM)


def test_a_table_of_localizations_is_no_truth(truth, stream):
    with pytest.raises(TableError, match="has uncertainties"):
        check_truth(truth.assign(uncertainty_xy_nm=10.0), stream, 100)


CAMERA = Camera(pixel_size_nm=100.0, baseline_adu=200.0, photons_per_adu=5.0, em_gain=100.0)


@pytest.fixture(scope="module")
def simulated():
    emitters = Emitters(density_per_um2=1.0, intensity_photon=1200.0, structure="filaments")
    light = Background(background_photon=10.0, haze_per_um2=1.0)
    size = Simulation(frames=8, width_px=40, height_px=32)
    made = simulate(CAMERA, Psf(sigma_nm=112.0), emitters, light, size)
    return made.truth, open_frames(made.stack)


def test_frames_as_bright_as_their_camera_makes_them_pass(simulated):
    check_brightness(*simulated, CAMERA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"em_gain": None},
        {"photons_per_adu": 0.2},  # ADU per photon, which other programs ask for
        {"em_gain": None, "photons_per_adu": 0.5, "baseline_adu": 100.0},
        {"baseline_adu": 10_000.0},
    ],
)
def test_another_camera_is_refused(simulated, wrong):
    camera = CAMERA.model_copy(update=wrong)
    with pytest.raises(CameraError, match=r"ADU bright on average; with this camera, .* makes"):
        check_brightness(*simulated, camera)


def test_a_truth_that_says_no_light_cannot_tell(simulated):
    truth, stream = simulated
    wrong = CAMERA.model_copy(update={"em_gain": None})
    check_brightness(truth.drop(columns="bkgstd_photon"), stream, wrong)
    check_brightness(truth.drop(columns="intensity_photon"), stream, wrong)


@pytest.mark.filterwarnings("error")
def test_frames_without_a_measurement_tell_no_brightness(simulated):
    truth, stream = simulated
    frames = stream.read(0, 8).astype(np.float32)
    frames[3] = np.nan
    check_brightness(truth, open_frames(frames), CAMERA)
    with pytest.raises(CameraError, match="ADU bright"):
        check_brightness(truth, open_frames(frames), CAMERA.model_copy(update={"em_gain": None}))
    frames[1:] = np.nan
    check_brightness(truth[truth["frame"] > 0], open_frames(frames), CAMERA)


def test_dim_frames_that_were_cut_to_whole_numbers_are_no_other_camera(simulated):
    truth, _ = simulated
    camera = Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=40.0)
    light = truth["intensity_photon"].sum() / (8 * 32 * 40) + (truth["bkgstd_photon"] ** 2).mean()
    rng = np.random.default_rng(2)
    frames = np.floor(100.0 + rng.poisson(light, (8, 32, 40)) / 40.0)
    assert frames.mean() - 100.0 < 0.5 * light / 40.0  # the cut takes more than half
    check_brightness(truth, open_frames(frames), camera)
