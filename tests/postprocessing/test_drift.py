from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.errors import Cancelled, TableError
from deep_storm.io.tables.drift_files import Drift
from deep_storm.postprocessing.axial_drift import axial_drift
from deep_storm.postprocessing.bins import bins_of
from deep_storm.postprocessing.drift import agreed_positions, corrected, measure_drift
from deep_storm.postprocessing.fiducials import marker_drift
from deep_storm.settings import DriftCorrection

DATA = Path(__file__).resolve().parents[1] / "data"
FRAMES = np.arange(600)


def rms_nm(drift, truth):
    """Return the root mean square of the distance, the mean taken off: it is not to be seen."""
    error = drift.at(FRAMES) - truth
    return float(np.sqrt(((error - error.mean(axis=0)) ** 2).sum(axis=1).mean()))


def straight(total_nm=400.0):
    """Return the drift of ThunderSTORM's simulation: 400 nm in all, at 30°."""
    angle = np.deg2rad(30)
    return np.outer(FRAMES / 599, total_nm * np.array([np.cos(angle), np.sin(angle)]))


def filaments(truth, rows=6000, error_nm=12.0, seed=0):
    """Return localizations on seven filaments that move."""
    rng = np.random.default_rng(seed)
    middle, angle = rng.uniform(1500, 5000, (7, 2)), rng.uniform(0, np.pi, 7)
    which, along = rng.integers(0, 7, rows), rng.uniform(-2500, 2500, rows)
    frame = np.sort(rng.integers(0, 600, rows))
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    xy = middle[which] + along[:, None] * direction[which]
    xy += rng.normal(0, error_nm, (rows, 2)) + truth[frame]
    return pd.DataFrame(
        {"frame": frame, "x_nm": xy[:, 0], "y_nm": xy[:, 1], "uncertainty_xy_nm": error_nm}
    )


@pytest.fixture(scope="module")
def thunderstorm():
    return ds.read_table(DATA / "filaments_drift_thunderstorm_positions.csv")


@pytest.fixture(scope="module")
def measured(thunderstorm):
    return measure_drift(thunderstorm)


def test_drift_of_thunderstorms_own_table(measured):
    assert rms_nm(measured.drift, straight()) < 3  # 15 are asked for
    assert measured.smoothed.error_nm < 2
    assert measured.drift.at(np.array([0])) == pytest.approx(np.zeros((1, 2)), abs=1e-9)
    assert measured.notes == ()


def test_the_corrected_table_does_not_drift(thunderstorm, measured):
    moved = corrected(thunderstorm, measured.drift)
    again = measure_drift(moved)
    assert rms_nm(again.drift, np.zeros((600, 2))) < 2
    assert (moved["frame"] == thunderstorm["frame"]).all()
    unmoved = moved["x_nm"] + straight()[moved["frame"], 0]
    assert np.abs(unmoved - thunderstorm["x_nm"]).max() < 6


def test_a_table_without_drift_is_left_alone(thunderstorm):
    frame = thunderstorm["frame"].to_numpy()
    still = thunderstorm.assign(
        x_nm=thunderstorm["x_nm"] - straight()[frame, 0],
        y_nm=thunderstorm["y_nm"] - straight()[frame, 1],
    )
    assert rms_nm(measure_drift(still).drift, np.zeros((600, 2))) < 2  # 3 are asked for
    assert rms_nm(measure_drift(filaments(np.zeros((600, 2)))).drift, np.zeros((600, 2))) < 2


def test_drift_that_turns():
    truth = np.stack([150 * np.sin(FRAMES / 90), 80 * np.cos(FRAMES / 60)], axis=1)
    measured = measure_drift(filaments(truth))
    assert rms_nm(measured.drift, truth) < 5


def test_x_is_x_and_y_is_y_and_the_sign_is_that_of_the_sample():
    truth = np.outer(FRAMES / 599, [200.0, 0.0])
    total = measure_drift(filaments(truth), DriftCorrection(bins=8)).drift.at(np.array([599]))[0]
    assert total == pytest.approx([200, 0], abs=6)


def test_a_field_of_another_shape_and_far_from_the_origin():
    table = filaments(straight())
    far = table.assign(x_nm=table["x_nm"] - 90_000, y_nm=table["y_nm"] * 0.3 + 1e5)
    truth = straight() * [1, 0.3]
    assert rms_nm(measure_drift(far).drift, truth) < 6


def test_frames_need_not_begin_at_the_first(thunderstorm):
    late = thunderstorm[thunderstorm["frame"] >= 200]
    drift = measure_drift(late).drift
    assert drift.knots[0] == late["frame"].min()
    assert drift.at(np.array([0, 200]))[0] == pytest.approx(np.zeros(2), abs=1e-9)
    span = drift.at(np.array([599]))[0]
    assert span == pytest.approx((straight()[599] - straight()[200]), abs=8)


def test_numbers_of_frames_may_be_large():
    table = filaments(straight(200.0))
    times = table.assign(frame=table["frame"] * 10**9)  # as where the column is a time
    there = measure_drift(times).drift.at(FRAMES * 10**9)
    assert np.abs(there - measure_drift(table).drift.at(FRAMES)).max() < 0.5


def test_wrong_pairs_do_not_count():
    rng = np.random.default_rng(0)
    true = np.cumsum(rng.normal(0, 30, (12, 2)), axis=0)
    first, second = np.triu_indices(12, 1)
    shift = true[second] - true[first] + rng.normal(0, 1, (66, 2))
    wrong = rng.permutation(66)[:16]
    shift[wrong] += rng.uniform(200, 900, (16, 2))
    found, used = agreed_positions(first, second, shift, np.ones(66), 20.0)
    assert np.abs(found - (true - true[0])).max() < 2
    assert not used[wrong].any()
    assert used.sum() >= 45


def test_bins_hold_whole_frames_and_as_many_rows_each():
    frame = np.repeat(np.arange(100), np.linspace(30, 3, 100).astype(int))  # bleaching
    members = bins_of(frame, 10)
    assert (np.diff(members) >= 0).all()
    assert all(len(set(members[frame == f])) == 1 for f in range(100))
    assert np.bincount(members).min() > 0.7 * len(frame) / 10
    assert bins_of(np.array([3, 3, 9, 9]), 2).tolist() == [0, 0, 1, 1]


def test_what_has_no_structure_in_common_is_refused():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 6400, (2, 5000))
    table = pd.DataFrame({"frame": np.arange(5000) // 10, "x_nm": x, "y_nm": y})
    with pytest.raises(TableError, match="no structure in common"):
        measure_drift(table)


def test_too_many_bins_say_how_many_would_do(thunderstorm):
    with pytest.raises(TableError, match=r"40 bins hold 25 localizations .* give --bins 6"):
        measure_drift(thunderstorm.head(1000), DriftCorrection(bins=40))
    rng = np.random.default_rng(1)
    noise = pd.DataFrame(rng.uniform(0, 6400, (3000, 2)), columns=["x_nm", "y_nm"])
    noise["frame"] = rng.integers(0, 600, 3000)
    sparse = pd.concat([filaments(straight(), rows=1200), noise], ignore_index=True)
    with pytest.raises(TableError, match=r"too few to see how .* give --bins (5|10)\."):
        measure_drift(sparse, DriftCorrection(bins=40))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(frame=3), "all localizations are in one frame"),
        (lambda t: t.head(100), "too few to measure drift"),
        (lambda t: t.assign(x_nm=5.0, y_nm=5.0), "lie at the same place"),
    ],
)
def test_what_cannot_be_measured(thunderstorm, change, message):
    with pytest.raises(TableError, match=message):
        measure_drift(change(thunderstorm))


def test_measuring_can_be_stopped(thunderstorm):
    def stop(done, total, message):
        if done > 3:
            raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        measure_drift(thunderstorm, progress=stop)


# -- markers


def marked(truth, markers=3, error_nm=5.0, seed=0):
    rng = np.random.default_rng(seed)
    tables = [filaments(truth, rows=2000)]
    for place in rng.uniform(500, 6000, (markers, 2)):
        seen = np.sort(rng.permutation(600)[:570])
        xy = place + truth[seen] + rng.normal(0, error_nm, (570, 2))
        tables.append(pd.DataFrame({"frame": seen, "x_nm": xy[:, 0], "y_nm": xy[:, 1]}))
    return pd.concat(tables, ignore_index=True)


def test_markers_are_found_and_followed():
    truth = np.stack([150 * np.sin(FRAMES / 90), 80 * np.cos(FRAMES / 60)], axis=1)
    table = marked(truth)
    table.loc[table["frame"] == 300, "x_nm"] += 40  # one frame in which all jumped
    measured = marker_drift(table)
    assert measured.bins == 3
    assert rms_nm(measured.drift, truth - truth[0]) < 3
    assert measured.notes == ()


def test_a_marker_that_jumps_is_outvoted():
    truth = straight()
    table = marked(truth, markers=5)
    place = len(table) - 285  # the second half of the last marker
    table.loc[place:, "y_nm"] += 45
    assert rms_nm(marker_drift(table).drift, truth) < 3


def test_a_bead_in_many_pieces_is_one_marker():
    truth = straight()
    rng = np.random.default_rng(5)
    tables = [filaments(truth, rows=2000).assign(intensity_photon=1000.0)]
    for place in ((1000.0, 5000.0), (4000.0, 1200.0)):
        frame, pieces = np.repeat(FRAMES, 12), rng.normal(0, 120, (12, 2))
        xy = place + truth[frame] + np.tile(pieces, (600, 1)) + rng.normal(0, 25, (7200, 2))
        tables.append(pd.DataFrame({"frame": frame, "x_nm": xy[:, 0], "y_nm": xy[:, 1]}))
        tables[-1]["intensity_photon"] = rng.normal(1600, 100, len(frame))
    measured = marker_drift(pd.concat(tables, ignore_index=True))
    assert measured.bins == 2
    assert rms_nm(measured.drift, truth) < 20


def test_markers_that_contradict_each_other_are_refused():
    truth = straight()
    table = marked(truth, markers=2)
    last = table.index[-570:]
    table.loc[last, "x_nm"] -= 0.4 * table.loc[last, "frame"]
    with pytest.raises(TableError, match="2 markers contradict each other"):
        marker_drift(table)


def test_a_marker_that_moves_alone_is_left_out():
    truth = straight()
    table = marked(truth, markers=4)
    last = table.index[-570:]
    table.loc[last, "y_nm"] += 0.3 * table.loc[last, "frame"]
    measured = marker_drift(table)
    assert "1 of 4 markers" in measured.notes[0]
    assert rms_nm(measured.drift, truth) < 4


def test_one_marker_is_not_much():
    assert "only one" in marker_drift(marked(straight(), markers=1)).notes[0]


def test_without_markers_it_says_what_was_seen(thunderstorm):
    with pytest.raises(TableError, match=r"seen in \d+ of 600 frames"):
        marker_drift(thunderstorm)
    with pytest.raises(TableError, match="has 1 frame;"):
        marker_drift(thunderstorm.assign(frame=0))


def deep(frames=400, per_frame=25, drift_z_nm=120.0, thick=False, seed=1):
    """Localizations of a wavy line that drifts along z, or of a thick cloud."""
    rng = np.random.default_rng(seed)
    frame = np.repeat(np.arange(frames), per_frame)
    x, y = rng.uniform(0, 6000, frame.size), rng.uniform(0, 6000, frame.size)
    z = rng.uniform(-400, 400, frame.size) if thick else 250 * np.sin(x / 900) * np.cos(y / 700)
    z = z + drift_z_nm * frame / (frames - 1) + rng.normal(0, 25, frame.size)
    return pd.DataFrame(
        {"frame": frame, "x_nm": x, "y_nm": y, "z_nm": z, "uncertainty_xy_nm": 10.0,
         "uncertainty_z_nm": 25.0}
    )  # fmt: skip


def test_drift_along_z_is_measured():
    found = axial_drift(deep(), DriftCorrection())
    last = Drift(*[np.zeros(1)] * 5, found.knots, found.z).z_at(np.array([0, 200, 399]))
    np.testing.assert_allclose(last - last[0], [0.0, 60.0, 120.0], atol=8.0)
    assert found.error_nm < 8.0


def test_without_drift_along_z_nothing_is_moved():
    found = axial_drift(deep(drift_z_nm=0.0), DriftCorrection())
    moved = Drift(*[np.zeros(1)] * 5, found.knots, found.z).z_at(np.arange(400))
    assert np.ptp(moved) < 4.0


def test_a_cloud_does_not_tell_a_drift_along_z():
    assert axial_drift(deep(thick=True), DriftCorrection()) is None


def test_a_correction_takes_z_along():
    table, z = deep(), np.array([[0.0, 0.3]])
    drift = Drift(np.array([0.0, 399.0]), z * 0, z * 0, np.zeros(0), np.zeros((0, 2)),
                  np.array([0.0, 399.0]), z)  # fmt: skip
    moved = corrected(table, drift)
    np.testing.assert_allclose(table["z_nm"] - moved["z_nm"], 0.3 * table["frame"])
    assert "z_nm" not in corrected(table.drop(columns="z_nm"), drift)
