import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps
from deep_storm.errors import CameraError, Cancelled, StackError
from deep_storm.localizations import validated
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.frames import SimulatedFrames, simulate, simulate_chunks
from deep_storm.simulation.psf import add_emitters

CAMERA = Camera(
    pixel_size_nm=100.0,
    baseline_adu=100.0,
    photons_per_adu=0.5,
    quantum_efficiency=0.8,
    read_noise_adu=2.0,
)
PSF = Psf(sigma_nm=120.0)
EMITTERS = Emitters(density_per_um2=1.0, intensity_photon=1500.0, structure="mixed")
BACKGROUND = Background(background_photon=16.0, background_std_photon=2.0)
SIMULATION = Simulation(frames=12, width_px=40, height_px=24, seed=7)

DATA = Path(__file__).parents[1] / "data"
STATISTICS = json.loads((DATA / "thunderstorm_statistics.json").read_text())


def movie(**changes):
    arguments = {
        "camera": CAMERA,
        "psf": PSF,
        "emitters": EMITTERS,
        "background": BACKGROUND,
        "simulation": SIMULATION,
        **changes,
    }
    return SimulatedFrames(**arguments)


def test_stack_is_frames_by_height_by_width():
    result = simulate(CAMERA, PSF, EMITTERS, BACKGROUND, SIMULATION)
    assert result.stack.shape == (12, 24, 40)
    assert result.stack.dtype == np.uint16


def test_same_seed_same_movie_and_other_seed_another():
    first = simulate(CAMERA, PSF, EMITTERS, BACKGROUND, SIMULATION)
    second = simulate(CAMERA, PSF, EMITTERS, BACKGROUND, SIMULATION)
    np.testing.assert_array_equal(first.stack, second.stack)
    pd.testing.assert_frame_equal(first.truth, second.truth)
    other = simulate(CAMERA, PSF, EMITTERS, BACKGROUND, SIMULATION.model_copy(update={"seed": 8}))
    assert (first.stack != other.stack).any()


@pytest.mark.parametrize("chunk_frames", [1, 5, 12, 100])
def test_movie_does_not_depend_on_the_chunks(chunk_frames):
    whole = movie().read_with_truth(0, 12)
    chunks = list(simulate_chunks(movie(), chunk_frames))
    np.testing.assert_array_equal(np.concatenate([c.stack for c in chunks]), whole.stack)
    joined = pd.concat([c.truth for c in chunks], ignore_index=True)
    pd.testing.assert_frame_equal(joined, whole.truth)


def test_any_range_of_a_long_movie_can_be_read():
    long = movie(simulation=SIMULATION.model_copy(update={"frames": 1_000_000}))
    assert long.shape == (1_000_000, 24, 40)
    assert long.dtype == np.uint16
    assert long.pixel_size_nm == 100.0
    np.testing.assert_array_equal(long.read(3, 9), movie().read(3, 9))
    late = long.read(999_990, 1_000_000)
    np.testing.assert_array_equal(late[4:6], long.read(999_994, 999_996))
    assert long.truth(999_999, 1_000_000)["frame"].unique().tolist() == [999_999]


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (5, 13), (6, 4)])
def test_frames_that_do_not_exist_are_refused(start, stop):
    with pytest.raises(StackError, match="within the movie's 12 frames"):
        movie().read(start, stop)


def test_no_frames_give_an_empty_stack_and_table():
    nothing = movie().read_with_truth(4, 4)
    assert nothing.stack.shape == (0, 24, 40)
    assert len(validated(nothing.truth)) == 0


def test_truth_means_what_thunderstorms_means():
    truth = movie().truth(0, 12)
    assert list(truth.columns) == [
        "frame",
        "x_nm",
        "y_nm",
        "sigma_nm",
        "intensity_photon",
        "baseline_photon",
        "bkgstd_photon",
    ]
    pd.testing.assert_frame_equal(validated(truth, truth=True), truth)
    # The baseline in photons: 100 ADU × 0.5 photoelectrons ÷ 0.8 photoelectrons per photon.
    np.testing.assert_allclose(truth["baseline_photon"], 62.5)
    backgrounds = truth.groupby("frame")["bkgstd_photon"].first() ** 2
    assert truth.groupby("frame")["bkgstd_photon"].nunique().max() == 1
    assert backgrounds.between(16 - 2 * 1.7321, 16 + 2 * 1.7321).all()
    assert backgrounds.nunique() == len(backgrounds)


def test_truth_lists_only_emitters_in_the_field():
    truth = movie(emitters=EMITTERS.model_copy(update={"structure": "uniform"})).truth(0, 12)
    assert truth["x_nm"].between(0, 4000, inclusive="left").all()
    assert truth["y_nm"].between(0, 2400, inclusive="left").all()
    assert truth["x_nm"].max() > 3000


def test_single_emitter_lies_in_the_frame_where_the_truth_says():
    # A mask of one bright pixel, in a frame that is not square: x runs along columns.
    mask = np.zeros((24, 40))
    mask[17, 9] = 1
    emitters = Emitters(density_per_um2=0.3, intensity_photon=200_000.0, intensity_std_photon=0.0)
    frames = movie(emitters=emitters, background=Background(background_photon=0.0), mask=mask)
    for t in range(12):
        shot = frames.read_with_truth(t, t + 1)
        if shot.truth.empty:
            continue
        photons = CAMERA.photons(shot.stack[0])
        rows, columns = np.indices(photons.shape) + 0.5
        assert 9 <= shot.truth["x_nm"].mean() / 100 <= 10
        x_nm = np.sum(photons * columns) / photons.sum() * 100
        y_nm = np.sum(photons * rows) / photons.sum() * 100
        assert x_nm == pytest.approx(shot.truth["x_nm"].mean(), abs=3)
        assert y_nm == pytest.approx(shot.truth["y_nm"].mean(), abs=3)
        assert photons.sum() == pytest.approx(shot.truth["intensity_photon"].sum(), rel=0.02)
        return
    pytest.fail("no frame had an emitter")


def test_light_of_the_margin_fills_the_border():
    emitters = Emitters(density_per_um2=5.0, intensity_photon=1500.0)
    size = Simulation(frames=200, width_px=16, height_px=16, seed=1)
    with_margin = movie(emitters=emitters, simulation=size).read(0, 200).mean(axis=0)
    inside = emitters.model_copy(update={"beyond_border": False})
    without = movie(emitters=inside, simulation=size).read(0, 200).mean(axis=0)
    border = np.ones((16, 16), dtype=bool)
    border[1:-1, 1:-1] = False
    middle = with_margin[4:-4, 4:-4].mean()
    assert with_margin[border].mean() == pytest.approx(middle, rel=0.05)
    assert without[border].mean() < 0.85 * middle


def test_maps_are_respected():
    baseline = np.full((24, 40), 100.0, dtype=np.float32)
    baseline[3, 30] = 5000.0
    stack = movie(maps=CameraMaps(baseline_adu=baseline)).read(0, 4)
    assert (stack[:, 3, 30] >= 4950).all()
    assert np.median(stack) < 300


def test_maps_of_another_size_are_refused():
    with pytest.raises(CameraError, match="24 × 40"):
        movie(maps=CameraMaps(baseline_adu=np.ones((40, 24), dtype=np.float32)))


def test_progress_is_told_and_can_cancel():
    calls = []
    simulate(
        CAMERA, PSF, EMITTERS, BACKGROUND, SIMULATION, progress=lambda *call: calls.append(call)
    )
    assert calls[-1] == (12, 12, "frames simulated")

    def cancel(done, total, message):
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        simulate(CAMERA, PSF, EMITTERS, BACKGROUND, SIMULATION, progress=cancel)


def simulated_like(described, frames):
    """Simulate with the settings that ThunderSTORM's generator was given for a stack."""
    low_nm, high_nm = (end / 2.3548 for end in described["fwhm_nm"])
    low, high = described["intensity_photon"]
    camera = Camera(pixel_size_nm=described["pixel_size_nm"], **described["camera"])
    return simulate(
        camera,
        Psf(sigma_nm=(low_nm + high_nm) / 2, sigma_std_nm=(high_nm - low_nm) / np.sqrt(12)),
        Emitters(
            density_per_um2=described["emitters_per_frame"] / 40.96,
            intensity_photon=(low + high) / 2,
            intensity_std_photon=(high - low) / np.sqrt(12),
            beyond_border=False,
        ),
        Background(background_photon=described["background_photon"]),
        Simulation(frames=frames, width_px=64, height_px=64, seed=3),
    ).stack


@pytest.mark.parametrize("name", ["cmos_d2", "emccd_d1", "dense_d6"])
def test_stack_has_the_statistics_of_thunderstorms(name):
    described = STATISTICS["stacks"][name]
    stack = simulated_like(described, 250)
    assert stack.mean() == pytest.approx(described["mean_adu"], rel=0.01)
    assert stack.var() == pytest.approx(described["variance_adu2"], rel=0.05)
    percentiles = np.percentile(stack, STATISTICS["percents"])
    np.testing.assert_allclose(percentiles, described["percentiles_adu"], rtol=0.03)


def test_mean_is_that_of_thunderstorms_filaments():
    # Where its filaments were is not known, so only the light in all can be compared.
    described = STATISTICS["stacks"]["filaments_drift"]
    stack = simulated_like(described, 300)
    assert stack.mean() == pytest.approx(described["mean_adu"], rel=0.01)


@pytest.mark.parametrize(
    ("name", "part"), [("emccd_d1", "emccd_d1_first10"), ("dense_d6", "dense_d6_first10")]
)
def test_thunderstorms_truth_explains_its_frames_pixel_by_pixel(name, part):
    described = STATISTICS["stacks"][name]
    camera = Camera(pixel_size_nm=described["pixel_size_nm"], **described["camera"])
    truth = pd.read_csv(DATA / f"{part}_gt.csv")
    photons = camera.photons(tifffile.imread(DATA / f"{part}.tif"))
    truth = truth[truth["frame"] <= len(photons)]
    expected = np.full(photons.shape, described["background_photon"], dtype=np.float32)
    add_emitters(
        expected,
        truth["frame"].to_numpy(np.int64) - 1,
        *(truth[f"{c} [nm]"].to_numpy(np.float64) / 100 for c in ("x", "y", "sigma")),
        truth["intensity [photon]"].to_numpy(np.float64),
    )
    assert photons.mean() == pytest.approx(expected.mean(), rel=5e-3)
    variance = expected * camera.excess_noise_factor
    assert np.mean((photons - expected) ** 2 / variance) == pytest.approx(1.0, abs=0.03)
    # The same for the light of emitters alone, where a wrong PSF or corner would show most.
    bright = expected > 3 * described["background_photon"]
    chi2 = np.mean((photons - expected)[bright] ** 2 / variance[bright])
    assert chi2 == pytest.approx(1.0, abs=0.06)
