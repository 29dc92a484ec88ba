"""Calibrated images, stacks and masks."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from deep_storm.errors import OutputError, StackError
from deep_storm.io import images
from deep_storm.io.images import (
    read_image,
    write_bands,
    write_image,
    write_stack,
)
from deep_storm.io.stacks.frames import open_frames

IMAGE = np.random.default_rng(1).gamma(1.0, 5.0, (30, 40)).astype(np.float32)


def test_an_image_is_float32_with_imagej_scale(tmp_path):
    write_image(tmp_path / "a.tif", IMAGE.astype(np.float64), 12.5)
    image, pixel_size_nm = read_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(image, IMAGE)
    assert image.dtype == np.float32
    assert pixel_size_nm == pytest.approx(12.5)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        about = tif.imagej_metadata
        numerator, denominator = tif.pages[0].tags["XResolution"].value
    assert about["unit"] == "um"
    assert numerator / denominator == pytest.approx(80.0)  # pixels per µm
    assert about["min"] == 0
    assert about["max"] == pytest.approx(np.percentile(IMAGE, 99.7), rel=1e-4)


@pytest.mark.parametrize("pixel_size_nm", [6.25, 13.37, 100 / 3, 106.7])
def test_odd_pixel_sizes_survive(tmp_path, pixel_size_nm):
    write_image(tmp_path / "a.tif", IMAGE, pixel_size_nm)
    assert read_image(tmp_path / "a.tif")[1] == pytest.approx(pixel_size_nm, rel=1e-6)


def test_sparse_and_empty_images_get_a_display_range(tmp_path):
    sparse = np.zeros((100, 100))
    sparse[3, 4] = 7
    for name, image, high in (("sparse", sparse, 7), ("empty", np.zeros((9, 9)), 1)):
        write_image(tmp_path / f"{name}.tif", image, 10.0)
        with tifffile.TiffFile(tmp_path / f"{name}.tif") as tif:
            assert (tif.imagej_metadata["min"], tif.imagej_metadata["max"]) == (0, high)


def test_of_a_large_image_some_pixels_give_the_display_range(monkeypatch):
    image = np.random.default_rng(1).gamma(2.0, size=(300, 400)).astype(np.float32)
    every = images.display_range(image)
    monkeypatch.setattr(images, "_MAX_LOOKED_AT", 20_000)
    some = images.display_range(image)
    assert some != every
    np.testing.assert_allclose(some, every, rtol=0.05)
    lone = np.zeros((300, 400), np.float32)
    lone[1, 1] = 7.0  # on no pixel of the grid
    assert images.display_range(lone) == (0.0, 7.0)


def test_a_stack_is_16_bit_frames_with_scale(tmp_path):
    stack = np.random.default_rng(1).integers(0, 65_536, (5, 8, 9)).astype(np.uint16)
    write_stack(tmp_path / "a.tif", stack, 100.0)
    with open_frames(tmp_path / "a.tif") as stream:
        assert stream.pixel_size_nm == pytest.approx(100.0)
        np.testing.assert_array_equal(stream.read(0, 5), stack)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.imagej_metadata["frames"] == 5


def test_a_stack_of_one_frame(tmp_path):
    write_stack(tmp_path / "a.tif", np.ones((1, 8, 9), np.uint16), 100.0)
    with open_frames(tmp_path / "a.tif") as stream:
        assert stream.shape == (1, 8, 9)


def test_what_is_no_image_or_stack_is_refused(tmp_path):
    with pytest.raises(StackError, match="has the shape"):
        write_image(tmp_path / "a.tif", np.zeros((2, 3, 4)), 10.0)
    with pytest.raises(StackError, match="float64"):
        write_stack(tmp_path / "a.tif", np.zeros((2, 3, 4)), 100.0)
    assert list(tmp_path.iterdir()) == []


def test_existing_images_are_kept(tmp_path):
    write_image(tmp_path / "a.tif", IMAGE, 10.0)
    with pytest.raises(OutputError, match="exists already"):
        write_image(tmp_path / "a.tif", IMAGE, 10.0)
    write_image(tmp_path / "a.tif", IMAGE * 2, 10.0, overwrite=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[0], IMAGE * 2)


def test_a_stack_is_no_image(tmp_path):
    write_stack(tmp_path / "a.tif", np.ones((5, 8, 9), np.uint16), 100.0)
    with pytest.raises(StackError, match="holds 5 frames"):
        read_image(tmp_path / "a.tif")


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("dtype", "channels"), [("float32", ()), ("uint16", ()), ("uint8", (3,))])
def test_an_image_can_come_in_bands(tmp_path, monkeypatch, large, dtype, channels):
    if large:
        monkeypatch.setattr(images, "MAX_IMAGEJ_FRAME_BYTES", 10)
    pixels = np.arange(60 * (3 if channels else 1)).reshape(10, 6, *channels).astype(dtype)
    path = tmp_path / "a.tif"
    write_bands(path, [pixels[:4], pixels[4:]], pixels.shape, pixels.dtype, 12.5)
    with tifffile.TiffFile(path) as tif:
        assert tif.is_bigtiff == large
        assert tif.asarray().dtype == dtype
        assert np.array_equal(tif.asarray(), pixels)
    if not channels:
        assert read_image(path)[1] == pytest.approx(12.5)


def test_bands_that_end_early_leave_no_file(tmp_path):
    def bands():
        yield np.zeros((4, 6), np.float32)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_bands(tmp_path / "a.tif", bands(), (10, 6), np.dtype("float32"), 10)
    assert not list(tmp_path.iterdir())
