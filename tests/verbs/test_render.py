import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

import deep_storm as ds
from deep_storm.errors import DeepStormError, OutputError, SettingsError
from deep_storm.io.images import read_image
from deep_storm.rendering import Renderer, renderer


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame({"frame": 0, "x_nm": [15.0, 195.0], "y_nm": [5.0, 95.0]})


def test_draws_a_table_in_memory(table):
    result = ds.render(table, method="histogram", pixel_size_nm=10)
    assert result.image.shape == (10, 20)
    assert result.image[0, 1] == result.image[9, 19] == 1
    assert result.written == ()
    assert result.summary() == "20 × 10 px of 10 nm, 2 localizations"


def test_what_lies_outside_of_the_image_is_told(table):
    moved = pd.concat([table, table.assign(x_nm=-table["x_nm"])])
    drawn = ds.render(moved, method="histogram", pixel_size_nm=10)
    assert "2 of 4 localizations; the others lie outside" in drawn.summary()
    assert "corner_nm" in drawn.summary()


def test_writes_a_calibrated_tiff_beside_the_table(table, tmp_path):
    ds.write_table(tmp_path / "movie.csv", table)
    result = ds.render(tmp_path / "movie.csv", method="histogram", pixel_size_nm=5)
    assert result.written == (tmp_path / "movie_rendered.tif",)
    image, pixel_size_nm = read_image(tmp_path / "movie_rendered.tif")
    assert pixel_size_nm == pytest.approx(5)
    assert np.array_equal(image, result.image)


def test_writes_a_png_to_look_at(table, tmp_path):
    ds.render(table, output=tmp_path / "a.png", method="histogram")
    with Image.open(tmp_path / "a.png") as png:
        assert png.size == (20, 10)
        assert png.getextrema() == (0, 255)


def test_replaces_a_file_only_when_asked(table, tmp_path):
    file, drawn = tmp_path / "a.tif", {"method": "histogram"}
    ds.render(table.iloc[:1], output=file, **drawn)
    with pytest.raises(OutputError, match="overwrite=True"):
        ds.render(table, output=file, **drawn)
    assert read_image(file)[0].sum() == 1
    ds.render(table, output=file, overwrite=True, **drawn)
    assert read_image(file)[0].sum() == 2


def test_an_image_of_somebody_else_is_never_replaced(table, tmp_path):
    (tmp_path / "a.tif").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="was not written by Deep-STORM"):
            ds.render(table, output=tmp_path / "a.tif", method="histogram", overwrite=overwrite)
    assert (tmp_path / "a.tif").read_text() == "precious"


def test_a_png_has_a_scale_bar_and_a_key_to_its_colours(tmp_path):
    rng = np.random.default_rng(0)
    x_nm, y_nm = rng.uniform(0, 3000, (2, 200))
    table = pd.DataFrame({"frame": range(200), "x_nm": x_nm, "y_nm": y_nm})
    result = ds.render(table, output=tmp_path / "a.png", method="histogram", colour="frame")
    assert result.summary().endswith("Colour: frame from 1 (blue) to 200 (red)")
    with Image.open(tmp_path / "a.png") as png:
        assert png.mode == "RGB"
        pixels = np.asarray(png)
    plain = Renderer(table, ds.Rendering(method="histogram", colour="frame"))
    drawn = np.concatenate(list(plain.pixels(plain.levels())))
    changed = (pixels != drawn).any(axis=2)
    assert np.nonzero(changed)[0].min() > 0.8 * pixels.shape[0]
    white = (pixels == 255).all(axis=2)[:, pixels.shape[1] // 2 :]
    assert white.sum(axis=1).max() == 50  # 500 nm of 10 nm, a sixth of the width


def test_sixteen_bits_are_calibrated_for_imagej(table, tmp_path):
    wide = table.assign(uncertainty_xy_nm=10.0)
    result = ds.render(wide, output=tmp_path / "a.tif", depth="uint16", pixel_size_nm=5)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        about, pixels = tif.imagej_metadata, tif.asarray()
    assert pixels.dtype == np.uint16
    assert pixels.max() == 65535
    assert pixels * about["c1"] == pytest.approx(result.image, abs=about["c1"])
    assert read_image(tmp_path / "a.tif")[1] == pytest.approx(5)


def test_a_colour_tiff_is_rgb_with_a_scale(table, tmp_path):
    ds.render(table, output=tmp_path / "a.tif", method="histogram", colour="frame")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.series[0].axes == "YXS"
        assert tif.imagej_metadata["unit"] == "um"
        assert tif.imagej_metadata["Info"] == "colour: frame from 1 (blue) to 1 (red)"


def test_a_large_image_is_drawn_straight_into_its_file(table, tmp_path, monkeypatch):
    monkeypatch.setattr(renderer, "MAX_PIXELS_KEPT", 100)
    result = ds.render(table, output=tmp_path / "a.tif", method="histogram")
    assert result.image is None
    assert result.summary() == "20 × 10 px of 10 nm, 2 localizations"
    image, _ = read_image(tmp_path / "a.tif")
    assert image[0, 1] == image[9, 19] == 1
    assert image.sum() == 2


def test_the_field_can_be_set(table):
    assert ds.render(table, method="histogram", field_nm=(400, 300)).image.shape == (30, 40)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t.iloc[:0], {}, "the table is empty"),
        (lambda t: t.assign(x_nm=np.nan), {"method": "histogram"}, "nan as x_nm in row 1"),
        (lambda t: t, {}, "no column uncertainty_xy"),
        (lambda t: t, {"colour": "confidence", "method": "histogram"}, "no column confidence"),
        (lambda t: t.assign(x_nm=1e12), {"method": "histogram"}, "too large"),
    ],
)
def test_refuses_what_it_cannot_draw(table, tmp_path, change, options, message):
    with pytest.raises(DeepStormError, match=message):
        ds.render(change(table), output=tmp_path / "a.tif", **options)
    assert not list(tmp_path.iterdir())


def test_a_stack_of_slices_is_a_hyperstack_with_its_depth(tmp_path):
    table = pd.DataFrame(
        {"frame": [0, 1], "x_nm": [105.0, 305.0], "y_nm": [205.0, 95.0], "z_nm": [-120.0, 130.0]}
    )
    found = ds.render(table, output=tmp_path / "a.tif", slice_nm=100, sigma_nm=10, pixel_size_nm=20)
    assert found.image.shape == (4, 11, 16)
    assert "4 slices of 100 nm along z, from -200 to 200 nm" in found.summary()
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.series[0].axes == "ZYX"
        assert tif.imagej_metadata["spacing"] == pytest.approx(0.1)
        np.testing.assert_allclose(tif.asarray(), found.image)
    side = ds.render(table, output=tmp_path / "b.tif", view="xz", sigma_nm=10)
    assert "z upwards, 130 nm at the top" in side.legend
    with pytest.raises(SettingsError, match=r"write a \.tif"):
        ds.render(table, output=tmp_path / "a.png", slice_nm=100, sigma_nm=10)


def test_a_name_of_another_kind_of_image_is_refused(table, tmp_path):
    with pytest.raises(OutputError, match=r"image\.jpg ends in \.jpg"):
        ds.render(table, output=tmp_path / "image.jpg")
    assert not list(tmp_path.iterdir())
