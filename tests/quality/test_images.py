import json
import math

import numpy as np
import pytest

from deep_storm.errors import StackError
from deep_storm.quality.images import compare_maps


def spots(seed: int = 0, size: int = 48) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    return gaussian_filter((rng.random((size, size)) < 0.02).astype(float), 1.5)


def scores_of(image, truth):
    return compare_maps(image, truth).scores


def test_an_image_equals_itself_up_to_scale_and_offset():
    truth = spots()
    scores = scores_of(7 * truth + 3, truth)
    assert scores.ssim == pytest.approx(1)
    assert scores.correlation == pytest.approx(1)
    assert scores.nrmse == pytest.approx(0, abs=1e-9)
    assert scores.scale == pytest.approx(1 / 7)
    assert scores.offset == pytest.approx(-3 / 7)


def test_figures_follow_from_the_fitted_difference():
    truth, noise = spots(), np.random.default_rng(1).normal(0, 0.01, (48, 48))
    image = truth + noise
    slope, offset = np.polyfit(image.ravel(), truth.ravel(), 1)
    rms = np.sqrt(np.mean((slope * image + offset - truth) ** 2))
    scores = scores_of(image, truth)
    assert scores.nrmse == pytest.approx(rms / np.ptp(truth))
    assert scores.psnr_db == pytest.approx(20 * math.log10(np.ptp(truth) / rms))
    assert scores.correlation == pytest.approx(np.corrcoef(image.ravel(), truth.ravel())[0, 1])


def test_a_wrong_image_scores_worse():
    truth = spots(0)
    near, far = scores_of(truth + 0.3 * spots(1), truth), scores_of(spots(1), truth)
    assert near.ssim > far.ssim
    assert near.nrmse < far.nrmse


def test_an_inverted_image_does_not_pass():
    truth = spots()
    scores = scores_of(-truth, truth)
    assert scores.correlation == pytest.approx(-1)
    assert scores.scale == 0
    assert scores.ssim < 0.9


def test_a_constant_image_has_no_correlation():
    scores = scores_of(np.ones((20, 20)), spots(size=20))
    assert math.isnan(scores.correlation)
    assert scores.scale == 0


def test_as_dict_can_be_written_as_json():
    blank = np.zeros((20, 20))
    assert json.dumps(scores_of(blank, spots(size=20)).to_json(), allow_nan=False)
    assert json.dumps(scores_of(spots(), spots()).to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("image", "truth", "words"),
    [
        (np.zeros((20, 20)), np.zeros((20, 30)), "20 × 20 px and the truth 20 × 30 px"),
        (np.zeros((3, 20, 20)), np.zeros((3, 20, 20)), "two images"),
        (np.zeros((8, 20)), np.zeros((8, 20)), "at least 11 px"),
        (np.full((20, 20), np.nan), np.eye(20), "image has pixels that are not finite"),
        (np.eye(20), np.full((20, 20), np.inf), "truth has pixels that are not finite"),
        (np.eye(20), np.ones((20, 20)), "true image is constant"),
    ],
)
def test_refuses_images_that_cannot_be_compared(image, truth, words):
    with pytest.raises(StackError, match=words):
        scores_of(image, truth)


def test_maps_show_where_the_image_is_wrong():
    truth = spots()
    image = truth.copy()
    image[:12, :12] += truth.max()
    maps = compare_maps(image, truth)
    assert maps.scores == scores_of(image, truth)
    assert maps.rse.shape == maps.ssim.shape == truth.shape
    np.testing.assert_allclose(maps.rse, abs(maps.fitted - truth))
    assert maps.rse[:12, :12].mean() > 2 * maps.rse[16:, 16:].mean()
    assert maps.ssim[:8, :8].mean() < maps.ssim[20:, 20:].mean()
    assert maps.scores.rmse == pytest.approx(math.sqrt(np.mean(maps.rse**2)))
    assert maps.scores.nrmse == pytest.approx(maps.scores.rmse / np.ptp(truth))
