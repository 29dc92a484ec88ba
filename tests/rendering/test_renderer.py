import numpy as np
import pandas as pd
import pytest

from deep_storm.errors import Cancelled, SettingsError
from deep_storm.rendering import renderer as renderers
from deep_storm.rendering.extent import Extent
from deep_storm.rendering.renderer import Renderer
from deep_storm.settings import Rendering


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x_nm, y_nm = rng.uniform(0, 1000, (2, 3000))
    frame = rng.integers(0, 100, 3000)
    return pd.DataFrame({"frame": frame, "x_nm": x_nm, "y_nm": y_nm, "uncertainty_xy_nm": 12.0})


@pytest.fixture
def small_bands(monkeypatch):
    """Images beyond 1000 px are drawn in bands of 7 rows."""
    monkeypatch.setattr(renderers, "MAX_PIXELS_KEPT", 1000)
    whole = Extent.bands
    monkeypatch.setattr(Extent, "bands", lambda extent: whole(extent, 7 * extent.width))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"depth": "uint16"},
        {"method": "histogram", "depth": "uint16"},
        {"method": "shifted-histogram"},
        {"colour": "frame"},
    ],
)
def test_drawn_in_bands_or_whole_the_pixels_are_the_same(table, options, request):
    settings = Rendering(**options)
    whole = Renderer(table, settings)
    levels = whole.levels()
    expected = np.concatenate(list(whole.pixels(levels)))
    assert expected.shape == whole.shape
    assert expected.dtype == whole.dtype
    request.getfixturevalue("small_bands")
    cut = Renderer(table, settings)
    assert not cut.is_kept
    assert cut.levels() == pytest.approx(levels)
    bands = list(cut.pixels(levels))
    assert len(bands) > 5
    assert np.array_equal(np.concatenate(bands), expected)


def test_counts_stay_counts_in_16_bits(table):
    counts = Renderer(table, Rendering(method="histogram", depth="uint16"))
    assert counts.scale(counts.levels()) == 1
    assert sum(int(band.sum()) for band in counts.pixels(counts.levels())) == 3000
    scaled = Renderer(table, Rendering(depth="uint16"))
    levels = scaled.levels()
    assert max(band.max() for band in scaled.pixels(levels)) == 65535
    assert scaled.scale(levels) * levels.largest == pytest.approx(65535)


def test_levels_describe_the_pixels(table):
    drawn = Renderer(table, Rendering(method="histogram"))
    levels = drawn.levels()
    image = drawn.image
    assert levels.total == 3000
    assert levels.largest == image.max()
    assert levels.brightest == np.percentile(image[image > 0], 99)


def test_cancelling_stops_between_bands(table, small_bands):
    def stop(done: int, total: int, message: str) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        Renderer(table, Rendering()).levels(stop)


def test_colours_have_eight_bits(table):
    with pytest.raises(SettingsError, match="leave one out"):
        Renderer(table, Rendering(colour="frame", depth="uint16"))
