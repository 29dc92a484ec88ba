"""What the name of an output may be: its ending, its folder, its length."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import OutputError


@pytest.mark.parametrize("name", ["kept.xlsx", "kept.TIF", "kept.png", "kept.mat", "kept.h5"])
def test_a_table_is_not_written_under_the_name_of_another_kind_of_file(tmp_path, table, name):
    for output in (tmp_path / name, f"{tmp_path / name}"):
        with pytest.raises(OutputError, match=r"the table .* ends in \.\w+; .* ends in \.csv, "):
            ds.filter(table, "x > 0", output=output)
    with pytest.raises(OutputError, match="change its ending"):
        ds.write_table(tmp_path / name, ds.read_table(table))
    assert [path.name for path in tmp_path.iterdir()] == ["movie.csv"]


@pytest.mark.parametrize("verb", ["preview", "report", "estimate", "measure_background"])
@pytest.mark.parametrize("name", ["made.tif", "made.jpg", "made.pdf", "made.csv"])
def test_no_output_has_the_name_of_another_kind_of_file(tmp_path, verb, name):
    inputs = {"report": {"record": tmp_path}, "preview": {"frame": 1, "model": "general"}}
    stack = np.zeros((3, 32, 32), np.uint16)
    given = inputs.get(verb, {}) | ({} if verb == "report" else {"stack": stack})
    if verb == "estimate":
        given |= {"pixel_size_nm": 100}
    with pytest.raises(OutputError, match=rf"ends in \{name[4:]}; .* ends in \.(png|html|toml)"):
        getattr(ds, verb)(**given, output=tmp_path / name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["kept.txt", "kept_0.5", "kept.v2", "kept_SML.mat"])
def test_other_names_of_tables_stay(tmp_path, table, name):
    done = ds.filter(table, "x > 0", output=tmp_path / name)
    assert done.written[0].name in (name, f"{name}.csv")
    assert len(ds.read_table(done.written[0])) == 2


def test_the_home_folder_is_where_it_is(tmp_path, table, monkeypatch):
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir(), work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(work)
    done = ds.filter(table, "x > 0", output="~/results/kept.csv")
    assert done.written[0] == home / "results" / "kept.csv"
    assert len(ds.read_table("~/results/kept.csv")) == 2
    ds.render(Path("~/results/kept.csv"), output=Path("~/kept.tif"), method="histogram")
    with ds.open_frames("~/kept.tif") as stream:
        assert stream.shape[0] == 1
    assert main(["filter", "--output=~/again.csv", "~/results/kept.csv", "x > 0"]) == 0
    ds.write_table("~/whole.csv", ds.read_table(table))
    assert {path.name for path in home.iterdir()} >= {"again.csv", "whole.csv", "kept.tif"}
    assert list(work.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="a path is longer than its names there")
def test_a_name_is_as_long_as_the_disk_allows_or_refused_before_the_work(tmp_path, table):
    longest = os.pathconf(tmp_path, "PC_NAME_MAX") - len("-protocol.txt")
    camera = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
    for name in ("n" * longest, "ä" * (longest // 2)):
        done = ds.filter(table, "x > 0", output=tmp_path / name, camera=camera)
        assert len(done.written) == 3
        with pytest.raises(OutputError, match=r"-protocol\.txt: the name is too long: choose a"):
            ds.filter(table, "x > 0", output=tmp_path / f"{name}nn", camera=camera)
    assert len(list(tmp_path.iterdir())) == 7
