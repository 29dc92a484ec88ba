"""Sums over the pixels of a window that a step of the joint fit takes.

In float32, which is right to a millionth and twice as fast.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from deep_storm.kernels import Index, kernel
from deep_storm.refinement.prior import PARAMETERS, Values


@kernel(fastmath=True, error_model="numpy")
def fill_slope(factor: Any, inverse: Any, share: Any, out: Any) -> None:
    """Multiply: one loop for each slope, or the compiler does not take several pixels at a time."""
    for n in range(Index(inverse.size)):
        out[n] = factor * inverse[n] * share[n]


@kernel(fastmath=True, error_model="numpy")
def fill_slopes(p: Values, shares: Any, inverse: Any, out: Any) -> None:
    """Fill in the derivatives of the expected photons, each times ``inverse`` of its pixel."""
    for k in range(p.shape[0]):
        photons = np.float32(p[k, 2])
        for a in range(PARAMETERS):  # x, y, photons, shape
            part = a + 1 if a < 2 else 0 if a == 2 else a
            factor = np.float32(1.0) if a == 2 else photons
            fill_slope(factor, inverse, shares[k, part].reshape(-1), out[PARAMETERS * k + a])


@kernel(fastmath=True, error_model="numpy")
def fill_pull(data: Values, mean: Values, excess: float, inverse: Any, pull: Any) -> None:
    """Fill in one over the standard deviation of each pixel, and how many of these it is off."""
    seen, expected, noise = data.reshape(-1), mean.reshape(-1), np.float32(excess)
    for n in range(Index(inverse.size)):
        inverse[n] = np.float32(1.0) / np.sqrt(np.float32(expected[n]) * noise)
        pull[n] = np.float32(seen[n] - expected[n]) * inverse[n]


@kernel(fastmath=True, error_model="numpy")
def multiply_slopes(slopes: Any, pull: Any, gradient: Values, information: Values) -> None:
    """Fill in the slopes' products with the pull, and with each other below the diagonal.

    Eight sums at a time, of two slopes with four: each number that is read is used more often.
    """
    pixels = Index(pull.size)
    for b in range(0, gradient.size, 4):
        p, q, r, s = slopes[b], slopes[b + 1], slopes[b + 2], slopes[b + 3]
        one = two = three = four = np.float32(0.0)
        for n in range(pixels):
            one += pull[n] * p[n]
            two += pull[n] * q[n]
            three += pull[n] * r[n]
            four += pull[n] * s[n]
        gradient[b], gradient[b + 1], gradient[b + 2], gradient[b + 3] = one, two, three, four
        for a in range(b, gradient.size, 2):
            u, v = slopes[a], slopes[a + 1]
            one = two = three = four = five = six = seven = eight = np.float32(0.0)
            for n in range(pixels):
                one += u[n] * p[n]
                two += u[n] * q[n]
                three += u[n] * r[n]
                four += u[n] * s[n]
                five += v[n] * p[n]
                six += v[n] * q[n]
                seven += v[n] * r[n]
                eight += v[n] * s[n]
            here, below = information[a], information[a + 1]
            here[b], here[b + 1], here[b + 2], here[b + 3] = one, two, three, four
            below[b], below[b + 1], below[b + 2], below[b + 3] = five, six, seven, eight
