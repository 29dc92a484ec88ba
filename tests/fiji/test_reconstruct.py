"""Reconstruct... and Preview Current Frame... in a real ImageJ."""

from __future__ import annotations

import numpy as np

import deep_storm as ds


def test_image_and_table_are_those_of_python(imagej, trained, movie):
    options = {"model": trained / "model", "threshold": "0.1"}
    done = imagej.run("Reconstruct...", {"array": movie, "pixel": (0.1, "um")}, **options)
    assert done["status"].startswith("ok: ")
    assert done["language"] == "Python"
    expected = ds.reconstruct(movie, model=trained / "model", threshold=0.1)
    np.testing.assert_array_equal(done["image"]["array"], expected.image)
    np.testing.assert_array_equal(done["table"]["frame"], expected.table["frame"] + 1)
    np.testing.assert_array_equal(done["table"]["x [nm]"], expected.table["x_nm"])
    assert done["image"]["unit"] in ("µm", "um", "micron")
    assert done["image"]["pixel"] == 0.0125
