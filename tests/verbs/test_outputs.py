"""What a verb reads it never replaces."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import OutputError


@pytest.fixture
def movie(tmp_path):
    from deep_storm.io.images import write_stack

    path = tmp_path / "movie.tif"
    write_stack(path, np.random.default_rng(1).integers(90, 110, (4, 16, 16), np.uint16), 100.0)
    return path


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "movie.csv"
    rows = pd.DataFrame({"frame": [0, 1], "x_nm": [100.0, 300.0], "y_nm": [200.0, 500.0]})
    ds.write_table(path, rows)
    return path


@pytest.mark.parametrize("name", ["movie", "movie.tif", "movie.csv"])
def test_the_image_does_not_replace_the_movie(movie, name):
    raw = movie.read_bytes()
    with pytest.raises(OutputError, match="is the stack itself"):
        ds.reconstruct(movie, model="general", output=movie.with_name(name), overwrite=True)
    assert movie.read_bytes() == raw


def test_the_command_line_says_what_to_do(movie, capsys):
    raw = movie.read_bytes()
    command = ["reconstruct", str(movie), "--model", "general", "-o", str(movie), "--overwrite"]
    assert main(command) == 2
    assert "--overwrite does not replace an input" in capsys.readouterr().err
    assert movie.read_bytes() == raw


def test_a_sweep_into_its_own_folder_is_refused_before_it_begins(movie, monkeypatch):
    raw = movie.read_bytes()
    other = movie.with_name("other.tif")
    other.write_bytes(raw)
    with pytest.raises(OutputError, match="is the stack itself"):
        ds.reconstruct([movie, other], model="general", output=movie.parent, overwrite=True)
    assert movie.read_bytes() == other.read_bytes() == raw


def test_render_leaves_the_movie_beside_the_table_alone(movie, table):
    raw = movie.read_bytes()
    done = ds.render(table, pixel_size_nm=20, sigma_nm=20, overwrite=True)
    assert done.written == (movie.with_name("movie_rendered.tif"),)
    assert movie.read_bytes() == raw


def test_a_settings_file_is_an_input(tmp_path, table):
    config = tmp_path / "drawn.toml"
    config.write_text("[rendering]\npixel_size_nm = 20\n")
    with pytest.raises(OutputError, match="is the settings file itself"):
        ds.render(table, config=config, output=config, overwrite=True)


def test_what_a_record_names_is_an_input(movie, table, tmp_path):
    record = tmp_path / "movie-run.toml"
    record.write_text('[inputs]\nstack = "movie.tif"\n[rendering]\npixel_size_nm = 20\n')
    with pytest.raises(OutputError, match=r"stack of the record movie-run\.toml"):
        ds.render(table, config=record, output=movie, overwrite=True)


def test_the_protocol_of_a_table_is_an_input(table):
    protocol = table.with_name("movie-protocol.txt")
    protocol.write_text("{}")
    with pytest.raises(OutputError, match="is the protocol itself"):
        ds.render(table, output=protocol, overwrite=True)


def test_a_model_does_not_replace_the_mask_it_is_simulated_from(tmp_path):
    mask = tmp_path / "mask.tif"
    mask.write_bytes(b"mask")
    with pytest.raises(OutputError, match="is the structure itself"):
        ds.simulate(
            output=tmp_path / "mask",
            camera=ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
            sigma_nm=130, density_per_um2=1, intensity_photon=1000, background_photon=10,
            structure=str(mask), overwrite=True,
        )  # fmt: skip
    assert mask.read_bytes() == b"mask"


def test_arrays_have_no_file(tmp_path, table):
    rows = ds.read_table(table)
    assert ds.render(rows, output=tmp_path / "a.tif", pixel_size_nm=20, sigma_nm=20).written
    assert ds.render(
        rows, output=tmp_path / "a.tif", pixel_size_nm=20, sigma_nm=20, overwrite=True
    ).written


def test_a_mapped_array_has_one(movie):
    from tifffile import memmap

    frames = memmap(movie, mode="r")
    with pytest.raises(OutputError, match="the stack"):
        ds.reconstruct(frames, model="general", output=movie, overwrite=True)
