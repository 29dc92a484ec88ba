import math
import re

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import deep_storm as ds
from deep_storm.errors import OutputError, SettingsError, StackError, TableError
from deep_storm.io.images import read_image, write_image, write_stack


@pytest.fixture
def truth() -> pd.DataFrame:
    return pd.DataFrame({"frame": [0, 0, 1], "x_nm": [100.0, 900.0, 500.0], "y_nm": 300.0})


def test_scores_tables_in_memory(truth):
    found = truth.iloc[:2].assign(x_nm=lambda t: t["x_nm"] + 10)
    result = ds.evaluate(found, truth, tolerance_nm=(50,))
    (scores,) = result.comparison.scores
    assert scores.recall == 1.0  # frame 2 has no localization and lies outside what is compared
    assert scores.bias_x_nm == pytest.approx(10)
    assert result.written == ()


def test_scores_files_at_several_tolerances(truth, tmp_path):
    ds.write_table(tmp_path / "found.csv", truth.assign(y_nm=380.0))
    ds.write_table(tmp_path / "truth.csv", truth)
    result = ds.evaluate(tmp_path / "found.csv", tmp_path / "truth.csv", tolerance_nm=(50, 100))
    assert [s.jaccard for s in result.comparison.scores] == [0.0, 1.0]
    assert result.to_json()["scores"][0]["rmse_nm"] is None
    assert math.isnan(result.comparison.scores[0].rmse_nm)
    lines = result.summary().splitlines()
    assert lines[0] == "Frames 1:2, 3 localizations, 3 emitters"
    assert [line.split()[:2] for line in lines[2:]] == [["50", "nm"], ["100", "nm"]]


def test_tables_that_were_swapped_are_told(truth):
    found = truth.assign(confidence=0.9, uncertainty_xy_nm=8.0)
    (warning,) = ds.evaluate(truth, found).warnings
    assert "given as the ground truth has confidence, which only localizations have" in warning
    assert "name the localizations first" in ds.evaluate(truth, found).summary()
    assert ds.evaluate(truth, found).to_json()["warnings"] == [warning]
    assert ds.evaluate(found, truth).warnings == ()
    assert ds.evaluate(found, found).warnings == ()  # two programs, say
    assert ds.evaluate(truth, truth.assign(uncertainty_xy_nm=0.0)).warnings == ()


def test_columns_of_large_errors_do_not_touch(truth):
    far = truth.assign(x_nm=lambda t: t["x_nm"] - 120.0, y_nm=150.0)
    lines = ds.evaluate(far, truth, tolerance_nm=(250, 100_000)).summary().splitlines()[1:]
    assert {len(line) for line in lines} == {len(lines[0])}
    cells = [re.split(" {3,}", line.strip()) for line in lines]
    assert [len(row) for row in cells] == [7, 7, 7]
    assert cells[1][5] == "-120.0, -150.0 nm"


@pytest.fixture
def seen_twice(tmp_path):
    """A table of 400 emitters seen several times, its image, and the wide field."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(200, 3000, (2, 400))
    table = pd.DataFrame(
        {
            "frame": rng.permutation(np.repeat(np.arange(40), 100)),
            "x_nm": np.tile(x, 10) + rng.normal(0, 10, 4000),
            "y_nm": np.tile(y, 10) + rng.normal(0, 10, 4000),
            "uncertainty_xy_nm": 10.0,
        }
    )
    ds.write_table(tmp_path / "table.csv", table)
    true = ds.render(table, sigma_nm=10, pixel_size_nm=20, field_nm=(3200, 3200)).image
    write_image(tmp_path / "true.tif", true, 20.0)
    wide = gaussian_filter(true, 6).reshape(32, 5, 32, 5).sum(axis=(1, 3))
    frames = 1000 * np.stack([0.5 * wide, 1.5 * wide]) + 100
    write_stack(tmp_path / "wide.tif", frames.astype(np.uint16), 100.0)
    return tmp_path


def test_images_and_resolution_of_a_table(seen_twice):
    folder = seen_twice
    result = ds.evaluate(
        folder / "table.csv",
        true_image=folder / "true.tif",
        wide_field=folder / "wide.tif",
        output=folder / "out",
    )
    assert result.comparison is None
    assert result.image.scores.ssim > 0.99
    assert result.wide_field.maps.scores.correlation > 0.999
    assert result.wide_field.sigma_nm == pytest.approx(120, rel=0.1)
    assert 20 < result.resolution.resolution_nm < 45
    assert [p.name for p in result.written] == [
        "out.png", "out-ssim.tif", "out-rse.tif", "out-wide-field-ssim.tif",
        "out-wide-field-rse.tif", "out-frc.csv",
    ]  # fmt: skip
    assert read_image(folder / "out-wide-field-rse.tif")[1] == pytest.approx(100)
    assert set(pd.read_csv(folder / "out-frc.csv")) == {"frequency [1/um]", "FRC", "FRC smoothed"}
    found = result.to_json()
    assert found["frc"]["resolution_nm"] == result.resolution.resolution_nm
    assert {"ssim", "nrmse", "psnr_db", "rmse"} <= found["wide_field"].keys()
    assert [line.split("  ")[0] for line in result.summary().splitlines()] == [
        "True image", "Wide field", "Resolution",
    ]  # fmt: skip


def test_an_image_without_a_table(seen_twice):
    folder = seen_twice
    result = ds.evaluate(
        reconstruction=folder / "true.tif", wide_field=folder / "wide.tif", output=folder / "only"
    )
    assert result.resolution is None
    assert result.image is None
    assert result.wide_field.maps.scores.correlation > 0.999
    assert len(result.written) == 3


def test_frames_restrict_the_resolution_too(seen_twice):
    few = ds.evaluate(seen_twice / "table.csv", frames="1:4").resolution
    assert few.rows == (200, 200)


def test_a_table_alone_must_be_long_enough(truth):
    with pytest.raises(TableError, match="3 rows; expected at least 100"):
        ds.evaluate(truth)


def test_nothing_is_written_when_a_file_is_there(seen_twice):
    (seen_twice / "out-frc.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"out-frc\.csv exists already"):
        ds.evaluate(seen_twice / "table.csv", output=seen_twice / "out")
    assert not (seen_twice / "out.png").exists()
    ds.evaluate(seen_twice / "table.csv", output=seen_twice / "out", overwrite=True)
    assert (seen_twice / "out.png").exists()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, SettingsError, "neither a table nor an image"),
        ({"reconstruction": "wide.tif"}, SettingsError, "an image with nothing to compare"),
        ({"true_image": "true.tif"}, SettingsError, "neither a table nor an image"),
        ({"truth": "table.csv"}, SettingsError, "a ground truth without"),
        ({"reconstruction": "wide.tif", "true_image": "true.tif"}, StackError, "holds 2 frames"),
        (
            {"results": "table.csv", "true_image": "bare.tif"},
            StackError,
            "pixel size of the true image is",
        ),
        ({"results": "table.csv", "wide_field": "bare.tif"}, StackError, "camera_pixel_size_nm"),
    ],
)
def test_refuses_what_cannot_be_judged(seen_twice, monkeypatch, arguments, error, words):
    monkeypatch.chdir(seen_twice)
    tifffile.imwrite("bare.tif", np.eye(40, dtype=np.float32))
    with pytest.raises(error, match=words):
        ds.evaluate(**arguments)
