import numpy as np
import pytest

from deep_storm.report.figures import (
    add_scale_bar,
    display_range,
    new_figure,
    round_length,
    show_picture,
)


@pytest.mark.parametrize(
    ("most", "length"), [(1.6, 1), (2, 2), (4.9, 2), (0.07, 0.05), (0.2, 0.2), (640, 500)]
)
def test_scale_bars_have_round_lengths(most, length):
    assert round_length(most) == pytest.approx(length)


@pytest.mark.parametrize(
    ("pixels", "words"), [(64, "1 µm"), (12, "200 nm"), (20, "0.5 µm"), (2000, "50 µm")]
)
def test_scale_bars_name_their_length(pixels, words):
    axes = new_figure(50, 50).subplots()
    show_picture(axes, np.zeros((pixels, pixels)), 100.0, (0, 1), "gray")
    add_scale_bar(axes)
    assert axes.texts[0].get_text() == words
    bar = axes.patches[-1]
    unit = 1.0 if "µm" in words else 0.001
    assert bar.get_width() * pixels * 0.1 == pytest.approx(float(words.split()[0]) * unit)


def test_display_range_copes_with_constant_and_unreadable_pictures():
    assert display_range(np.full((4, 4), 3.0), 1, 99) == (3.0, 4.0)
    assert display_range(np.full((4, 4), np.nan), 1, 99) == (0.0, 1.0)
    assert display_range(np.array([[0.0, np.nan, 10.0]]), 0, 100) == (0.0, 10.0)
