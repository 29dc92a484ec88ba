"""Which brightness of molecules makes simulated frames most like a movie.

A few brightnesses are simulated; between them the answers of the network follow a polynomial. What
fits and estimates are known to find before counts, too, and so does how strongly the light of the
molecules fluctuates, which depends on no answer.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

Values = npt.NDArray[np.float64]

ERRORS = np.array([0.025, 0.025, 0.02])
"""Of number and mean photons (relative), and of the relative spread."""


class Known(NamedTuple):
    """What is known of photons before, from what fits and estimates find on simulation.

    ``share``: natural logarithm of the photons over those found, ``spread``: their relative
    standard deviation (in the constants below over that found), ``light``: natural logarithm of all
    light over that found; ``errors``: of the logarithm, of the spread, and of the logarithm of the
    light. ``fluctuating``: natural logarithm of ρ⟨N²⟩ over ρN² as found, and its error.
    ``density_error``: of the logarithm of how dense molecules are where they were looked at.
    """

    share: float
    spread: float
    light: float
    errors: tuple[float, float, float]
    fluctuating: tuple[float, float] | None = None
    density_error: float = 0.0


ANYWHERE = Known(0.0, 1.0, 0.03, (0.4, 0.3, 0.06))
ON_STRUCTURES = Known(-0.4, 1.3, 0.03, (0.4, 0.3, 0.06))
"""On simulated filaments fits had up to 120 % too many photons, and too narrow a spread."""
ESTIMATED = Known(0.0, 1.0, 0.0, (0.05, 0.15, 0.03))
"""An estimate without fits, for a Gaussian PSF, is right in the mean, wherever molecules lie: on
simulation within 7 % where it states less than 6 %."""
MOST_DENSER = 0.7
"""Natural logarithm of how much denser a part of the field may be than its light says."""


def known_before(relative: float, uniform: bool, estimated: float | None) -> Known:
    """Return what is known of photons before.

    Parameters
    ----------
    relative
        Standard deviation over mean that was found.
    uniform
        Whether molecules are anywhere.
    estimated
        Relative error of the photons, where an estimate without fits has found them; None: a fit.
    """
    known = ANYWHERE if uniform else ON_STRUCTURES
    if estimated is not None:
        share, spread, light = ESTIMATED.errors
        known = ESTIMATED._replace(errors=(math.hypot(share, estimated), spread, light))
    return known._replace(spread=known.spread * relative)


def most_alike(
    tried: Values, given: Values, seen: Values, known: Known
) -> tuple[float, float, float]:
    """Return the place whose answers are most like the movie's.

    Parameters
    ----------
    tried
        ``(n, 3)``, logarithm of the share, spread of photons, and logarithm of the light.
    given, seen
        ``(n, 3)`` and ``(3,)``, answers on simulation and on the movie.
    known
        What is known before.
    """
    answers = np.column_stack([given[:, :2] / seen[:2], given[:, 2] - seen[2]])
    coefficients, *_ = np.linalg.lstsq(_smooth(tried), answers, rcond=None)
    expected = np.array([known.share, known.spread, known.light])

    def unlike(parameters: Values) -> float:
        place, denser = parameters[:3], float(parameters[3])
        number, photons, spread = _smooth(place[None])[0] @ coefficients
        off = np.array([number * math.exp(denser) - 1.0, photons - 1.0, spread]) / ERRORS
        before = (place - expected) / known.errors
        if known.density_error > 0:
            before = np.append(before, denser / known.density_error)
        return float(off @ off + before @ before) + _fluctuates_otherwise(parameters, known)

    most = MOST_DENSER if known.density_error > 0 else 0.0
    ends = [*zip(tried.min(axis=0), tried.max(axis=0), strict=True), (-most, most)]
    starts = np.column_stack([tried, np.zeros(len(tried))])
    start = starts[int(np.argmin([unlike(one) for one in starts]))]
    share, spread, light, _ = minimize(unlike, start, bounds=ends).x.tolist()
    return share, spread, light


def _fluctuates_otherwise(parameters: Values, known: Known) -> float:
    """Return how much (squared errors) the light of a place fluctuates otherwise than the movie's.

    ρ⟨N²⟩ is the light ρ⟨N⟩ times ⟨N⟩ times one and the square of the relative spread.
    """
    if known.fluctuating is None:
        return 0.0
    logarithm, error = known.fluctuating
    share, spread, light, denser = parameters.tolist()
    return float(((light + denser + share + math.log1p(spread**2) - logarithm) / error) ** 2)


def _smooth(places: Values) -> Values:
    """Return the terms of a polynomial in share, spread (second degree) and light, (n, 9)."""
    a, b, c = places.T
    return np.stack([np.ones_like(a), a, b, c, a * a, a * b, b * b, a * c, b * c], axis=1)
