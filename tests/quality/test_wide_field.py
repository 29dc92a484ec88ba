import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from deep_storm.errors import StackError
from deep_storm.quality.wide_field import compare_with_wide_field


def structure(seed=0, edge=192):
    rng = np.random.default_rng(seed)
    return gaussian_filter((rng.random((edge, edge)) < 0.01).astype(float), 1.0)


def seen_by_a_camera(fine, per_px=8, sigma_px=1.2):
    blurred = gaussian_filter(fine, sigma_px * per_px, mode="constant")
    edge = fine.shape[0] // per_px, per_px, fine.shape[1] // per_px, per_px
    return 100 + 5000 * blurred.reshape(edge).mean(axis=(1, 3))


def test_the_image_that_the_wide_field_came_from_fits():
    fine = structure()
    found = compare_with_wide_field(fine, 12.5, seen_by_a_camera(fine), 100.0)
    assert found.sigma_nm == pytest.approx(120, rel=0.03)
    assert found.maps.scores.correlation > 0.999
    assert found.maps.scores.ssim > 0.99
    assert found.maps.scores.offset == pytest.approx(100, rel=0.05)
    assert found.to_json()["blur_sigma_nm"] == found.sigma_nm


@pytest.mark.parametrize("pixel_size_nm", [12.5, 13.0, 30.0])
def test_pixels_need_not_divide_the_cameras(pixel_size_nm):
    positions = np.random.default_rng(1).uniform(300, 2100, (2, 60))
    edge = int(np.ceil(2400 / pixel_size_nm))
    bins = np.arange(edge + 1) * pixel_size_nm
    image, _, _ = np.histogram2d(*positions, bins=(bins, bins))
    camera = np.arange(25) * 100.0
    fine, _, _ = np.histogram2d(*positions, bins=(np.arange(961) * 2.5,) * 2)
    wide = gaussian_filter(fine, 52, mode="constant").reshape(24, 40, 24, 40).sum(axis=(1, 3))
    assert len(camera) - 1 == wide.shape[0]
    found = compare_with_wide_field(image, pixel_size_nm, wide, 100.0)
    assert found.maps.scores.correlation > 0.995
    assert found.sigma_nm == pytest.approx(130, rel=0.08)


def test_the_error_map_shows_where_the_image_is_wrong():
    fine = structure()
    wide = seen_by_a_camera(fine)
    wrong = fine.copy()
    wrong[:48, :48] = 0
    found = compare_with_wide_field(wrong, 12.5, wide, 100.0)
    right = compare_with_wide_field(fine, 12.5, wide, 100.0)
    assert found.maps.rse[:6, :6].mean() > 2 * found.maps.rse[8:, 8:].mean()
    assert found.maps.scores.rmse > 5 * right.maps.scores.rmse


def test_a_smaller_image_is_dark_where_it_ends():
    fine = structure()
    fine[-40:] = 0
    found = compare_with_wide_field(fine[:-40], 12.5, seen_by_a_camera(fine), 100.0)
    assert found.maps.scores.correlation > 0.999
    assert found.maps.fitted.shape == (24, 24)


@pytest.mark.parametrize(
    ("image", "pixel_nm", "wide", "words"),
    [
        (np.ones((192, 192)), 25.0, np.eye(24), "the same field"),
        (np.ones((24, 24)), 200.0, np.eye(24), "finer pixels"),
        (np.ones((2, 24, 24)), 10.0, np.eye(24), "one image"),
        (np.full((24, 24), np.nan), 10.0, np.eye(24), "not finite"),
        (np.ones((24, 24)), 10.0, np.eye(8), "at least 11 px"),
        (np.ones((24, 24)), 10.0, np.ones((24, 24)), "wide field is constant"),
    ],
)
def test_refuses_what_cannot_be_compared(image, pixel_nm, wide, words):
    with pytest.raises(StackError, match=words):
        compare_with_wide_field(image, pixel_nm, wide, 100.0)
