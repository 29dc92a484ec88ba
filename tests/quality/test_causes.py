"""Which cause is told from which residuals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.quality.causes import causes
from deep_storm.quality.fits import judge
from deep_storm.quality.lines import Lines
from deep_storm.quality.residuals import Residuals
from deep_storm.settings import Emitters, Psf

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
PSF = Psf(sigma_nm=130)
EMITTERS = Emitters(density_per_um2=2, intensity_photon=1500, intensity_std_photon=400)


def right(seed=1):
    rng = np.random.default_rng(seed)
    mean = rng.exponential(20, 30_000) + 20
    squared = rng.chisquare(1, mean.size)
    regions = rng.normal(1, 0.03, 100)
    return Residuals(squared, mean, 0.0, 1.0, rng.normal(1, 0.01, 8), regions, 600, 300.0)


def off(seen, **more):
    """Residuals that are off together in all regions."""
    return replace(seen, neighbours=0.12, regions=seen.regions + 0.2, **more)


def names(seen, emitters=EMITTERS, **more):
    found = causes(seen, right(2), CAMERA, PSF, emitters, **more)
    return [cause.name for cause in found]


def noisy_pixels():
    seen = right()
    rng = np.random.default_rng(5)
    factor = np.where(rng.random(seen.mean.size) < 0.05, 6.0, 1.0)
    return replace(seen, squared=seen.squared * factor)


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        (right(), []),
        (off(right(), shape=0.1), ["PSF shape"]),
        (off(right(), shape=0.06, tail=3.5), ["depth"]),
        (off(right(), shape=0.01), ["background"]),
        (noisy_pixels(), ["pixel noise"]),
        (replace(right(), squared=1.5 * right().squared), ["photons per ADU"]),
        (replace(right(), sigma=1.2), ["PSF width"]),
        (replace(right(), emitters=1800), ["density"]),
        (replace(right(), dimmed=0.5), ["blinking"]),
        (replace(right(), dimmed=0.5, photons=(0.5, 0.6)), ["brightness"]),
        (replace(right(), photons=(2.0, 3.0)), ["brightness"]),
        (replace(right(), emitters=1800, photons=(2.0, 3.0)), ["brightness", "density"]),
    ],
)
def test_each_cause_has_its_sign(seen, cause):
    assert names(seen) == cause


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (replace(right(), sigma=1.2), "they lie deeper (a larger --depth-reach-nm)"),
        (replace(right(), sigma=0.8), "they lie closer to the focus"),
        (off(right(), shape=0.06, tail=3.5), "or emitters lie deeper than ± 400 nm"),
        (off(right(), shape=0.1), "the PSF over depth has another shape"),
    ],
)
def test_with_a_psf_over_depth_the_advice_is_to_calibrate_it(seen, said):
    """Neither another --sigma-nm nor measure-psf would change it."""
    in_depth = PSF.model_copy(update={"depth_reach_nm": 400.0, "psf_file": "psf3d.toml"})
    (cause,) = causes(seen, right(2), CAMERA, in_depth, EMITTERS)
    assert said in cause.sentence
    assert "deep-storm calibrate-psf" in cause.sentence
    assert not any(w in cause.sentence for w in ("--sigma-nm", "measure-psf", "--depth-std-nm"))


def test_a_camera_that_agrees_with_the_noise_is_not_blamed():
    brighter = replace(right(), squared=1.5 * right().squared)
    assert names(brighter, camera_agrees=True) == ["unknown"]


def test_what_is_off_in_few_places_is_not_the_psf():
    regions = right().regions.copy()
    regions[:8] += 1.5
    debris = replace(right(), neighbours=0.12, shape=0.06, tail=3.5, regions=regions)
    assert names(debris) == ["background"]
    sparse = replace(debris, emitters=60)  # a wrong PSF shows in few regions there
    assert names(sparse) == ["depth"]


def test_rows_that_are_off_together_are_no_background():
    rows = replace(off(right()), neighbours=0.12, lines=Lines(0.2))
    assert names(rows) == ["pixel noise"]
    assert "whole rows or columns" in causes(rows, right(2), CAMERA, PSF, EMITTERS)[0].sentence
    uneven = replace(rows, lines=Lines(0.05))  # most of it is something else
    assert names(uneven) == ["background"]


def test_an_edge_of_the_background_is_told_where_all_else_fits():
    seen = replace(right(), lines=Lines(0.0, 0.045))
    fits = judge(seen, right(2), CAMERA, PSF, EMITTERS)
    assert fits.causes == ("background",)
    assert "an edge of the background" in fits.summary()
    usual = replace(right(), lines=Lines(0.0, 0.015))
    assert judge(usual, right(2), CAMERA, PSF, EMITTERS).causes == ()
    wider = replace(seen, sigma=1.2)
    assert names(wider) == ["PSF width"]


def test_a_wrong_psf_shape_is_not_taken_for_a_wrong_camera():
    rings = off(replace(right(), squared=1.4 * right().squared), shape=0.1, sigma=0.9)
    assert names(rings) == ["PSF shape"]


def test_dim_emitters_that_are_expected_are_no_sign():
    dim = replace(right(), dimmed=0.4, photons=(0.7, 2.0))
    broad = EMITTERS.model_copy(update={"intensity_std_photon": 1500.0, "spread": "gamma"})
    assert names(dim, broad) == []
    on = EMITTERS.model_copy(update={"on_time_frames": 2.0})
    assert names(dim, on) == []


def test_the_verdict_carries_the_names():
    fits = judge(replace(right(), emitters=1800), right(2), CAMERA, PSF, EMITTERS)
    assert fits.causes == ("density",)
    assert fits.to_json()["causes"] == ["density"]


@pytest.mark.parametrize(
    ("more", "part", "expected"),
    [
        ({"photons": (2.0, 3.0)}, "emitters", "1500"),
        ({"sigma": 1.2, "background_photon": (30.0, 12.7)}, "background", "12.7"),
    ],
)
def test_what_was_estimated_is_not_to_be_estimated(more, part, expected):
    seen = replace(right(), **more)
    (given,) = causes(seen, right(2), CAMERA, PSF, EMITTERS)
    assert f"the model expects {expected}: have it estimated from the movie" in given.sentence
    (own,) = causes(seen, right(2), CAMERA, PSF, EMITTERS, estimated=("psf", part))
    assert own.name == given.name
    assert f"{expected} were estimated from the movie" in own.sentence
    assert "leave" not in own.sentence


def test_photons_are_told_without_a_power_of_ten():
    emitters = EMITTERS.model_copy(update={"intensity_photon": 14_123.0})
    (found,) = causes(replace(right(), photons=(2.0, 3.0)), right(2), CAMERA, PSF, emitters)
    assert "at least 28000 photons, and the model expects 14100" in found.sentence
