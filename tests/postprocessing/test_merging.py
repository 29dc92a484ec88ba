from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.errors import TableError
from deep_storm.io.tables.thunderstorm import read_protocol
from deep_storm.postprocessing.merging import merge_table
from deep_storm.postprocessing.uncertainty import fit_uncertainty_nm
from deep_storm.settings import Merging

DATA = Path(__file__).resolve().parents[1] / "data"
TABLE = DATA / "filaments_drift_first20_thunderstorm.csv"


def at(*rows, **columns):
    """Make a table of rows (frame, x)."""
    frame, x_nm = zip(*rows, strict=True)
    return pd.DataFrame({"frame": frame, "x_nm": x_nm, "y_nm": 0.0, **columns}).astype(
        {"x_nm": float}
    )


def groups(table, **settings):
    return merge_table(table, Merging(distance_nm=20, **settings)).molecule.tolist()


def test_columns_are_merged_as_thunderstorm_does_it():
    table = pd.DataFrame(
        {
            "frame": [4, 5, 6],
            "x_nm": [100.0, 104.0, 108.0],
            "y_nm": [10.0, 10.0, 16.0],
            "sigma_nm": [90.0, 100.0, 110.0],
            "intensity_photon": [500.0, 700.0, 900.0],
            "background_photon": [10.0, 20.0, 30.0],
            "bkgstd_photon": [3.0, 4.0, 5.0],
            "confidence": [0.5, 0.5, 0.8],
            "uncertainty_xy_nm": [9.0, 8.0, 7.0],
            "chi2": [7.0, 8.0, 9.0],
        }
    )
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
    merged = merge_table(table, Merging(distance_nm=20), camera)
    row = merged.table.iloc[0]
    assert len(merged.table) == 1
    assert row["frame"] == 4
    assert row["detections"] == 3
    assert (row["x_nm"], row["y_nm"]) == (104, 12)
    assert (row["sigma_nm"], row["background_photon"]) == (100, 20)
    assert (row["intensity_photon"], row["bkgstd_photon"]) == (2100, 12)
    assert row["chi2"] == 7
    assert row["confidence"] == pytest.approx(1 - 0.5 * 0.5 * 0.2)
    expected = fit_uncertainty_nm(merged.table, camera)[0]
    assert row["uncertainty_xy_nm"] == expected
    assert merged.recomputed
    # without a camera: of the mean of three positions
    row = merge_table(table, Merging(distance_nm=20)).table.iloc[0]
    assert row["uncertainty_xy_nm"] == pytest.approx(np.sqrt(81 + 64 + 49) / 3)
    combined = Merging(distance_nm=20, merged_uncertainty="combined")
    assert not merge_table(table, combined, camera).recomputed


def test_the_uncertainty_is_the_one_that_thunderstorm_wrote():
    table = ds.read_table(TABLE)
    camera = read_protocol(DATA / "filaments_drift_first20_thunderstorm-protocol.txt")
    np.testing.assert_allclose(
        fit_uncertainty_nm(table, camera), table["uncertainty_xy_nm"], atol=2e-5
    )


def test_no_photons_no_uncertainty():
    table = ds.read_table(TABLE).head(2)
    table["intensity_photon"] = [0.0, -5.0]
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=0, photons_per_adu=1)
    assert np.isnan(fit_uncertainty_nm(table, camera)).all()


def test_only_following_frames_within_the_distance_are_linked():
    assert groups(at((0, 0), (1, 20), (2, 200))) == [0, 0, 1]
    assert groups(at((0, 0), (1, 20.1))) == [0, 1]
    # rows in any order; molecules are counted in the order of frames
    assert groups(at((2, 0), (0, 500), (1, 5))) == [1, 0, 1]


def test_gaps():
    table = at((0, 0), (2, 0), (5, 0))
    assert groups(table, gap_frames=0) == [0, 1, 2]
    assert groups(table, gap_frames=1) == [0, 0, 1]
    assert groups(table, gap_frames=2) == [0, 0, 0]


def test_a_molecule_ends_after_its_most_frames():
    table = at(*((f, 0) for f in range(7)))
    assert groups(table, frames_per_molecule=3) == [0, 0, 0, 1, 1, 1, 2]


def test_two_of_a_frame_never_become_one():
    assert groups(at((0, 0), (0, 1))) == [0, 1]
    # the nearest pair first, then what is left
    assert groups(at((0, 0), (0, 10), (1, 9), (1, 2))) == [0, 1, 1, 0]
    assert groups(at((0, 0), (1, 3), (1, 1))) == [0, 1, 0]


def test_a_molecule_lies_at_the_mean_of_its_localizations():
    # 0, 20 → 10; 31 is 21 away from there, though 11 from the last
    assert groups(at((0, 0), (1, 20), (2, 31))) == [0, 0, 1]


def test_linking_as_done_pair_by_pair():
    rng = np.random.default_rng(4)
    n = 600
    table = pd.DataFrame(
        {
            "frame": np.sort(rng.integers(0, 40, n)),
            "x_nm": rng.uniform(-300, 300, n),
            "y_nm": rng.uniform(-300, 300, n),
        }
    )
    assert groups(table) == by_hand(table, 20.0, 1)


def by_hand(table, reach, gap):
    molecule, members = [-1] * len(table), []
    xy = table[["x_nm", "y_nm"]].to_numpy()
    frames = table["frame"].to_numpy()
    for f in np.unique(frames):
        rows = np.flatnonzero(frames == f)
        pairs = []
        for m, rows_of in enumerate(members):
            if f - frames[rows_of[-1]] <= gap + 1:
                distance = np.hypot(*(xy[rows] - xy[rows_of].mean(axis=0)).T)
                pairs += [(d, m, r) for d, r in zip(distance, rows, strict=True) if d <= reach]
        taken = set()
        for _, m, r in sorted(pairs):
            if m not in taken and molecule[r] < 0:
                molecule[r] = m
                taken.add(m)
        for r in rows:
            if molecule[r] < 0:
                molecule[r] = len(members)
                members.append([])
            members[molecule[r]].append(r)
    return molecule


def test_the_distance_follows_from_the_uncertainties():
    table = at((0, 0), (1, 30), uncertainty_xy_nm=[8.0, 8.0])
    assert merge_table(table).molecule.tolist() == [0, 0]  # √2 · 8 nm · 3.03 = 34 nm
    table = at((0, 0), (1, 40), uncertainty_xy_nm=[8.0, 8.0])
    assert merge_table(table).molecule.tolist() == [0, 1]
    assert merge_table(table).distance_nm == pytest.approx(34.3, abs=0.1)


def test_linked_molecules_are_the_true_ones():
    rng = np.random.default_rng(2)
    true = np.repeat(np.arange(300), 4)
    x, y = rng.uniform(0, 20_000, (2, 300))
    table = pd.DataFrame(
        {
            "frame": (np.arange(300)[:, None] * 2 + np.arange(4)).ravel(),
            "x_nm": x[true] + rng.normal(0, 10, 1200),
            "y_nm": y[true] + rng.normal(0, 10, 1200),
            "uncertainty_xy_nm": 10.0,
        }
    )
    merged = merge_table(table)
    assert abs(len(merged.table) - 300) < 15
    big = merged.table[merged.table["detections"] == 4]
    error = np.hypot(big["x_nm"].to_numpy()[:, None] - x, big["y_nm"].to_numpy()[:, None] - y).min(
        axis=1
    )
    assert np.sqrt((error**2).mean() / 2) == pytest.approx(5, abs=0.6)  # 10 / √4
    assert big["uncertainty_xy_nm"].to_numpy() == pytest.approx(5)
    assert merged.warnings() == []


def test_merging_once_more_counts_all_detections():
    table = at((0, 0), (1, 1), (4, 0), confidence=[0.5, 0.5, 0.5])
    once = merge_table(table, Merging(distance_nm=20))
    twice = merge_table(once.table, Merging(distance_nm=20, gap_frames=5))
    assert twice.table["detections"].tolist() == [3]


def test_crowded_frames_are_warned_of():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1000, (2, 4000))
    table = pd.DataFrame({"frame": np.arange(4000) // 20, "x_nm": x, "y_nm": y})
    merged = merge_table(table, Merging(distance_nm=100))
    # 20 per µm², two frames, a circle of 100 nm
    assert merged.by_chance == pytest.approx(1 - np.exp(-20 * 2 * np.pi * 0.01), abs=0.1)
    assert "by chance" in merged.warnings()[0]


def test_rows_of_one_molecule_are_not_met_by_chance():
    # 40 molecules far apart that stay on for a third of a short movie
    rng = np.random.default_rng(2)
    frame = (rng.integers(0, 40, 40)[:, None] + np.arange(20)).ravel()
    place = np.repeat(1000.0 * np.arange(40), 20)
    table = pd.DataFrame({"frame": frame, "x_nm": place + rng.normal(0, 5, 800), "y_nm": 0.0})
    merged = merge_table(table, Merging(distance_nm=50))
    assert len(merged.table) == 40
    assert merged.by_chance < 0.01
    assert merged.warnings() == []


def test_without_uncertainties_a_distance_is_needed():
    with pytest.raises(TableError, match="--distance-nm 20"):
        merge_table(at((0, 0), (1, 0)))
    with pytest.raises(TableError, match="no uncertainty in the table"):
        merge_table(at((0, 0), (1, 0), uncertainty_xy_nm=np.nan))


def test_constant_coordinates_and_one_frame():
    assert groups(at(*[(0, 5)] * 4)) == [0, 1, 2, 3]
    assert groups(at(*((f, 5) for f in range(4)))) == [0, 0, 0, 0]


def test_depths_count_in_the_distance_and_are_averaged():
    table = at((0, 0.0), (1, 0.0), (2, 0.0)).assign(
        z_nm=[100.0, 140.0, 900.0],
        sigma1_nm=[100.0, 120.0, 1.0],
        uncertainty_z_nm=[30.0, 40.0, 9.0],
    )
    merged = merge_table(table, Merging(distance_nm=20.0)).table
    assert merged["z_nm"].tolist() == [120.0, 900.0]
    assert merged["sigma1_nm"].tolist() == [110.0, 1.0]
    assert merged["uncertainty_z_nm"].tolist() == [25.0, 9.0]
    assert len(merge_table(table, Merging(distance_nm=20.0, z_weight=0.0)).table) == 1


def test_from_the_uncertainties_depths_count_by_theirs():
    table = at((0, 0.0), (1, 5.0), (2, 5.0)).assign(
        uncertainty_xy_nm=10.0, uncertainty_z_nm=20.0, z_nm=[0.0, 30.0, 200.0]
    )
    assert len(merge_table(table).table) == 2


def seen_with_neighbours(on, molecules=4000, single_nm=15.0, seed=5):
    """Return rows that each are the mean of what up to three frames of a molecule tell."""
    rng = np.random.default_rng(seed)
    alone = rng.normal(0, single_nm, (2, molecules, on))
    use = np.abs(np.subtract.outer(np.arange(on), np.arange(on))) <= 1
    made_of = use.sum(axis=1)
    x, y = alone @ use.T / made_of
    return pd.DataFrame(
        {
            "frame": (np.arange(molecules)[:, None] * 2 * on + np.arange(on)).ravel(),
            "x_nm": (x + 1000 * np.arange(molecules)[:, None]).ravel(),
            "y_nm": y.ravel(),
            "uncertainty_xy_nm": np.tile(single_nm / np.sqrt(made_of), molecules),
        }
    )


@pytest.mark.parametrize("on", [1, 2, 3, 10])
def test_frames_that_several_rows_used_count_once(on):
    table = seen_with_neighbours(on)
    merged = merge_table(table, Merging(distance_nm=200, gap_frames=0), shared_frames=True).table
    assert merged["detections"].unique().tolist() == [on]
    stated = merged["uncertainty_xy_nm"].to_numpy()
    np.testing.assert_allclose(stated, 15.0 / np.sqrt(on))
    error = np.concatenate([merged["y_nm"], merged["x_nm"] - 1000 * np.arange(len(merged))])
    assert np.sqrt((error**2).mean()) == pytest.approx(stated[0], rel=0.04)
    # taken for independent, they would be stated too precise
    apart = merge_table(table, Merging(distance_nm=200, gap_frames=0)).table
    too_precise = np.sqrt((on + 1) / (3 * on)) if on > 1 else 1.0
    np.testing.assert_allclose(apart["uncertainty_xy_nm"], stated * too_precise)


def test_equal_uncertainties_of_rows_that_share_frames():
    table = at(*((f, 0) for f in range(4)), uncertainty_xy_nm=6.0, uncertainty_z_nm=12.0)
    row = merge_table(table, Merging(distance_nm=20), shared_frames=True).table.iloc[0]
    # (2 + 3 + 3 + 2) / 4² of their variance
    assert row["uncertainty_xy_nm"] == pytest.approx(6.0 * np.sqrt(10) / 4)
    assert row["uncertainty_z_nm"] == pytest.approx(12.0 * np.sqrt(10) / 4)


def test_rows_of_a_frame_and_of_the_next_but_one_share_the_frame_between():
    table = at((0, 0), (2, 0), uncertainty_xy_nm=6.0, confidence=[0.75, 0.75])
    merged = merge_table(table, Merging(distance_nm=20, gap_frames=1), shared_frames=True).table
    assert merged["uncertainty_xy_nm"].tolist() == [pytest.approx(6.0)]
    assert merged["confidence"].tolist() == [pytest.approx(0.75)]


def test_rows_with_dark_frames_between_them_share_nothing():
    table = at((0, 0), (3, 0), uncertainty_xy_nm=6.0, confidence=[0.5, 0.8])
    merged = merge_table(table, Merging(distance_nm=20, gap_frames=2), shared_frames=True).table
    assert merged["uncertainty_xy_nm"].tolist() == [pytest.approx(6.0 / np.sqrt(2))]
    assert merged["confidence"].tolist() == [pytest.approx(1 - 0.5 * 0.2)]


def test_rows_in_any_order_and_of_others_beside_them_do_not_change_what_is_shared():
    table = at((2, 0), (0, 500), (1, 5), (1, 505), (9, 0), uncertainty_xy_nm=[6, 6, 6, 6, 6.0])
    merged = merge_table(table, Merging(distance_nm=20), shared_frames=True).table
    expected = {0: 6.0, 1: 6.0, 9: 6.0}  # of two rows that were made of the same two frames
    assert dict(zip(merged["frame"], merged["uncertainty_xy_nm"], strict=True)) == expected


def test_confidence_of_shared_frames_counts_once():
    table = at((0, 0), (1, 0), (5, 900), confidence=[0.9, 0.9, 0.7])
    merged = merge_table(table, Merging(distance_nm=20), shared_frames=True).table
    assert merged["confidence"].tolist() == [pytest.approx(0.9), pytest.approx(0.7)]
    table = at(*((f, 0) for f in range(3)), confidence=[0.9, 0.9, 1.0])
    merged = merge_table(table, Merging(distance_nm=20), shared_frames=True).table
    assert merged["confidence"].tolist() == [1.0]


def test_the_formula_takes_all_photons_whatever_the_rows_share():
    table = ds.read_table(TABLE)
    camera = read_protocol(DATA / "filaments_drift_first20_thunderstorm-protocol.txt")
    both = [merge_table(table, Merging(distance_nm=40), camera, shared) for shared in (False, True)]
    assert both[1].recomputed
    pd.testing.assert_frame_equal(*(merged.table for merged in both))
