import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from deep_storm.camera import Camera
from deep_storm.psf.pupil import Pupil, pupil_table
from deep_storm.settings import Background, Emitters, Psf, Simulation
from deep_storm.simulation.emitters import EmitterSet, draw_shares
from deep_storm.simulation.frames import SimulatedFrames
from deep_storm.simulation.switching import KEPT_BLOCKS, Switching, joined, switched

CAMERA = Camera(
    pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5, quantum_efficiency=0.8
)


def molecules(sequence, photons=1000.0):
    """Return molecules that differ in everything."""
    n = len(sequence)
    return EmitterSet(
        np.asarray(sequence, np.int64),
        10.0 + np.arange(n),
        20.0 + np.arange(n),
        1.0 + 0.01 * np.arange(n),
        photons + np.arange(n),
        5.0 * np.arange(n),
    )


def movie(frames=1_000_000, size_px=(24, 40), psf=None, table=None, seed=7, **emitters):
    given = {"density_per_um2": 2.0, "intensity_photon": 1500.0, "on_time_frames": 2.5, **emitters}
    return SimulatedFrames(
        CAMERA,
        psf or Psf(sigma_nm=120.0),
        Emitters(**given),
        Background(background_photon=16.0, background_std_photon=2.0),
        Simulation(frames=frames, height_px=size_px[0], width_px=size_px[1], seed=seed),
        table=table,
    )


def followed(truth):
    """Return frames, photons and number of rows of each molecule, told by its place."""
    return truth.groupby(["x_nm", "y_nm"]).agg(
        first=("frame", "min"),
        last=("frame", "max"),
        rows=("frame", "size"),
        sigmas=("sigma_nm", "nunique"),
        brightest=("intensity_photon", "max"),
    )


class TestSwitched:
    def test_each_frame_gets_its_share_of_the_light(self):
        found = switched(molecules([0]), np.array([1.75]), np.array([2.5]), 6)
        assert found.frame.tolist() == [1, 2, 3, 4]
        np.testing.assert_allclose(found.intensity_photon, [250.0, 1000.0, 1000.0, 250.0])
        assert found.frame.dtype == np.int64

    def test_place_sigma_and_depth_are_those_of_the_molecule(self):
        start, on = np.array([0.0, 1.0, 0.5]), np.array([2.0, 1.0, 1.0])
        found = switched(molecules([0, 0, 0]), start, on, 3)
        assert found.frame.tolist() == [0, 0, 1, 1, 1]
        which = np.array([0, 2, 0, 1, 2])
        for name in ("x_px", "y_px", "sigma_px", "z_nm"):
            expected = getattr(molecules([0, 0, 0]), name)[which]
            np.testing.assert_array_equal(getattr(found, name), expected)

    def test_sequences_follow_each_other(self):
        found = switched(molecules([0, 2, 1]), np.array([0.0, 1.0, 2.0]), np.full(3, 1.0), 3)
        assert found.frame.tolist() == [0, 5, 7]
        np.testing.assert_array_equal(found.intensity_photon, [1000.0, 1002.0, 1001.0])

    @pytest.mark.parametrize(
        ("start", "on", "frames"),
        [
            (-2.5, 1.0, []),  # out before the sequence began
            (-2.5, 2.5, []),  # just then
            (-2.5, 2.75, [0]),
            (2.5, 9.0, [2]),  # into the next sequence
            (3.0, 9.0, []),
            (1.0, 0.0, []),
            (1.3, 0.0, []),
            (1.0, 1.0, [1]),
        ],
    )
    def test_only_frames_of_the_sequence_with_light_are_there(self, start, on, frames):
        found = switched(molecules([0]), np.array([start]), np.array([on]), 3)
        assert found.frame.tolist() == frames
        assert (found.intensity_photon > 0).all()

    def test_light_of_all_frames_is_that_of_the_time_on(self):
        rng = np.random.default_rng(3)
        start, on = rng.uniform(0, 10, 500), rng.exponential(3.0, 500)
        found = switched(molecules(np.zeros(500)), start, on, 500)
        total = np.bincount(np.rint(found.x_px - 10).astype(int), found.intensity_photon, 500)
        np.testing.assert_allclose(total, (1000.0 + np.arange(500)) * on)

    def test_nobody_gives_nobody(self):
        assert len(switched(molecules([]), np.empty(0), np.empty(0), 3)) == 0


def test_sets_are_joined_in_order():
    both = joined([molecules([0, 1]), molecules([4])])
    assert both.frame.tolist() == [0, 1, 4]
    assert both.z_nm.tolist() == [0.0, 5.0, 0.0]
    assert both.intensity_photon.tolist() == [1000.0, 1001.0, 1000.0]


@pytest.mark.parametrize("on_time", [0.3, 2.5])
def test_shares_are_those_of_independent_frames(on_time):
    still = {"intensity_std_photon": 0.0, "on_time_frames": on_time}
    truth = movie(size_px=(64, 64), **still).truth(0, 400)
    found = truth["intensity_photon"].to_numpy() / 1500.0
    expected = draw_shares(on_time, 200_000, np.random.default_rng(1))
    assert found.max() <= 1.0
    assert found.mean() == pytest.approx(expected.mean(), rel=0.015)
    assert np.mean(found == 1.0) == pytest.approx(np.mean(expected == 1.0), abs=0.01)
    assert np.mean(found < 0.3) == pytest.approx(np.mean(expected < 0.3), abs=0.01)


@pytest.mark.parametrize("structure", ["uniform", "mixed"])
@pytest.mark.parametrize("on_time", [0.3, 2.5, 30.0])
def test_density_is_that_of_a_frame(structure, on_time):
    truth = movie(size_px=(64, 64), structure=structure, on_time_frames=on_time).truth(0, 1000)
    assert len(truth) / 1000 / 40.96 == pytest.approx(2.0, rel=0.05)


def test_first_frames_of_a_movie_are_as_full_as_later_ones():
    first = [movie(size_px=(64, 64), on_time_frames=10.0, seed=s).truth(0, 2) for s in range(30)]
    assert np.mean([len(truth) / 2 for truth in first]) == pytest.approx(2.0 * 40.96, rel=0.1)


def test_spread_of_the_density_is_that_of_the_starts():
    def std_of_new(**changes):
        truth = movie(size_px=(64, 64), on_time_frames=1.0, **changes).truth(0, 2000)
        new = followed(truth)["first"]
        return np.bincount(new[new > 0], minlength=2000)[1:].std()

    # 2 per µm² on 41 µm², half of them new: 41 ± 6.4 by chance, and ± 20 by the spread
    assert std_of_new() == pytest.approx(6.4, rel=0.1)
    assert std_of_new(density_std_per_um2=1.0) == pytest.approx(np.hypot(6.4, 20.5), rel=0.1)


def test_molecules_stay_where_they_are_and_as_they_are():
    seen = followed(movie().truth(0, 300))
    assert seen["rows"].max() > 10
    assert (seen["last"] - seen["first"] + 1 == seen["rows"]).all()
    assert (seen["sigmas"] == 1).all()
    long = movie(intensity_std_photon=300.0).truth(0, 300)
    between = long.groupby(["x_nm", "y_nm"]).filter(lambda rows: len(rows) >= 4)
    for _, rows in between.groupby(["x_nm", "y_nm"]):
        whole = rows.sort_values("frame")["intensity_photon"].iloc[1:-1]
        assert whole.nunique() == 1
        assert rows["intensity_photon"].max() == whole.iloc[0]


def test_time_on_is_exponentially_distributed():
    on_time = 4.0
    seen = followed(movie(size_px=(64, 64), on_time_frames=on_time).truth(0, 2000))
    seen = seen[(seen["first"] > 0) & (seen["first"] < 1900)]
    rows = seen["rows"].to_numpy()
    assert rows.mean() == pytest.approx(on_time + 1.0, rel=0.03)
    # Whoever is seen once more is so with the same probability, however long it has been on.
    survival = np.array([np.mean(rows > n) for n in range(1, 8)])
    ratio = survival[1:] / survival[:-1]
    np.testing.assert_allclose(ratio, np.exp(-1.0 / on_time), rtol=0.03)


def test_depth_is_the_molecules():
    depths = np.arange(-400.0, 401.0, 100.0)
    pupil = Pupil(numerical_aperture=1.4, wavelength_nm=680.0, oblique_astigmatism_waves=0.08)
    table = pupil_table(pupil, 100.0, depths)
    psf = Psf(sigma_nm=table.effective_sigma_nm, depth_std_nm=150.0)
    truth = movie(psf=psf, table=table).truth(0, 40)
    by_place = truth.groupby(["x_nm", "y_nm"])
    assert (by_place["z_nm"].nunique() == 1).all()
    assert by_place["z_nm"].first().std() == pytest.approx(150.0, rel=0.1)


def test_any_range_gives_the_same_frames_and_truth():
    whole = movie(frames=120).read_with_truth(0, 120)
    backwards = movie(frames=120)
    for t in (119, 61, 60, 30, 0, 100):
        one = backwards.read_with_truth(t, t + 1)
        np.testing.assert_array_equal(one.stack[0], whole.stack[t])
        expected = whole.truth[whole.truth["frame"] == t].reset_index(drop=True)
        pd.testing.assert_frame_equal(one.truth, expected)
        pd.testing.assert_frame_equal(backwards.truth(t, t + 1), expected)
    np.testing.assert_array_equal(movie().read(20, 70), whole.stack[20:70])
    late = movie().read(999_990, 1_000_000)
    np.testing.assert_array_equal(late[4:6], movie().read(999_994, 999_996))


def test_without_on_time_nobody_stays():
    truth = movie(on_time_frames=0.0, intensity_std_photon=0.0).truth(0, 100)
    assert (followed(truth)["rows"] == 1).all()
    assert (truth["intensity_photon"] == 1500.0).all()


def test_another_seed_gives_another_movie():
    assert not movie().truth(0, 5).equals(movie(seed=8).truth(0, 5))


def test_threads_and_processes_read_the_same():
    frames = movie(frames=240)
    expected = movie(frames=240).read(0, 240)
    starts = np.random.default_rng(0).permutation(24) * 10
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda start: frames.read(start, start + 10), starts))
    for start, part in zip(starts, parts, strict=True):
        np.testing.assert_array_equal(part, expected[start : start + 10])
    again = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(again.read(17, 23), expected[17:23])


def test_reading_in_order_draws_each_block_once(monkeypatch):
    drawn = []
    original = Switching._drawn

    def counted(self, number):
        drawn.append(number)
        return original(self, number)

    monkeypatch.setattr(Switching, "_drawn", counted)
    frames = movie(on_time_frames=1.0)
    for start in range(0, 160, 5):
        frames.truth(start, start + 5)
    assert drawn == list(range(-1, 10))
    assert len(frames._switching._kept) == KEPT_BLOCKS


@pytest.mark.parametrize("frames", [1.5, 4.0])
def test_frames_in_a_row_are_whole_ones(frames):
    seen = movie(
        size_px=(64, 64), on_time_frames=0.0, seen_frames=frames, intensity_std_photon=0.0
    ).truth(0, 1500)
    assert seen["intensity_photon"].to_numpy() == pytest.approx(1500.0)
    assert len(seen) / 1500 / 40.96 == pytest.approx(2.0, rel=0.05)
    molecules = seen.groupby(["x_nm", "y_nm"]).size()
    assert molecules.mean() == pytest.approx(frames, rel=0.05)
