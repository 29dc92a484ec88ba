"""The logarithm of the fits."""

import numpy as np

from deep_storm.kernels import kernel
from deep_storm.refinement.logarithm import logarithm


@kernel(fastmath=True, error_model="numpy")
def all_of(values, out):
    for n in range(values.size):
        out[n] = logarithm(values[n])


def test_it_is_that_of_the_library():
    values = np.concatenate(
        [np.exp(np.linspace(-700.0, 700.0, 20_001)), [0.05, 0.75, 1.0, 1.5, 2.0, 1e-300, 1e300]]
    )
    values = np.concatenate([values, np.nextafter(values, 0.0), np.nextafter(values, np.inf)])
    found = np.empty_like(values)
    all_of(values, found)
    exact = np.log(values)
    assert np.abs(found - exact).max() < 2e-12 * np.abs(exact).max()
    near = np.abs(exact) < 20.0
    assert np.abs(found - exact)[near].max() < 2e-11
