import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import deep_storm as ds
from deep_storm.errors import SettingsError
from deep_storm.io.config import load_toml, write_config
from deep_storm.io.tables.about import About, about, note
from deep_storm.io.tables.protocol import write_protocol

DATA = Path(__file__).resolve().parents[1] / "data"
TABLE = "filaments_drift_first20_thunderstorm"


@pytest.fixture
def movie(tmp_path):
    for name in (f"{TABLE}.csv", f"{TABLE}-protocol.txt"):
        shutil.copy(DATA / name, tmp_path)
    return tmp_path / f"{TABLE}.csv"


def test_merges_with_the_camera_of_the_protocol(movie, tmp_path):
    result = ds.merge(movie, distance_nm=40)
    assert result.written == (
        tmp_path / f"{TABLE}_merged.csv",
        tmp_path / f"{TABLE}_merged-protocol.txt",
        tmp_path / f"{TABLE}_merged-run.toml",
    )
    assert "Uncertainties from all photons" in result.summary()
    written = ds.read_table(result.written[0])
    assert len(written) == len(result.table) < result.rows_before
    assert written["detections"].sum() == result.rows_before
    assert written.columns[-1] == "uncertainty_xy_nm"
    assert result.to_json()["distance_nm"] == 40


def test_without_a_protocol_uncertainties_are_combined(movie):
    (movie.parent / f"{TABLE}-protocol.txt").unlink()
    result = ds.merge(movie, distance_nm=40)
    assert "Uncertainties combined" in result.summary()
    assert [p.suffix for p in result.written] == [".csv", ".toml"]


def test_removes_duplicates_of_a_file(movie, tmp_path):
    table = ds.read_table(movie)
    double = pd.concat([table, table.assign(x_nm=table["x_nm"] + 0.5, uncertainty_xy_nm=90.0)])
    ds.write_table(tmp_path / "double.csv", double)
    result = ds.remove_duplicates(tmp_path / "double.csv", distance="1")
    assert result.written[0] == tmp_path / "double_unique.csv"
    assert result.summary().startswith(f"{len(table):,} duplicates removed")
    np.testing.assert_allclose(result.table["x_nm"], table["x_nm"])


def noted_as_shared(table):
    """Write beside a table what a run says whose network saw the frames before and after."""
    record = {"run": {"verb": "reconstruct"}, "results": {"shared_frames": True}}
    write_config(table.with_name(f"{table.stem}-run.toml"), record)


COMBINED = {"distance_nm": 40, "merged_uncertainty": "combined"}


def test_frames_that_localizations_share_are_known_from_the_run_record(movie):
    alone = ds.merge(movie, **COMBINED)
    noted_as_shared(movie)
    shared = ds.merge(movie, **COMBINED, overwrite=True)
    several = alone.table["detections"] > 1
    ratio = (shared.table["uncertainty_xy_nm"] / alone.table["uncertainty_xy_nm"]).to_numpy()
    np.testing.assert_array_equal(ratio[~several], 1.0)
    assert (ratio[several] <= np.sqrt(3)).all()
    assert ratio[several].max() > 1.4
    assert "used the frames before and after its own" in shared.summary()
    assert "used the frames before and after its own" not in alone.summary()
    given = ds.merge(ds.read_table(movie), **COMBINED, shared_frames=True)
    np.testing.assert_allclose(
        given.table["uncertainty_xy_nm"], shared.table["uncertainty_xy_nm"], rtol=1e-12
    )


def test_that_frames_are_shared_is_passed_on_until_localizations_are_merged(movie, tmp_path):
    noted_as_shared(movie)
    filtered = ds.filter(movie, "uncertainty_xy < 20").written[0]
    assert load_toml(tmp_path / f"{filtered.stem}-run.toml")["results"]["shared_frames"] is True
    merged = ds.merge(filtered, **COMBINED)
    assert merged.shared_frames
    record = load_toml(merged.written[-1])
    assert record["inputs"]["shared_frames"] is True
    assert record["results"]["shared_frames"] is False
    assert not ds.merge(merged.written[0], **COMBINED).shared_frames


@pytest.mark.parametrize("record", ["no TOML", "results = 3", '[results]\nshared_frames = "yes"'])
def test_a_record_that_does_not_say_so_changes_nothing(movie, tmp_path, record):
    (tmp_path / f"{TABLE}-run.toml").write_text(record)
    assert not ds.merge(movie, **COMBINED).shared_frames


def test_a_table_in_memory_knows_its_camera_and_whether_frames_are_shared(movie):
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
    table = ds.read_table(movie)
    note(table, About(camera, shared_frames=True))
    few = ds.filter(table[table["uncertainty_xy_nm"] > 0], "uncertainty_xy < 50").table
    merged = ds.merge(few, distance_nm=40)
    assert merged.shared_frames
    assert "Uncertainties from all photons" in merged.summary()
    assert about(merged.table) == About(camera, shared_frames=False)
    assert ds.merge(ds.read_table(movie), distance_nm=40).shared_frames is None


def test_where_nothing_says_whether_frames_are_shared_it_is_told_if_it_matters(movie):
    table = ds.read_table(movie).assign(confidence=0.9)
    said = "nothing says whether each localization also used the frames before and after"
    assert said in ds.merge(table, **COMBINED).summary()
    assert said in ds.merge(table, **COMBINED).to_json()["warnings"][-1]
    alone = {"distance_nm": 0.01}  # nothing is merged
    assert said not in ds.merge(table, **alone).summary()
    # ThunderSTORM, which fits single frames, has no confidences
    assert said not in ds.merge(table.drop(columns="confidence"), **COMBINED).summary()
    note(table, About(shared_frames=False))
    assert said not in ds.merge(table, **COMBINED).summary()


def test_a_distance_that_is_too_small_is_named(movie):
    with pytest.raises(SettingsError, match="distance_nm is 1e-06"):
        ds.merge(movie, distance_nm=1e-6)


def test_a_table_that_was_read_is_merged_as_its_file(movie):
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
    write_protocol(movie.with_name(f"{movie.stem}-protocol.txt"), camera, overwrite=True)
    movie.with_name(f"{movie.stem}-run.toml").write_text("[results]\nshared_frames = true\n")
    of_file = ds.merge(movie, distance_nm=40)
    in_memory = ds.merge(ds.read_table(movie), distance_nm=40)
    assert in_memory.summary() == of_file.summary()
    assert in_memory.shared_frames
    assert "Uncertainties from all photons" in in_memory.summary()
    assert_frame_equal(in_memory.table, of_file.table)
