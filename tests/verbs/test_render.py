import numpy as np
import pandas as pd
import pytest
from PIL import Image

import deep_storm as ds
from deep_storm.errors import OutputError
from deep_storm.io.images import read_image


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame({"frame": 0, "x_nm": [15.0, 195.0], "y_nm": [5.0, 95.0]})


def test_draws_a_table_in_memory(table):
    result = ds.render(table, method="histogram", pixel_size_nm=10)
    assert result.image.shape == (10, 20)
    assert result.image[0, 1] == result.image[9, 19] == 1
    assert result.written == ()
    assert result.summary() == "20 × 10 px of 10 nm, 2 localizations"


def test_writes_a_calibrated_tiff_beside_the_table(table, tmp_path):
    ds.write_table(tmp_path / "movie.csv", table)
    result = ds.render(tmp_path / "movie.csv", method="histogram", pixel_size_nm=5)
    assert result.written == (tmp_path / "movie.tif",)
    image, pixel_size_nm = read_image(tmp_path / "movie.tif")
    assert pixel_size_nm == pytest.approx(5)
    assert np.array_equal(image, result.image)


def test_writes_a_png_to_look_at(table, tmp_path):
    ds.render(table, output=tmp_path / "a.png", method="histogram")
    with Image.open(tmp_path / "a.png") as png:
        assert png.size == (20, 10)
        assert png.getextrema() == (0, 255)


def test_replaces_a_file_only_when_asked(table, tmp_path):
    (tmp_path / "a.tif").write_text("precious")
    with pytest.raises(OutputError, match="--overwrite"):
        ds.render(table, output=tmp_path / "a.tif", method="histogram")
    assert (tmp_path / "a.tif").read_text() == "precious"
    ds.render(table, output=tmp_path / "a.tif", method="histogram", overwrite=True)
    assert read_image(tmp_path / "a.tif")[0].sum() == 2
