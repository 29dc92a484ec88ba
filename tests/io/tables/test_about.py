"""What a table in memory carries beside its columns."""

import pandas as pd
import pytest

from deep_storm.camera import Camera
from deep_storm.io.tables.about import KEY, About, about, note

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
