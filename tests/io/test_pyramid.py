"""Large images: BigTIFF in tiles with smaller levels, read back as the image they are."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from deep_storm.errors import OutputError
from deep_storm.io import mapped, pyramid
from deep_storm.io.images import read_image, write_image
from deep_storm.io.mapped import band_rows, is_on_disk, let_go, on_disk


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(mapped, "MAX_PIXELS_IN_MEMORY", 1000)
    monkeypatch.setattr(mapped, "BAND_BYTES", 4 * 150 * 7)
    monkeypatch.setattr(pyramid, "TILE_PX", 32)
    monkeypatch.setattr(pyramid, "MIN_PX", 40)


@pytest.mark.parametrize("shape", [(128, 150), (99, 131)])
def test_levels_are_means_of_the_image(tmp_path, shape):
    image = np.random.default_rng(1).gamma(1.0, 5.0, shape).astype(np.float32)
    write_image(tmp_path / "a.tif", image, 12.5)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_bigtiff
        assert tif.is_ome
        assert tif.pages[0].is_tiled
        levels = [level.asarray() for level in tif.series[0].levels]
    np.testing.assert_array_equal(levels[0], image)
    assert [level.shape for level in levels] == [
        tuple(-(-n // 2**k) for n in shape) for k in range(3)
    ]
    inner = image[: shape[0] // 2 * 2, : shape[1] // 2 * 2]
    means = inner.reshape(shape[0] // 2, 2, shape[1] // 2, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(levels[1][: len(means), : means.shape[1]], means, rtol=1e-5)
    read, pixel_size_nm = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(read, image)
    assert pixel_size_nm == pytest.approx(12.5)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


def test_an_existing_file_stays(tmp_path):
    (tmp_path / "a.tif").write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        write_image(tmp_path / "a.tif", np.zeros((50, 50)), 10)
    assert (tmp_path / "a.tif").read_text() == "precious"


def test_what_was_let_go_is_still_in_the_file(tmp_path):
    array = on_disk(30, 150, tmp_path)
    assert is_on_disk(array)
    assert band_rows(array) == 7
    for top in range(0, 30, 7):
        array[top : top + 7] += top
        let_go(array)
    np.testing.assert_array_equal(array[:, 3], np.arange(30) // 7 * 7)
    assert not list(tmp_path.iterdir())  # it has no name


def test_no_room_on_the_disk(tmp_path):
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OutputError, match=r"disk is full|file size limit"):
            on_disk(100, 100, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_smaller_level_is_enough_for_a_page(tmp_path):
    image = np.random.default_rng(1).gamma(1.0, 5.0, (128, 150)).astype(np.float32)
    write_image(tmp_path / "a.tif", image, 12.5)
    smaller, pixel_size_nm = pyramid.read_smaller(tmp_path / "a.tif", 60)
    assert pixel_size_nm == pytest.approx(25.0, rel=1e-4)
    np.testing.assert_allclose(smaller, image.reshape(64, 2, 75, 2).mean((1, 3)), rtol=1e-5)
    assert pyramid.read_smaller(tmp_path / "a.tif", 100) is None
    tifffile.imwrite(tmp_path / "plain.tif", image)
    assert pyramid.read_smaller(tmp_path / "plain.tif", 60) is None
    (tmp_path / "none.tif").write_bytes(b"II*\0no TIFF")
    assert pyramid.read_smaller(tmp_path / "none.tif", 60) is None
