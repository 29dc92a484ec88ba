"""What a table in memory carries beside its columns."""

import pandas as pd
import pytest

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError
from deep_storm.io.camera_files import write_camera
from deep_storm.io.tables.about import KEY, About, about, note
from deep_storm.io.tables.files import read_table, write_table
from deep_storm.io.tables.protocol import write_protocol

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)


@pytest.mark.parametrize("known", [About(), About(CAMERA), About(None, True), About(CAMERA, False)])
def test_what_is_noted_is_known_also_of_a_part_of_the_table(known):
    table = pd.DataFrame({"frame": [0, 1, 2]})
    table.attrs["theirs"] = 3
    note(table, known)
    assert about(table) == known
    assert about(table[table["frame"] > 0]) == known
    assert table.attrs["theirs"] == 3


@pytest.mark.parametrize(
    "noted",
    [None, 3, "text", {"camera": {"pixel_size_nm": -1}}, {"camera": 3, "shared_frames": "yes"}],
)
def test_what_is_damaged_counts_as_not_known(noted):
    table = pd.DataFrame({"frame": [0]})
    table.attrs[KEY] = noted
    assert about(table) == About()


def test_a_table_that_was_read_knows_what_lies_beside_its_file(tmp_path):
    file, other = tmp_path / "a.csv", Camera(pixel_size_nm=120, baseline_adu=0, photons_per_adu=1)
    file.write_text('frame,"x [px]","y [px]"\n1,1,2\n')
    write_protocol(tmp_path / "a-protocol.txt", CAMERA)
    (tmp_path / "a-run.toml").write_text("[results]\nshared_frames = true\n")
    table = read_table(file)
    assert list(table["x_nm"]) == [100.0]
    assert about(table) == About(CAMERA, True)
    write_camera(tmp_path / "other.toml", other)
    for given in (other, tmp_path / "other.toml", str(tmp_path / "other.toml")):
        table = read_table(file, given)
        assert list(table["x_nm"]) == [120.0]
        assert about(table) == About(other, True)
    with pytest.raises(SettingsError, match="camera is 3; expected a Camera"):
        read_table(file, 3)
    write_table(tmp_path / "a.hdf5", table)  # its pixel size goes with it
    assert list(read_table(tmp_path / "a.hdf5")["x_nm"]) == [120.0]
