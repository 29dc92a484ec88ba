"""A camera that was entered wrongly, and what is said."""

from __future__ import annotations

import pytest

from deep_storm.camera import Camera
from deep_storm.estimation.transfer.check import doubt_camera
from deep_storm.estimation.transfer.gain import PhotonTransfer, Slope


def noise(gain=0.5, baseline=100.0, light=40.0, read=0.0, em=1.0, error=0.04, slope=True):
    """Return what frames of a camera show whose background is so many ADU."""
    rise = em / gain
    variance = rise * light + read**2 + 1 / 12
    known = Slope(rise, error * rise) if slope else None
    return PhotonTransfer(known, baseline + light, variance, 1.0, 100)


def camera(**values):
    return Camera(**{"pixel_size_nm": 100, "baseline_adu": 100, "photons_per_adu": 0.5, **values})


def test_the_right_camera_is_not_doubted():
    assert doubt_camera(noise(), camera(), "movie") is None
    assert doubt_camera(noise(gain=0.55), camera(), "movie") is None
    assert doubt_camera(noise(slope=False), camera(), "movie") is None
    em = camera(photons_per_adu=5.0, em_gain=100.0)
    assert doubt_camera(noise(gain=0.05, em=2.0), em, "movie") is None


@pytest.mark.parametrize(
    ("given", "severe"), [(0.37, False), (0.7, False), (0.2, True), (1.0, True)]
)
def test_a_wrong_gain_is_told_with_both_numbers(given, severe):
    doubt = doubt_camera(noise(), camera(photons_per_adu=given), "movie.tif")
    assert doubt.severe == severe
    assert "movie.tif suggests 0.5 (± 4%)" in doubt.sentence()
    assert f"the camera has {given:g}" in doubt.sentence()
    assert "enter photons_per_adu = 0.5" in doubt.sentence()


def test_a_gain_after_em_gain_is_recognized():
    em = camera(photons_per_adu=0.05, em_gain=100.0)
    doubt = doubt_camera(noise(gain=0.05, em=2.0), em, "movie")
    assert "enter photons_per_adu = 5" in doubt.advice
    assert "after EM gain" in doubt.advice


def test_an_em_gain_that_was_switched_off_is_named():
    doubt = doubt_camera(noise(gain=0.55), camera(em_gain=100.0), "movie")
    assert "or leave em_gain out if electrons are not multiplied" in doubt.advice


def test_an_inverted_gain_is_recognized():
    doubt = doubt_camera(noise(gain=0.22), camera(photons_per_adu=4.55), "movie")
    assert "ADU per photon" in doubt.advice


def test_an_em_gain_that_was_left_out_is_named():
    doubt = doubt_camera(noise(gain=0.5, em=2.0), camera(), "movie")
    assert "em_gain if the camera multiplies" in doubt.advice


@pytest.mark.parametrize("given", [60, 135, 200])
def test_a_wrong_baseline_is_told(given):
    doubt = doubt_camera(noise(), camera(baseline_adu=given), "movie")
    assert "baseline_adu = 100" in doubt.advice
    assert f"a baseline of {given} ADU" in doubt.received


def test_a_gain_at_which_the_slope_only_hints_is_told_by_the_dark_part():
    hinted = noise(gain=0.75, error=0.2)
    doubt = doubt_camera(hinted, camera(), "movie")
    assert "enter photons_per_adu = 0.7" in doubt.advice
    assert "baseline" not in doubt.sentence()


def test_few_bright_pixels_do_not_contradict_a_camera_with_which_the_dark_part_agrees():
    """Thirty frames with a molecule each: the slope is off by two of its errors by chance."""
    sparse = noise()._replace(slope=Slope(2.0 * 2.25, 0.3 * 2.0 * 2.25))
    assert doubt_camera(sparse, camera(), "movie") is None
    unentered = sparse._replace(variance_adu2=sparse.variance_adu2 + 3.0**2)
    assert doubt_camera(unentered, camera(), "movie") is None
    surer = sparse._replace(slope=Slope(2.0 * 2.25, 0.04 * 2.0 * 2.25))
    assert doubt_camera(surer, camera(), "movie").severe
    doubled = sparse._replace(variance_adu2=2.25 * sparse.variance_adu2)
    assert "enter photons_per_adu = 0.22" in doubt_camera(doubled, camera(), "movie").advice


def test_read_noise_that_was_not_entered_is_no_severe_error():
    doubt = doubt_camera(noise(read=10.0), camera(), "movie")
    assert not doubt.severe
    assert "enter read_noise_adu = 10" in doubt.advice
    assert doubt_camera(noise(read=10.0), camera(read_noise_adu=10), "movie") is None


def test_without_a_slope_the_darkest_part_alone_is_compared():
    doubt = doubt_camera(noise(slope=False), camera(photons_per_adu=0.1, baseline_adu=20), "movie")
    assert doubt is not None
    assert "if the baseline is right" in doubt.advice


def test_smoothed_frames_say_nothing():
    smooth = noise(gain=3.0)._replace(whiteness=0.3)
    assert doubt_camera(smooth, camera(), "movie") is None
    assert doubt_camera(noise(gain=3.0)._replace(over_time=0.5), camera(), "movie") is None


def test_what_was_done_to_frames_is_named():
    assert noise().processed_frames("movie") == ""
    smooth = noise()._replace(whiteness=0.3).processed_frames("movie")
    assert smooth.startswith("the noise of neighbouring pixels of movie is correlated")
    assert "smoothed, interpolated" in smooth
    mean = noise()._replace(over_time=0.5).processed_frames("movie")
    assert mean.startswith("the noise of frames that follow each other of movie is correlated")
    assert "running mean" in mean


def test_noise_that_is_too_little_may_be_that_of_averaged_frames():
    """Averages of separate frames are as if the gain were higher: nothing else tells them."""
    averaged = doubt_camera(noise(gain=1.0), camera(), "movie")
    assert "enter photons_per_adu = 1; or frames were averaged" in averaged.advice
    either = doubt_camera(noise(gain=1.9), camera(), "movie")
    assert "may be its inverse, ADU per photon; or frames were averaged" in either.advice
    assert "averaged" not in doubt_camera(noise(gain=0.2), camera(), "movie").advice
    dim = doubt_camera(noise(slope=False), camera(photons_per_adu=0.1, baseline_adu=20), "movie")
    assert "averaged" in dim.advice
