import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, photons_from
from deep_storm.errors import CameraError
from deep_storm.simulation.noise import draw_response, expose


def camera(**changes):
    values = {"pixel_size_nm": 100.0, "baseline_adu": 100.0, "photons_per_adu": 0.5, **changes}
    return Camera(**values)


def picture(photons, cam, shape=(400, 500), seed=1, **options):
    expected = np.full(shape, photons, dtype=np.float32)
    return expose(expected, cam, np.random.default_rng(seed), **options)


def test_mean_and_variance_are_those_of_poisson_counts():
    adu = picture(40.0, camera())
    assert adu.dtype == np.uint16
    assert adu.mean() == pytest.approx(100 + 40 / 0.5, rel=1e-3)
    assert adu.var() == pytest.approx(40 / 0.5**2, rel=0.01)


def test_em_gain_multiplies_and_doubles_the_variance():
    cam = camera(photons_per_adu=5.0, em_gain=100.0, baseline_adu=200.0)
    adu = picture(30.0, cam)
    assert adu.mean() == pytest.approx(200 + 30 * 100 / 5, rel=2e-3)
    assert cam.photons(adu).var() == pytest.approx(2 * 30, rel=0.015)


def test_dark_pixels_of_an_em_camera_stay_at_the_baseline():
    assert (picture(0.0, camera(em_gain=300.0)) == 100).all()


def test_read_noise_adds_to_the_variance():
    adu = picture(10.0, camera(photons_per_adu=1.0, read_noise_adu=6.0))
    # Rounding to whole counts adds 1/12, which Poisson counts alone do not show.
    assert adu.var() == pytest.approx(10 + 36 + 1 / 12, rel=0.01)
    assert adu.mean() == pytest.approx(110, rel=1e-3)


def test_quantum_efficiency_thins_the_photons():
    cam = camera(quantum_efficiency=0.6, photons_per_adu=1.0)
    adu = picture(50.0, cam)
    assert adu.mean() == pytest.approx(100 + 30, rel=1e-3)
    assert adu.var() == pytest.approx(30, rel=0.01)
    assert cam.photons(adu).mean() == pytest.approx(50, rel=2e-3)


def test_values_are_rounded_and_clipped_to_16_bits():
    assert (picture(1e6, camera(), (5, 5)) == 65535).all()
    dark = picture(0.0, camera(baseline_adu=0.0, read_noise_adu=3.0))
    assert dark.min() == 0
    assert (dark == 0).mean() == pytest.approx(0.566, abs=0.01)


@pytest.mark.parametrize(("below", "kind"), [(0, np.uint16), (32768, np.int16), (1e5, np.float32)])
def test_a_camera_of_signed_values_takes_the_same_picture(below, kind):
    signed = camera(baseline_adu=100.0 - below)
    adu = picture(40.0, signed)
    assert adu.dtype == kind
    assert np.allclose(signed.photons(adu), camera().photons(picture(40.0, camera())), atol=0.01)


def test_floating_pictures_are_neither_rounded_nor_clipped():
    adu = picture(0.0, camera(baseline_adu=0.0, read_noise_adu=3.0), dtype=np.float32)
    assert adu.dtype == np.float32
    assert adu.min() < -3
    assert adu.mean() == pytest.approx(0, abs=0.03)


def test_same_generator_same_picture():
    cam = camera(em_gain=50.0, read_noise_adu=2.0)
    np.testing.assert_array_equal(picture(9.0, cam, (20, 20)), picture(9.0, cam, (20, 20)))
    assert (picture(9.0, cam, (20, 20)) != picture(9.0, cam, (20, 20), seed=2)).any()


def test_maps_stand_in_for_the_camera_pixel_by_pixel():
    baseline = np.array([[100.0, 300.0]], dtype=np.float32)
    per_adu = np.array([[0.5, 2.0]], dtype=np.float32)
    noise = np.array([[0.0, 8.0]], dtype=np.float32)
    maps = CameraMaps(baseline, per_adu, noise)
    adu = picture(40.0, camera(), (60_000, 1, 2), maps=maps)[:, 0]
    np.testing.assert_allclose(adu.mean(axis=0), [180, 320], rtol=1e-3)
    np.testing.assert_allclose(adu.var(axis=0), [160, 10 + 64], rtol=0.03)
    photons = photons_from(adu[:, None], camera(), maps)
    np.testing.assert_allclose(photons.mean(axis=0), [[40, 40]], rtol=5e-3)


def test_maps_of_another_size_are_refused():
    maps = CameraMaps(read_noise_adu=np.ones((4, 6), dtype=np.float32))
    with pytest.raises(CameraError, match=r"6 × 4 px.*expected 5 × 4 px"):
        picture(1.0, camera(), (4, 5), maps=maps)


def test_response_of_the_pixels():
    rng = np.random.default_rng(6)
    assert draw_response(camera(), (9, 9), rng) is None
    assert rng.random() == np.random.default_rng(6).random()
    drawn = draw_response(camera(response_std=0.04), (200, 200), rng)
    assert (drawn.mean(), drawn.std()) == pytest.approx((1.0, 0.04), rel=0.02)
