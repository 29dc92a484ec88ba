"""Convolution of images with a kernel.

``scipy.signal`` has it too, but brings ``scipy.stats`` with it: most of a second at every start.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy.typing as npt
from scipy.fft import irfftn, next_fast_len, rfftn


def convolved(
    images: npt.NDArray[Any], kernel: npt.NDArray[Any], mode: Literal["same", "valid"]
) -> npt.NDArray[Any]:
    """Convolve images with a kernel along their last two axes.

    Parameters
    ----------
    images, kernel
        Real, with as many axes each; the kernel is not larger. Other axes are broadcast.
    mode
        ``same``: of the images' size, zero beyond their edges. ``valid``: only where the kernel
        lies wholly inside.
    """
    axes = (-2, -1)
    edges = list(zip(images.shape[-2:], kernel.shape[-2:], strict=True))
    fast = [next_fast_len(n + m - 1, real=True) for n, m in edges]
    product = rfftn(images, fast, axes=axes) * rfftn(kernel, fast, axes=axes)
    whole: npt.NDArray[Any] = irfftn(product, fast, axes=axes)
    if mode == "same":
        rows, columns = (slice((m - 1) // 2, (m - 1) // 2 + n) for n, m in edges)
    else:
        rows, columns = (slice(m - 1, n) for n, m in edges)
    return whole[..., rows, columns]
