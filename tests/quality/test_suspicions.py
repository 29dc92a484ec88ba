from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.quality.drift import DriftCurve
from deep_storm.quality.stack_look import look_at
from deep_storm.quality.survey import survey
from deep_storm.quality.suspicions import TrainedFor, median_photon, suspicions
from deep_storm.settings import Background, Emitters, Psf

TRAINED = TrainedFor(
    Psf(sigma_nm=110),
    Emitters(density_per_um2=0.5, intensity_photon=1500),
    Background(background_photon=20),
    threshold=0.5,
)


def rows(**changed):
    rng = np.random.default_rng(0)
    count = 4000
    table = pd.DataFrame(
        {
            "frame": np.repeat(np.arange(200), 20),
            "x_nm": rng.uniform(0, 6400, count),
            "y_nm": rng.uniform(0, 6400, count),
            "sigma_nm": rng.normal(110, 8, count),
            "intensity_photon": rng.normal(1500, 250, count),
            "background_photon": rng.normal(20, 1, count),
            "confidence": rng.uniform(0.5, 1, count),
            "uncertainty_xy_nm": rng.gamma(4, 3, count),
        }
    )
    return table.assign(**changed)


def said(table, drift=None, look=None, trained=TRAINED):
    return suspicions(survey([table], len(table), 0, 200), trained, drift, look)


def test_nothing_is_said_of_what_is_in_order():
    assert said(rows()) == []


def test_photons_are_compared_with_the_median_of_those_expected():
    """Where bright molecules are rare, half of them have far less than the mean."""
    broad = Emitters(
        density_per_um2=0.5, intensity_photon=1500, intensity_std_photon=1200, spread="gamma"
    )
    trained = replace(TRAINED, emitters=broad)
    drawn = np.random.default_rng(4).gamma(1500**2 / 1200**2, 1200**2 / 1500, 4000)
    assert median_photon(broad) == pytest.approx(np.median(drawn), rel=0.03)
    assert not [s for s in said(rows(intensity_photon=drawn), trained=trained) if "median loc" in s]
    assert [s for s in said(rows(intensity_photon=2 * drawn), trained=trained) if "median loc" in s]
    assert median_photon(TRAINED.emitters) == 1500


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"intensity_photon": lambda t: t["intensity_photon"] * 1.5}, "photons, the model expects"),
        ({"sigma_nm": lambda t: t["sigma_nm"] * 0.8}, "median PSF sigma is 88"),
        ({"background_photon": lambda t: t["background_photon"] + 20}, "median background is 40"),
        (
            {"x_nm": lambda t: t["x_nm"] / 6, "y_nm": lambda t: t["y_nm"] / 6},
            "more than 1.5 emitters",
        ),
        (
            {"intensity_photon": lambda t: t["intensity_photon"].clip(upper=1700)},
            "photons lie at the upper end",
        ),
        ({"sigma_nm": lambda t: t["sigma_nm"].clip(lower=105)}, "PSF sigma lie at the lower end"),
        ({"confidence": 0.55}, "barely above the threshold"),
        (
            {"frame": np.repeat(np.arange(200), [50] * 50 + [10] * 150)},
            "falls from",
        ),
        ({"frame": np.repeat(np.arange(100) * 2, 40)}, "50% of the frames have no localization"),
    ],
)
def test_what_is_out_of_order_is_said(change, words):
    sentences = said(rows(**change))
    assert len(sentences) == 1, sentences
    assert words in sentences[0]


def test_in_depth_sigma_is_not_that_of_the_focus_and_rows_beyond_are_counted():
    psf = TRAINED.psf.model_copy(update={"depth_reach_nm": 400.0, "psf_file": "psf3d.toml"})
    trained = replace(TRAINED, psf=psf)
    z_nm = np.random.default_rng(3).uniform(-400, 400, 4000)
    wide = rows(sigma_nm=110 * np.sqrt(1 + (z_nm / 300) ** 2))
    assert said(wide.assign(z_nm=z_nm), trained=trained) == []
    (sentence,) = said(wide.assign(z_nm=1.5 * z_nm), trained=trained)
    assert sentence.startswith("34% of the localizations lie at or beyond the end of the depths")


def test_a_general_model_is_not_blamed_for_what_it_knows():
    crowded = rows(x_nm=lambda t: t["x_nm"] / 6, y_nm=lambda t: t["y_nm"] / 6)
    general = TrainedFor(emitters=TRAINED.emitters, densest_per_um2=100)
    assert said(crowded, trained=general) == []
    assert said(crowded, trained=TrainedFor()) == []


def test_drift_is_said_when_it_is_larger_than_the_error():
    far = DriftCurve(np.array([0.0, 100]), np.array([0.0, 80]), np.array([0.0, 60]), 2.0)
    near = DriftCurve(np.array([0.0, 100]), np.array([0.0, 8]), np.array([0.0, 6]), 2.0)
    unsure = DriftCurve(far.frame, far.x_nm, far.y_nm, 30.0)
    assert "by about 100 nm" in said(rows(), far)[0]
    assert said(rows(), near) == said(rows(), unsure) == []


def test_saturated_frames_are_counted():
    frames = np.random.default_rng(0).integers(100, 900, (12, 32, 32)).astype(np.uint16)
    frames[3:6, 4:8, 4:8] = 4095
    look = look_at(ArrayFrames(frames))
    assert look.saturated_frames == 3
    assert said(rows(), look=look)[0].startswith("3 of 12 frames")
    assert look_at(ArrayFrames(frames), 6).saturated_frames == 0


def test_few_localizations_say_nothing_else():
    assert "Only 40 localizations" in said(rows().head(40))[0]
