"""From candidates to the columns of the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.tables import Rows, TableRows, localizations_from
from deep_storm.model import Model
from deep_storm.model_card import Calibration


@pytest.fixture(scope="module")
def card():
    return Model.load("general").card


def one(score=0.5, background=0.2):
    values = (4.5, 2.25, 0.1, score, 0.8, 1.1, background)
    return Candidates(np.zeros(1, np.int64), *(np.array([v], np.float32) for v in values))


def table(card, **calibration):
    card = card.model_copy(update={"calibration": Calibration(**calibration)})
    return card, localizations_from(one(), card).iloc[0]


def test_units_are_those_of_the_camera(card):
    card, row = table(card)
    nm, scales = card.camera.pixel_size_nm, card.scales
    assert row["x_nm"] == pytest.approx(4.5 * nm)
    assert row["y_nm"] == pytest.approx(2.25 * nm)
    assert row["sigma_nm"] == pytest.approx(1.1 * scales.sigma_px * nm)
    assert row["intensity_photon"] == pytest.approx(0.8 * scales.intensity_photon)
    assert row["uncertainty_xy_nm"] == pytest.approx(0.1 * nm)
    assert row["background_photon"] == pytest.approx(0.2 * scales.background_scale_photon)


def test_calibration_corrects_confidence_uncertainty_photons_and_background(card):
    _, plain = table(card)
    _, row = table(
        card,
        score=(0.0, 1.0),
        confidence=(0.2, 1.0),
        spread_score=(0.0, 1.0),
        spread_factor=(1.0, 3.0),
        background_factor=0.9,
        photon_factor=1.1,
    )
    assert row["confidence"] == pytest.approx(0.6)
    assert row["uncertainty_xy_nm"] == pytest.approx(2 * plain["uncertainty_xy_nm"])
    assert row["background_photon"] == pytest.approx(0.9 * plain["background_photon"])
    assert row["intensity_photon"] == pytest.approx(1.1 * plain["intensity_photon"])


def test_what_the_network_does_not_say_is_left_out(card):
    nothing = np.empty(0, np.float32)
    silent = one()._replace(photons=nothing, sigma=nothing, background=nothing)
    found = localizations_from(silent, card)
    assert {"sigma_nm", "intensity_photon", "background_photon"}.isdisjoint(found.columns)


def test_depth_and_its_uncertainty_are_in_nm_and_calibrated(card):
    stated = {"z_px": np.array([-2.5], np.float32), "z_spread_px": np.array([0.5], np.float32)}
    curve = {"depth_score": (0.0, 1.0), "depth_factor": (1.0, 2.0)}
    nm = card.camera.pixel_size_nm
    for calibration, factor in ((Calibration(), 1.0), (Calibration(**curve), 1.5)):
        changed = card.model_copy(update={"calibration": calibration})
        row = localizations_from(one()._replace(**stated), changed).iloc[0]
        assert row["z_nm"] == pytest.approx(-2.5 * nm)
        assert row["uncertainty_z_nm"] == pytest.approx(0.5 * nm * factor)


def test_the_beginning_of_rows_holds_whole_frames():
    rows = TableRows(pd.DataFrame({"frame": [0, 0, 0, 1, 1, 4]}))
    assert [len(rows.beginning(most)) for most in (9, 6, 5, 4, 3, 2)] == [6, 6, 5, 3, 3, 3]


def test_the_beginning_of_rows_reads_no_further_pieces():
    class Pieces(Rows):
        count = 3

        def pieces(self):
            yield pd.DataFrame({"frame": [0, 1]})
            yield pd.DataFrame({"frame": [2]})
            raise AssertionError

    assert Pieces().beginning(2)["frame"].tolist() == [0, 1]
