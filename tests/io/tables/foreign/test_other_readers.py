"""What we write, read by the programs themselves: locan and Picasso.

locan is a development dependency. Picasso brings a user interface and forty packages, so it is
none. To run its test, too, make an environment for it::

    python -m venv readers
    readers/bin/pip install -e ".[dev]" picassosr
    readers/bin/python -m pytest tests/io/tables/foreign/test_other_readers.py
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import deep_storm as ds
from deep_storm.io.tables.files import write_table

WHY = "not installed; see the top of this file"
CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)


@pytest.fixture
def table():
    """Fifty localizations, none within half a pixel of the edge."""
    rng = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "frame": np.sort(rng.integers(0, 20, 50)),
            "x_nm": rng.uniform(200, 4800, 50),
            "y_nm": rng.uniform(200, 4800, 50),
            "sigma_nm": rng.uniform(100, 140, 50),
            "intensity_photon": rng.uniform(500, 3000, 50),
            "background_photon": rng.uniform(5, 20, 50),
            "uncertainty_xy_nm": rng.uniform(5, 20, 50),
        }
    )


@pytest.mark.parametrize("name", ["a.csv", "a_sml.mat"])
def test_locan_reads_it(tmp_path, table, name):
    locan = pytest.importorskip("locan", reason=f"locan is {WHY}")
    write_table(tmp_path / name, table, camera=CAMERA)
    read = locan.load_SMAP_file if name.endswith(".mat") else locan.load_thunderstorm_file
    found = read(tmp_path / name).data
    assert len(found) == len(table)
    np.testing.assert_allclose(found["position_x"], table["x_nm"], atol=1e-3)
    np.testing.assert_allclose(found["position_y"], table["y_nm"], atol=1e-3)


def test_picasso_reads_it(tmp_path, table):
    io = pytest.importorskip("picasso.io", reason=f"Picasso is {WHY}")
    write_table(tmp_path / "a.hdf5", table, camera=CAMERA)
    found, about = io.load_locs(str(tmp_path / "a.hdf5"))
    assert len(found) == len(table)
    frames = np.asarray(found["frame"])
    np.testing.assert_array_equal(frames, table["frame"])
    # Picasso counts pixels from the centre of the first one
    np.testing.assert_allclose(np.asarray(found["x"]), table["x_nm"] / 100 - 0.5, atol=1e-4)
    assert about
