"""ImagePlus ↔ NumPy, in a real ImageJ."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

RAMP = np.arange(3 * 4 * 5).reshape(3, 4, 5)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pixels_keep_type_order_and_value(imagej, dtype):
    values = RAMP.astype(dtype)
    if dtype == np.uint16:
        values = (RAMP * 1111).astype(np.uint16)
    if dtype == np.uint8:
        values = (RAMP + 190).astype(np.uint8)
    read = imagej.ask("read_image", image={"array": values})
    assert read["dtype"] == np.dtype(dtype).name
    np.testing.assert_array_equal(read["values"], values)


def test_signed_16_bit_pixels_are_below_zero_again(imagej):
    signed = (RAMP - 30).astype(np.int16)
    stored = (signed.astype(np.int32) + 32768).astype(np.uint16)
    read = imagej.ask("read_image", image={"array": stored, "signed": True})
    assert read["dtype"] == "int16"
    np.testing.assert_array_equal(read["values"], signed)


@pytest.mark.parametrize("axes", ["t", "z"])
def test_time_may_be_t_or_z(imagej, axes):
    read = imagej.ask("read_image", image={"array": RAMP.astype(np.uint16), "axes": axes})
    assert read["shape"] == (3, 4, 5)


def test_channel_in_view_is_taken(imagej):
    values = np.arange(4 * 6).reshape(4, 2, 3).astype(np.uint16)  # c, t = 2, 2
    read = imagej.ask("read_image", image={"array": values, "axes": "c", "title": "two.tif"})
    np.testing.assert_array_equal(read["values"], values[[0, 2]])
    assert read["name"] == "two.tif (channel 1 of 2)"


def test_virtual_stack_is_read_in_pieces(imagej, tmp_path):
    path = tmp_path / "über µm.tif"
    tifffile.imwrite(path, RAMP.astype(np.uint16), imagej=True, metadata={"axes": "TYX"})
    image = {"file": str(path), "virtual": True}
    read = imagej.ask("read_image", image=image, start=1, stop=3)
    np.testing.assert_array_equal(read["values"], RAMP[1:])


def test_roi_is_its_bounding_rectangle(imagej):
    image = {"array": RAMP.astype(np.uint16), "roi": (1, 2, 3, 9)}
    read = imagej.ask("read_image", image=image)
    assert read["corner"] == (1, 2)
    np.testing.assert_array_equal(read["values"], RAMP[:, 2:4, 1:4])


@pytest.mark.parametrize(
    ("pixel", "nm"),
    [
        ((0.1, "µm"), 100.0),
        ((0.16, "um"), 160.0),
        ((107.0, "nm"), 107.0),
        ((100e-7 / 2.54, "inch"), 100.0),
        ((1.0, "pixel"), None),
        ((1 / 72, "inch"), None),
    ],
)
def test_pixel_size_in_any_unit(imagej, pixel, nm):
    read = imagej.ask("read_image", image={"array": RAMP.astype(np.uint16), "pixel": pixel})
    assert read["pixel_size_nm"] == (None if nm is None else pytest.approx(nm))


def test_colours_are_refused(imagej):
    said = imagej.ask("read_image", image={"array": RAMP.astype(np.int32)})
    assert "RGB" in said
    assert "grey values" in said


def test_closed_image_is_an_error(imagej):
    image = {"array": RAMP.astype(np.uint16)}
    said = imagej.ask("read_image", image=image, close_first=True)
    assert "changed while it was read" in said


def test_changed_pixels_are_an_error(imagej):
    said = imagej.ask("change_while_reading", image={"array": RAMP.astype(np.uint16)})
    assert "pixels are no longer those" in said


def test_image_has_a_scale_in_um_and_its_place_in_the_field(imagej):
    values = np.zeros((6, 8), np.float32)
    values[2, 5] = 3.0
    made = imagej.ask("image_of", values=values, pixel_size_nm=12.5, corner_nm=(250.0, 125.0))
    np.testing.assert_array_equal(made["array"], values)
    assert made["unit"] in ("µm", "um")
    assert made["pixel"] == pytest.approx(0.0125)
    assert made["origin"] == pytest.approx((-10.0, -20.0))  # x, y
    assert made["range"][0] == 0.0 < made["range"][1]


def test_colours_are_hot_and_structure_is_seen(imagej):
    rng = np.random.default_rng(0)
    values = np.zeros((64, 64), np.float32)
    structure = rng.random(values.shape) < 0.1
    values[structure] = rng.uniform(1.0, 2.0, structure.sum())
    values[5, 5] = 500.0  # a bead
    made = imagej.ask("image_of", values=values, pixel_size_nm=10.0)
    assert made["colours"] == [(0, 0, 0), (255, 0, 0), (255, 255, 0), (255, 255, 255)]
    low, high = made["range"]
    assert low == 0.0
    assert (
        np.percentile(values[structure], 80) < high <= 2.0
    )  # most of it below white, not the bead
