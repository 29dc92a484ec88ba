"""The pixel size that a file claims."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from deep_storm.io.stacks.calibration import nm_per_unit
from deep_storm.io.stacks.frames import TiffFrames

FRAMES = np.ones((5, 8, 9), np.uint16)


def claimed(path):
    with TiffFrames(path) as stream:
        return stream.pixel_size_nm


@pytest.mark.parametrize(
    ("unit", "per_unit", "expected"),
    [
        ("um", 10.0, 100.0),
        ("micron", 10.0, 100.0),
        ("\\u00B5m", 10.0, 100.0),
        ("nm", 0.008, 125.0),
        ("mm", 1e4, 100.0),
        ("cm", 1e5, 100.0),
        ("inch", 254_000.0, 100.0),  # an inch is 25.4 mm
        ("inch", 72.0, None),
        ("pixel", 1.0, None),
        ("um", 80.0, 12.5),
    ],
)
def test_imagej_units(tmp_path, unit, per_unit, expected):
    about = {"unit": unit, "axes": "TYX"}
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FRAMES, imagej=True, resolution=(per_unit, per_unit), metadata=about)
    assert claimed(path) == (None if expected is None else pytest.approx(expected, rel=1e-4))


@pytest.mark.parametrize(
    ("unit", "per_unit", "expected"),
    [
        ("INCH", 254_000.0, 100.0),
        ("CENTIMETER", 100_000.0, 100.0),
        ("INCH", 72.0, None),
        ("INCH", 96.0, None),
        ("INCH", 300.0, None),
        ("INCH", 1.0, None),
        ("NONE", 10.0, None),
    ],
)
def test_tiff_resolution(tmp_path, unit, per_unit, expected):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, FRAMES, resolution=(per_unit, per_unit), resolutionunit=unit)
    assert claimed(path) == (None if expected is None else pytest.approx(expected, rel=1e-4))


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [(0.1, "µm", 100.0), (100.0, "nm", 100.0), (1e-4, "mm", 100.0), (1.0, "pixel", None)],
)
def test_ome(tmp_path, size, unit, expected):
    about = {"axes": "TYX"}
    for axis in "XY":
        about |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": unit}
    tifffile.imwrite(tmp_path / "a.ome.tif", FRAMES, metadata=about)
    assert claimed(tmp_path / "a.ome.tif") == (expected and pytest.approx(expected))


def test_no_scale_is_no_pixel_size_and_oblong_pixels_are_told(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", FRAMES)
    assert claimed(tmp_path / "a.tif") is None
    path = tmp_path / "b.tif"
    tifffile.imwrite(
        path, FRAMES, imagej=True, resolution=(10, 5), metadata={"unit": "um", "axes": "TYX"}
    )
    with pytest.warns(UserWarning, match="100 × 200 nm, which is not square"):
        assert claimed(path) is None


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("µm", 1e3),
        ("μm", 1e3),
        ("microns", 1e3),
        ("Micrometre", 1e3),
        ("&#181;m", 1e3),
        ("s", None),
    ],
)
def test_spellings_of_units(unit, expected):
    assert nm_per_unit(unit) == expected
