"""Convolution is that of scipy.signal."""

import numpy as np
import pytest
from scipy.signal import fftconvolve

from deep_storm.psf.convolution import convolved


@pytest.mark.parametrize("mode", ["same", "valid"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shapes", [((3, 20, 17), (1, 5, 7)), ((2, 9, 31), (1, 4, 4))])
def test_it_is_that_of_scipy(shapes, dtype, mode):
    rng = np.random.default_rng(2)
    images, kernel = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    found = convolved(images, kernel, mode)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, fftconvolve(images, kernel, mode, axes=(1, 2)))


def test_two_axes_are_enough():
    image, kernel = np.zeros((8, 9)), np.arange(6.0).reshape(2, 3)
    image[4, 5] = 1.0
    np.testing.assert_allclose(convolved(image, kernel, "valid")[3:5, 3:6], kernel, atol=1e-12)
