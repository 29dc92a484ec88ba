"""The verdict: what kind of misfit is told from which numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.quality.causes import LINES
from deep_storm.quality.fits import (
    blamed_on,
    blamed_on_camera,
    despite_maps,
    judge,
    with_unlike_emitters,
)
from deep_storm.quality.residuals import Residuals
from deep_storm.settings import Emitters, Psf

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
PSF = Psf(sigma_nm=130)
EMITTERS = Emitters(density_per_um2=2, intensity_photon=1500)


def residuals(seed, baseline_error_photon=0.0, gain=1.0, sigma=1.0, emitters=600, bad_regions=0.0):
    """Residuals of light between 20 and 120 photons per pixel, as the settings are wrong."""
    rng = np.random.default_rng(seed)
    mean = rng.exponential(20, 30_000) + 20 + baseline_error_photon
    squared = rng.chisquare(1, mean.size) * gain * (mean - baseline_error_photon) / mean
    regions = rng.normal(1, 0.03, 100)
    regions[: int(100 * bad_regions)] += 2
    return Residuals(squared, mean, 0.0, sigma, rng.normal(1, 0.01, 8), regions, emitters, 300.0)


def verdict(**wrong):
    return judge(residuals(1, **wrong), residuals(2), CAMERA, PSF, EMITTERS)


def test_what_fits_is_said_to_fit():
    found = verdict()
    assert found.sentences == ()
    assert "fit camera, PSF and density" in found.summary()
    assert found.to_json()["verdict"] == ["fits"]
    assert found.density_per_um2 == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"sigma": 1.18}, "about 18 % wider than the model expects: give the general model "
                          "--sigma-nm 153"),
        ({"sigma": 0.8}, "about 20 % narrower than the model expects: give the general model "
                         "--sigma-nm 104"),
        ({"gain": 0.5}, "photons per ADU are about 1 instead of 0.5"),
        ({"gain": 2.0}, "photons per ADU are about 0.26 instead of 0.5"),
        ({"emitters": 1800}, "6 emitters per µm² instead of 2"),
        ({"bad_regions": 0.2}, "20 % of the regions contain light"),
    ],
)  # fmt: skip
def test_each_cause_has_its_words(wrong, words):
    assert words in verdict(**wrong).summary()


def test_a_width_that_the_movie_itself_gave_is_not_to_be_given_instead():
    seen, drawn = residuals(1, sigma=1.08), residuals(2)
    found = judge(seen, drawn, CAMERA, PSF, EMITTERS, estimated=("psf",))
    assert found.causes == ("PSF width",)
    assert "8 % wider than the PSF that was estimated from the movie" in found.summary()
    assert "--sigma-nm 140 if that is the PSF of beads" in found.summary()


def test_a_camera_that_contradicts_the_noise_is_the_cause_of_what_is_off():
    said = "the noise suggests a baseline of 100 ADU, the camera has 140; enter 100"
    blamed = blamed_on_camera(verdict(sigma=1.18), "baseline_adu", said)
    assert blamed.sentences == (said,)
    assert blamed.causes == ("baseline",)
    either = blamed_on_camera(
        verdict(sigma=1.18), "", "enter read_noise_adu = 9 or baseline_adu = 100"
    )
    assert either.causes == ("baseline",)
    noisy = replace(verdict(sigma=1.18), causes=("pixel noise",))
    assert blamed_on_camera(noisy, "", "enter read_noise_adu = 9").causes == ("pixel noise",)
    assert blamed_on_camera(noisy, "baseline_adu", said).causes == ("baseline",)
    assert blamed_on_camera(verdict(), "baseline_adu", said).causes == ()


def test_filtered_frames_are_the_cause_of_what_is_off():
    blamed = blamed_on(verdict(gain=0.5), "processing")
    assert blamed.causes == ("processing",)
    assert "smoothed, resized, compressed, filtered over time" in blamed.summary()
    assert blamed_on(verdict(), "processing").causes == ()


def test_values_that_were_cut_off_are_the_cause_of_another_width():
    blamed = blamed_on(verdict(sigma=0.87), "saturation")
    assert blamed.causes == ("saturation",)
    assert "bright values were clipped" in blamed.summary()
    assert "--sigma-nm" not in blamed.summary()
    assert blamed_on(verdict(), "saturation").causes == ()


def test_emitters_unlike_the_psf_are_no_fit():
    found = with_unlike_emitters(verdict())
    assert found.causes == ("unlike emitters",)
    assert "fit camera, PSF and density" not in found.summary()
    assert "confidences and uncertainties are too optimistic" in found.summary()
    assert with_unlike_emitters(verdict(sigma=1.18)) == verdict(sigma=1.18)


@pytest.mark.parametrize(
    ("fitted", "expected", "words"),
    [
        (6.0, 0.0, "the background is at least 6 photons, and the model expects 0"),
        (53.0, 200.0, "the background is at most 53 photons, and the model expects 200"),
        (24.0, 20.0, "about 18 % wider"),
        (2.0, 0.5, "about 18 % wider"),
    ],
)
def test_a_background_that_was_given_wrongly_is_not_a_wider_psf(fitted, expected, words):
    seen = replace(residuals(1, sigma=1.18), background_photon=(fitted, expected))
    (said,) = judge(seen, residuals(2), CAMERA, PSF, EMITTERS).sentences
    assert words in said
    fits = replace(residuals(1), background_photon=(fitted, expected))
    assert judge(fits, residuals(2), CAMERA, PSF, EMITTERS).sentences == ()


def test_light_that_changes_is_the_cause_of_what_is_off():
    blamed = blamed_on(verdict(sigma=1.18), "background")
    assert "in steps" in blamed.summary()
    assert "retrain" not in blamed.summary()
    assert blamed_on(verdict(), "background") == verdict()


def test_who_gave_camera_maps_is_not_told_to_give_them():
    noisy = replace(verdict(sigma=1.18), causes=("pixel noise",), sentences=("give --camera-maps",))
    (said,) = despite_maps(noisy).sentences
    assert "noisier than the camera maps say" in said
    assert "--camera-maps" not in said
    assert despite_maps(verdict(sigma=1.18)) == verdict(sigma=1.18)
    lines = replace(noisy, sentences=(LINES,))
    (said,) = despite_maps(lines).sentences
    assert said.startswith("whole rows or columns of pixels")
    assert "which the camera maps do not have" in said


@pytest.mark.parametrize("baseline_error_photon", [-10.0, 10.0])
def test_a_wrong_baseline_is_told_in_adu(baseline_error_photon):
    found = verdict(baseline_error_photon=baseline_error_photon)
    (sentence,) = found.sentences
    said = float(sentence.partition("about ")[2].partition(" ")[0])
    assert said == pytest.approx(100 + baseline_error_photon / 0.5, abs=3)


def test_a_wrong_camera_silences_what_follows_from_it():
    assert len(verdict(gain=2.0, sigma=1.2, emitters=3000).sentences) == 1
    assert len(verdict(baseline_error_photon=10.0, sigma=1.2).sentences) == 2


def test_too_few_emitters_say_nothing():
    assert verdict(emitters=5) is None
