"""Logarithm and exponential of compiled loops."""

import numpy as np

from deep_storm.elementary import exponential, logarithm
from deep_storm.kernels import kernel


@kernel(fastmath=True, error_model="numpy")
def logarithms(values, out):
    for n in range(values.size):
        out[n] = logarithm(values[n])


@kernel(fastmath=True, error_model="numpy")
def exponentials(values, out):
    for n in range(values.size):
        out[n] = exponential(values[n])


def test_the_logarithm_is_that_of_the_library():
    values = np.concatenate(
        [np.exp(np.linspace(-700.0, 700.0, 20_001)), [0.05, 0.75, 1.0, 1.5, 2.0, 1e-300, 1e300]]
    )
    values = np.concatenate([values, np.nextafter(values, 0.0), np.nextafter(values, np.inf)])
    found = np.empty_like(values)
    logarithms(values, found)
    exact = np.log(values)
    assert np.abs(found - exact).max() < 2e-12 * np.abs(exact).max()
    near = np.abs(exact) < 20.0
    assert np.abs(found - exact)[near].max() < 2e-11


def test_the_exponential_is_that_of_the_library_and_never_infinite():
    values = np.concatenate([np.linspace(-700.0, 700.0, 20_001), np.linspace(-1.0, 1.0, 2001)])
    found = np.empty_like(values)
    exponentials(values, found)
    assert np.abs(found / np.exp(values) - 1.0).max() < 1e-12
    far = np.array([-1e6, 1e6])
    exponentials(far, found)
    assert np.abs(found[:2] / np.exp([-700.0, 700.0]) - 1.0).max() < 1e-12
