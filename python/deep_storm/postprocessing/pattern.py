"""Whether points are clustered: Ripley's L and nearest neighbours, compared with chance.

With *K(r)* the mean number of other points within *r* of a point, over the mean density [1]_::

    L(r) = √(K(r) / π),     L(r) − r = 0 for points that know nothing of each other

and *G(r)* the share of points whose nearest neighbour is within *r*. Both are compared with the
same number of points thrown at random into the same rectangle: the *envelope* is the least and the
largest value of all these simulations at each *r* (of 39, random points lie outside it in 5 % of
cases at any one *r*).

The rectangle is closed to a ring at its edges (toroidal correction), so that points near an edge
have as many neighbours as others. Of many points a random part is taken, which leaves *L* as it is;
neighbours of the part are farther away, in the simulations too.

References
----------
.. [1] B. D. Ripley, "Modelling spatial patterns", Journal of the Royal Statistical Society B 39,
   172 (1977). https://doi.org/10.1111/j.2517-6161.1977.tb01615.x
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import SettingsError
from deep_storm.settings import Clustering

Values = npt.NDArray[np.float64]

MAX_POINTS = 10_000
MIN_POINTS = 20
STEPS = 50
TIMES_RADIUS = 10.0


@dataclass(frozen=True, eq=False)
class Pattern:
    """Ripley's L and the nearest neighbours of a table.

    Attributes
    ----------
    distance_nm
        (n,), the distances *r*.
    l_minus_r_nm, l_low_nm, l_high_nm
        (n,), L(r) − r and its envelope.
    nearest, nearest_low, nearest_high
        (n,), share of points with a neighbour within *r*, and its envelope.
    points
        Points that were looked at.
    field_nm
        Width and height of the rectangle.
    simulations
        Random patterns in the envelope.
    """

    distance_nm: Values
    l_minus_r_nm: Values
    l_low_nm: Values
    l_high_nm: Values
    nearest: Values
    nearest_low: Values
    nearest_high: Values
    points: int
    field_nm: tuple[float, float]
    simulations: int

    @property
    def scale_nm(self) -> float | None:
        """Distance at which L(r) − r is largest, if it is above the envelope there."""
        best = int(np.argmax(self.l_minus_r_nm))
        clustered = self.l_minus_r_nm[best] > self.l_high_nm[best]
        return float(self.distance_nm[best]) if clustered else None

    def table(self) -> pd.DataFrame:
        """Return the curves as a table."""
        return pd.DataFrame(
            {
                "r [nm]": self.distance_nm,
                "L(r)-r [nm]": self.l_minus_r_nm,
                "L low [nm]": self.l_low_nm,
                "L high [nm]": self.l_high_nm,
                "G(r)": self.nearest,
                "G low": self.nearest_low,
                "G high": self.nearest_high,
            }
        )


def point_pattern(table: pd.DataFrame, settings: Clustering = Clustering()) -> Pattern | None:
    """Compare the positions of a table with random ones.

    Parameters
    ----------
    table
        Columns ``x_nm`` and ``y_nm``, finite.
    settings
        Reach, simulations, seed.

    Returns
    -------
    None when there are fewer than 20 points, when they lie on a line, or without simulations.

    Raises
    ------
    SettingsError
        The reach is more than a quarter of the field.
    """
    rng = np.random.default_rng(settings.seed)
    points = table[["x_nm", "y_nm"]].to_numpy(np.float64)
    if len(points) < MIN_POINTS or not settings.simulations:
        return None
    # The largest coordinate must lie inside: a ring has only one of its two ends.
    field = np.ptp(points, axis=0) * (1 + 1 / len(points))
    if field.min() <= 0:
        return None
    reach_nm = _reach_nm(settings, field)
    points = points - points.min(axis=0)
    if len(points) > MAX_POINTS:
        points = points[rng.choice(len(points), MAX_POINTS, replace=False)]
    distance_nm = np.linspace(reach_nm / STEPS, reach_nm, STEPS)
    seen = _curves(points, field, distance_nm)
    random = [
        _curves(rng.uniform(0, field, points.shape), field, distance_nm)
        for _ in range(settings.simulations)
    ]
    ripley, nearest = (np.array([one[k] for one in random]) for k in range(2))
    return Pattern(
        distance_nm,
        seen[0],
        ripley.min(axis=0),
        ripley.max(axis=0),
        seen[1],
        nearest.min(axis=0),
        nearest.max(axis=0),
        len(points),
        (float(field[0]), float(field[1])),
        settings.simulations,
    )


def _reach_nm(settings: Clustering, field: Values) -> float:
    most = float(field.min()) / 4
    if settings.reach_nm is None:
        return min(TIMES_RADIUS * settings.distance_nm, most)
    if settings.reach_nm > most:
        raise SettingsError(
            f"reach_nm is {settings.reach_nm:g} in a field of {field[0]:.4g} × {field[1]:.4g} nm",
            f"at most a quarter of its shorter edge, {most:.4g} nm",
            "make it smaller",
        )
    return settings.reach_nm


def _curves(points: Values, field: Values, distance_nm: Values) -> tuple[Values, Values]:
    """Return L(r) − r and G(r) of points in a rectangle with periodic boundaries."""
    from scipy.spatial import cKDTree

    count = len(points)
    tree = cKDTree(points, boxsize=field)
    pairs = np.asarray(tree.count_neighbors(tree, distance_nm), np.float64) - count
    ripley = np.sqrt(pairs * field.prod() / (count * (count - 1)) / np.pi) - distance_nm
    nearest = np.sort(np.asarray(tree.query(points, k=[2])[0])[:, 0])
    share = np.searchsorted(nearest, distance_nm, side="right") / count
    return ripley, share
