"""ResultsTable ↔ localization table, in a real ImageJ."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.io.tables.about import About, about, note

TABLE = pd.DataFrame(
    {
        "frame": [0, 4],
        "x_nm": [12.5, 1e-5],
        "y_nm": [3.25, 400.0],
        "confidence": [0.9, 0.25],
        "uncertainty_xy_nm": [10.0, 20.0],
    }
)


def test_table_has_thunderstorms_labels_and_comes_back(imagej):
    shown, back = imagej.ask("table_round_trip", table=TABLE)
    assert list(shown) == ["frame", "x [nm]", "y [nm]", "confidence", "uncertainty_xy [nm]"]
    np.testing.assert_array_equal(shown["frame"], [1, 5])
    pd.testing.assert_frame_equal(back, TABLE)


def test_what_a_table_carries_is_known_of_its_window_whatever_its_title(screen):
    camera = Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)
    table = TABLE.copy()
    note(table, About(camera, shared_frames=True))
    assert about(screen.ask("table_through_a_window", table=table, called="mine")) == about(table)
    alone = screen.ask("table_through_a_window", table=TABLE, called="others")
    assert about(alone) == About()


def test_empty_table_keeps_its_columns_out_of_trouble(imagej):
    shown, _ = imagej.ask("table_from_columns", columns={"frame": [1.0]}), None
    assert "x [nm]" in shown


def test_columns_in_um_are_understood(imagej):
    columns = {"frame": [1.0], "x [um]": [0.5], "y [um]": [0.25]}
    read = imagej.ask("table_from_columns", columns=columns)
    assert read["x_nm"].tolist() == [500.0]


def test_table_without_positions_is_refused(imagej):
    said = imagej.ask("table_from_columns", columns={"Area": [1.0], "Mean": [5.0]})
    assert "no column 'frame'" in said
    assert "Results" in said
