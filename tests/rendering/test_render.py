import threading

import numpy as np
import pandas as pd
import pytest
from scipy.special import erf

from deep_storm import localizations as tables
from deep_storm.errors import SettingsError, TableError
from deep_storm.rendering import Renderer, add_gaussians, draw_slices, emitter_image, render
from deep_storm.settings import Rendering

HISTOGRAM = Rendering(method="histogram", pixel_size_nm=10)
GAUSSIAN = Rendering(method="gaussian", pixel_size_nm=10)


def table(x_nm: list[float], y_nm: list[float], **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"x_nm": x_nm, "y_nm": y_nm}).assign(**columns)


def centre(image: np.ndarray) -> tuple[float, float]:
    """Centre of gravity (x, y) in px, corner rule."""
    y, x = np.indices(image.shape) + 0.5
    return float((image * x).sum() / image.sum()), float((image * y).sum() / image.sum())


def test_a_localization_falls_into_the_pixel_that_holds_it():
    image = render(table([0.0, 39.999], [10.0, 20.0]), HISTOGRAM, field_nm=(40, 30))
    assert image.shape == (3, 4)
    assert image.dtype == np.float32
    assert np.argwhere(image).tolist() == [[1, 0], [2, 3]]


def test_outside_rows_are_dropped_not_moved_to_the_border():
    image = render(table([-0.1, 40.0, 5, 5], [5, 5, -3, 1e9]), HISTOGRAM, field_nm=(40, 30))
    assert image.sum() == 0


def test_histogram_counts():
    image = render(table([5.0] * 3, [5.0] * 3), HISTOGRAM)
    assert image.tolist() == [[3.0]]


@pytest.mark.parametrize("method", ["histogram", "gaussian"])
def test_the_default_field_reaches_from_zero_to_the_largest_coordinate(method):
    rendering = Rendering(method=method, pixel_size_nm=10, sigma_nm=1)
    assert render(table([100.0], [39.0]), rendering).shape == (4, 11)


def test_a_field_is_rounded_up_to_whole_pixels():
    one = table([5.0], [5.0])
    assert render(one, HISTOGRAM, field_nm=(6400.0000001, 6395)).shape == (640, 640)


def test_gaussians_obey_the_corner_rule():
    image = render(table([203.7], [151.2], uncertainty_xy_nm=[15.0]), GAUSSIAN, (400, 300))
    assert image.shape == (30, 40)
    assert centre(image) == pytest.approx((20.37, 15.12), abs=1e-3)


def test_a_gaussian_is_integrated_over_the_pixels():
    image = render(table([203.7], [151.2], uncertainty_xy_nm=[15.0]), GAUSSIAN, (400, 300))

    def shares(at_px: float, edges: np.ndarray) -> np.ndarray:
        return np.diff(0.5 * erf((edges - at_px) / (1.5 * np.sqrt(2))))

    expected = np.outer(shares(15.12, np.arange(31)), shares(20.37, np.arange(41)))
    assert image == pytest.approx(expected, abs=2e-6)
    assert image.sum() == pytest.approx(1, abs=1e-4)


def test_each_localization_is_as_wide_as_its_uncertainty_unless_a_width_is_set():
    two = table([200.0, 600.0], [200.0, 200.0], uncertainty_xy_nm=[10.0, 40.0])
    image = render(two, GAUSSIAN, (800, 400))
    assert image[:, :40].max() > 5 * image[:, 40:].max()
    fixed = render(two, Rendering(pixel_size_nm=10, sigma_nm=20), (800, 400))
    assert fixed[:, :40] == pytest.approx(fixed[:, 40:])


def test_unusable_uncertainties_get_the_median_of_the_others():
    values = [20.0, 20.0, np.nan, 0.0, -1.0, np.inf]
    x = [200.0 + 400 * k for k in range(6)]
    image = render(table(x, [200.0] * 6, uncertainty_xy_nm=values), GAUSSIAN, (2400, 400))
    assert image[:, :40] == pytest.approx(image[:, 200:])
    assert image.sum() == pytest.approx(6, rel=1e-4)


@pytest.mark.parametrize("columns", [{}, {"uncertainty_xy_nm": [np.nan, 0.0]}])
def test_gaussians_need_a_width(columns):
    with pytest.raises(TableError, match="set sigma_nm"):
        render(table([1.0, 2.0], [1.0, 2.0], **columns), GAUSSIAN)


def test_gaussians_are_cut_at_the_border():
    image = render(table([0.0], [50.0], uncertainty_xy_nm=[10.0]), GAUSSIAN, (100, 100))
    assert image.sum() == pytest.approx(0.5, abs=1e-4)


def test_an_empty_table_gives_a_black_field():
    image = render(tables.empty(), GAUSSIAN, (100, 50))
    assert image.shape == (5, 10)
    assert not image.any()
    with pytest.raises(TableError, match="the table is empty"):
        render(tables.empty(), GAUSSIAN)


def test_a_too_large_image_says_which_pixel_size_fits():
    stray = table([3e6], [2e6], uncertainty_xy_nm=[10.0])
    with pytest.raises(SettingsError, match=r"300001 × 200001 px.*pixel_size_nm to 160 ") as caught:
        render(stray, GAUSSIAN)
    assert "10" in str(caught.value)
    assert 3e6 * 2e6 / 160**2 < 2**28


def test_refuses_a_field_without_area():
    with pytest.raises(SettingsError, match="two positive numbers"):
        render(table([1.0], [1.0]), HISTOGRAM, (0, 100))


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(0)
    many = table(*rng.uniform(0, 1000, (2, 500)), uncertainty_xy_nm=rng.uniform(5, 20, 500))
    shuffled = many.sample(frac=1, random_state=1)
    images = [render(t, GAUSSIAN, (1000, 1000)) for t in (many, shuffled)]
    assert images[0] == pytest.approx(images[1], abs=1e-6)


def test_emitter_image_draws_equal_spots():
    image = emitter_image(table([105.0, 305.0], [55.0, 55.0]), (20, 40), 10, blur_px=1.0)
    assert image.shape == (20, 40)
    assert image[:, :20] == pytest.approx(image[:, 20:], abs=1e-5)
    assert image.sum() == pytest.approx(2, abs=1e-4)
    assert emitter_image(table([105.0], [55.0]), (20, 40), 10, blur_px=0)[5, 10] == 1


def draw(image: np.ndarray, *rows: tuple[float, float, float, float]) -> np.ndarray:
    add_gaussians(image, *(np.array(column, float) for column in zip(*rows, strict=True)))
    return image


def test_add_gaussians_adds_weights_in_place():
    image = draw(np.ones((20, 20)), (10, 10, 1, 0.25), (10, 10, 1, 0.5))
    assert (image - 1).sum() == pytest.approx(0.75, abs=1e-4)
    assert image.dtype == np.float64


def test_a_gaussian_without_width_fills_one_pixel():
    image = draw(np.zeros((4, 6), np.float32), (5.99, 0.0, 0, 2.0))
    assert image[0, 5] == 2
    assert image.sum() == 2
    tiny = draw(np.zeros((4, 6)), (2.5, 1.5, 1e-9, 1.0))
    assert tiny[1, 2] == pytest.approx(1)


def test_unusable_rows_are_skipped():
    bad = [np.nan, np.inf, -np.inf]
    rows = [(b, 2, 1, 1) for b in bad] + [(2, b, 1, 1) for b in bad] + [(2, 2, 1, b) for b in bad]
    rows += [(2, 2, np.nan, 1), (2, 2, np.inf, 1), (2, 2, -1, 1)]
    rows += [(1e300, 2, 1, 1), (-1e300, 2, 1, 1), (4, 2, 0, 1), (-1e-9, 2, 0, 1)]
    assert not draw(np.zeros((4, 4)), *rows).any()


def test_threads_may_draw_into_images_of_their_own():
    rng = np.random.default_rng(0)
    rows = [tuple(v) for v in np.column_stack([rng.uniform(0, 50, (200, 2)), np.ones((200, 2))])]
    expected = draw(np.zeros((50, 50)), *rows)
    images = [np.zeros((50, 50)) for _ in range(3)]
    threads = [threading.Thread(target=draw, args=(image, *rows)) for image in images]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(image, expected) for image in images)


DEEP = pd.DataFrame(
    {
        "frame": [0, 1, 2, 3],
        "x_nm": [105.0, 305.0, 505.0, 505.0],
        "y_nm": [205.0, 205.0, 405.0, 405.0],
        "z_nm": [-120.0, -20.0, 80.0, 95.0],
        "uncertainty_xy_nm": [5.0, 5.0, 5.0, 5.0],
        "uncertainty_z_nm": [20.0, 20.0, 20.0, 20.0],
    }
)


def test_slices_hold_what_lies_in_them():
    drawn = draw_slices(DEEP, Rendering(method="histogram", slice_nm=100.0))
    assert drawn.image.sum(axis=(1, 2)).tolist() == [1.0, 1.0, 2.0]
    assert (drawn.first_nm, drawn.slice_nm) == (-200.0, 100.0)
    assert drawn.image[0, 20, 10] == 1.0
    assert drawn.image[2, 40, 50] == 2.0
    whole = render(DEEP, Rendering(method="histogram"))
    np.testing.assert_array_equal(drawn.image.sum(axis=0), whole)


def test_from_the_side_z_is_upwards():
    side = render(DEEP, Rendering(method="histogram", view="xz"))
    row, column = np.nonzero(side)
    assert column.tolist() == [50, 50, 30, 10]
    assert row.tolist() == [0, 2, 12, 22]
    other = render(DEEP, Rendering(method="histogram", view="yz"))
    assert np.nonzero(other)[1].tolist() == [40, 40, 20, 20]


def test_from_the_side_a_localization_is_as_tall_as_z_is_uncertain():
    one = DEEP.iloc[:1].assign(z_nm=-300.0)
    side = render(one, Rendering(view="xz", pixel_size_nm=5.0, corner_nm=(0.0, 0.0),
                                 field_nm=(200.0, 600.0)))  # fmt: skip
    y, x = (np.arange(n) * 5.0 + 2.5 for n in side.shape)
    down, across = side.sum(axis=1), side.sum(axis=0)
    assert np.sqrt(down @ (y - down @ y) ** 2) == pytest.approx(20.0, rel=0.02)
    assert np.sqrt(across @ (x - across @ x) ** 2) == pytest.approx(5.0, rel=0.06)


def test_what_needs_depths_says_so():
    flat = DEEP.drop(columns="z_nm")
    for settings in ({"view": "xz"}, {"colour": "z"}):
        with pytest.raises(TableError, match=r"no column 'z \[nm\]'"):
            Renderer(flat, Rendering(**settings))
    with pytest.raises(TableError, match="slices along z"):
        draw_slices(flat, Rendering(slice_nm=50.0))
    with pytest.raises(SettingsError, match="slices together with colour z"):
        draw_slices(DEEP, Rendering(slice_nm=50.0, colour="z"))
