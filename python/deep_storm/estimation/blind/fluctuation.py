"""How strongly the light of blinking emitters fluctuates, with a PSF that is known.

The covariance of pixels over time (:mod:`~deep_storm.estimation.blind.covariance`) has the
amplitude ρ⟨N²⟩, however closely the emitters lie and on whatever structure: where no fit can tell
them apart, it still tells few bright ones from many dim ones. It is taken from differences of
frames so far apart that other emitters are on, so that what changes slowly (bleaching, drift)
does not count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from deep_storm.estimation.blind.covariance import amplitude, lagged_covariances

Float32 = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]

ON_TIMES = 4.0
"""So many mean on-times later hardly any emitter is still on."""
PARTS = 8
"""Of a movie, from whose differences the error is found."""


class Fluctuation(NamedTuple):
    """``per_px``: ρ⟨N²⟩, photons² per pixel; ``error``: its standard error, relative."""

    per_px: float
    error: float


def fluctuation(
    windows: Sequence[Float32], overlap: FloatArray, seen_frames: float
) -> Fluctuation | None:
    """Return how strongly the light of emitters fluctuates.

    Parameters
    ----------
    windows
        Parts of a movie, photons (t, y, x) each.
    overlap
        ∫ h(r) h(r + d) dr of the PSF, d = 0 in the middle.
    seen_frames
        In how many frames in a row an emitter is seen.

    Returns
    -------
    None where there are too few frames, or nothing fluctuates.
    """
    apart = math.ceil(ON_TIMES * seen_frames) if seen_frames > 1 else 1
    reach = len(overlap) // 2
    found = []
    for window in windows:
        differences = window[apart:] - window[:-apart]
        if len(differences) < 2 * PARTS:
            return None
        weight = np.ones(window.shape[1:])
        for part in np.array_split(differences, PARTS):
            covariance = lagged_covariances(part, weight, reach, 1, centred=False)[0] / 2.0
            found.append(amplitude(covariance, overlap))
    mean, error = float(np.mean(found)), float(np.std(found) / math.sqrt(len(found)))
    return Fluctuation(mean, error / mean) if mean > 0 else None
