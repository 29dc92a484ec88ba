"""One way to compile a loop: by numba, without Python's interpreter lock, cached on disk.

::

    @kernel
    def total(values): ...

    @kernel(fastmath=True)      # NaN and infinity must not get in
    def light(values): ...

What was compiled is kept for other processes (:mod:`~deep_storm.kept_kernels`).

With ``NUMBA_BOUNDSCHECK=1`` an index beyond an array is an IndexError instead of damage.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar, overload

import numba
import numpy as np
import numpy.typing as npt

from deep_storm.kept_kernels import KeptKernel, config, folder_of_kernels

Index: Any = np.uintp
"""An index in a kernel. Of signed ones numba sees whether they are negative, which takes as long as
what is done in a short loop."""
Whole: Any = np.int64
"""A number that changes in a kernel. Of a plain 0 that it begins with, numba compiles whatever is
called with it once more."""
Kernel = TypeVar("Kernel", bound=Callable[..., Any])
ROOM_FOR_FRAMES = 1 << 17
"""Values; Python gets a piece for at least twice as many, of which memory is taken when used."""


@overload
def kernel(function: Kernel) -> Kernel: ...


@overload
def kernel(
    *,
    fastmath: bool = False,
    parallel: bool = False,
    inline: str = "never",
    error_model: str = "python",
) -> Callable[[Kernel], Kernel]: ...


def kernel(function: Kernel | None = None, **options: Any) -> Any:
    """Compile a function at its first call.

    Parameters
    ----------
    function
        Loops over arrays and numbers, as numba takes them.
    options
        ``fastmath``, ``parallel``, ``inline`` and ``error_model`` of :func:`numba.njit`. With the
        error model ``numpy`` a division by zero is no ZeroDivisionError: the processor divides
        several numbers at a time only where nothing looks for that.

    Returns
    -------
    The compiled function; other threads run meanwhile.
    """
    if function is None:
        return lambda decorated: _compiled(decorated, options)
    return _compiled(function, options)


def plain(values: npt.ArrayLike, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return values as a writable, contiguous array of a type; a copy only if they are none.

    Numba compiles a kernel for each kind of array that it is given: read-only ones (columns of a
    table) and parts of others are kinds of their own.
    """
    return np.require(values, dtype, ["C", "W"])


def _compiled(function: Kernel, options: dict[str, Any]) -> Any:
    compiled = numba.njit(nogil=True, **options)(function)
    compiled._compile_for_args = partial(_with_room_for_frames, compiled._compile_for_args)
    if folder_of_kernels() is not None and not config.DISABLE_JIT:
        # RuntimeError is numba's "cannot cache function"
        with suppress(OSError, RuntimeError):
            compiled._cache = KeptKernel(function, options)
    return compiled


def _with_room_for_frames(compile_for: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Compile a kernel, with room for the frames of all functions that are called meanwhile.

    Python keeps these in pieces of 16 KiB, which it gets from the system when one is full and gives
    back at once. Compiling calls at the edge of a piece, up and down, for seconds. A piece is as
    large as its first frame needs: this function's asks for one that no compilation fills.
    """
    return compile_for(*arguments, **named)


_with_room_for_frames.__code__ = _with_room_for_frames.__code__.replace(
    co_stacksize=ROOM_FOR_FRAMES
)
