"""Drift as a file that ThunderSTORM loads (*Drift correction > Load from file*): JSON.

::

    {"scale": 1.0,
     "xFunction": {"knots": [1.0, 30.0, 90.0], "n": 2,
                   "polynomials": [{"coefficients": [0.0, 0.4]}, {"coefficients": [11.6, 0.4]}]},
     "yFunction": {…},
     "driftDataFrame": [30.0, …], "driftDataX": [11.6, …], "driftDataY": [6.1, …],
     "minFrame": 1, "maxFrame": 600, "units": "NANOMETER"}

From one knot to the next a polynomial of the distance from that knot gives the drift, its
coefficients from the constant on. ``driftData…`` is what was measured, for its plot. Frames count
from 1; what is subtracted from a position is the drift of its frame. A drift along z is a further
``zFunction``, with knots of its own, which ThunderSTORM passes over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.errors import TableError
from deep_storm.io.files import atomic_path
from deep_storm.io.foreign import damage_as, read_text

FloatArray = npt.NDArray[np.float64]

_NM = {"NANOMETER": 1.0, "nm": 1.0, "MICROMETER": 1000.0, "um": 1000.0}
_PX = ("PIXEL", "px")
_EXPECTED = "a drift that ThunderSTORM or correct-drift saved (JSON)"
MAX_BYTES = 1 << 27
MAX_PIECES = 1 << 20
MAX_COEFFICIENTS = 32
"""Of a piece's polynomial; ThunderSTORM's are cubic."""


@dataclass(frozen=True)
class Drift:
    """Displacement of the sample in each frame.

    Attributes
    ----------
    knots
        (k + 1,) frames from 0, rising: pieces reach from one to the next.
    x, y
        (k, p) nm, coefficients of each piece's polynomial, from the constant on, of the frames
        since its knot.
    measured_frame, measured_nm
        (m,) and (m, 2): what was measured, before it was made smooth.
    z_knots, z
        The same for z; None where only x and y are known.
    """

    knots: FloatArray
    x: FloatArray
    y: FloatArray
    measured_frame: FloatArray
    measured_nm: FloatArray
    z_knots: FloatArray | None = None
    z: FloatArray | None = None

    def z_at(self, frame: npt.NDArray[Any]) -> FloatArray:
        """Return the drift of frames (from 0) along z in nm, (n,); 0 where it is not known."""
        if self.z_knots is None or self.z is None:
            return np.zeros(np.shape(frame))
        return _evaluated(self.z_knots, [self.z], frame)[..., 0]

    def at(self, frame: npt.NDArray[Any]) -> FloatArray:
        """Return the drift of frames (from 0) as (n, 2) nm, constant beyond the ends."""
        return _evaluated(self.knots, [self.x, self.y], frame)


def _evaluated(
    knots: FloatArray, axes: Sequence[FloatArray], frame: npt.NDArray[Any]
) -> FloatArray:
    """Return the values of piecewise polynomials, (n, axes)."""
    where = np.clip(np.asarray(frame, dtype=np.float64), knots[0], knots[-1])
    piece = np.clip(np.searchsorted(knots, where, side="right") - 1, 0, len(axes[0]) - 1)
    since = where - knots[piece]
    values = np.zeros((*where.shape, len(axes)))
    for k, coefficients in enumerate(axes):
        for power in reversed(range(coefficients.shape[1])):
            values[..., k] = values[..., k] * since + coefficients[piece, power]
    return values


def write_drift(path: str | os.PathLike[str], drift: Drift, overwrite: bool = False) -> None:
    """Write a drift file for ThunderSTORM.

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    knots = (drift.knots + 1).tolist()
    content: dict[str, Any] = {
        "scale": 1.0,
        "xFunction": _described(drift.knots, drift.x),
        "yFunction": _described(drift.knots, drift.y),
        "driftDataFrame": (drift.measured_frame + 1).tolist(),
        "driftDataX": drift.measured_nm[:, 0].tolist(),
        "driftDataY": drift.measured_nm[:, 1].tolist(),
        "minFrame": round(knots[0]),
        "maxFrame": round(knots[-1]),
        "units": "NANOMETER",
    }
    if drift.z_knots is not None and drift.z is not None:
        content["zFunction"] = _described(drift.z_knots, drift.z)
    with atomic_path(path, overwrite) as partial:
        partial.write_bytes(json.dumps(content, allow_nan=False).encode("ascii") + b"\n")


def _described(knots: FloatArray, values: FloatArray) -> dict[str, Any]:
    return {
        "knots": (knots + 1).tolist(),
        "polynomials": [{"coefficients": row} for row in values.tolist()],
        "n": len(values),
    }


def read_drift(path: str | os.PathLike[str], camera: Camera | None = None) -> Drift:
    """Read a drift that ThunderSTORM or :func:`write_drift` saved.

    Parameters
    ----------
    path
        The JSON file.
    camera
        Needed only for a drift in pixels.

    Raises
    ------
    TableError
        The file is missing or no such file, or it is in pixels and there is no camera.
    """
    content = _content(Path(path))
    factor = _factor(content.get("units"), camera, path)
    with damage_as(lambda reason: _no_drift(path, reason)):
        x_knots, x = _function(content["xFunction"])
        y_knots, y = _function(content["yFunction"])
        frames = np.asarray(content.get("driftDataFrame") or [], dtype=np.float64)
        data = [np.asarray(content.get(k) or [], np.float64) for k in ("driftDataX", "driftDataY")]
        measured = np.stack(data, axis=1)
        if not np.array_equal(x_knots, y_knots) or measured.shape != (len(frames), 2):
            raise ValueError("x and y differ in length")
        if not (np.isfinite(frames).all() and np.isfinite(measured).all()):
            raise ValueError("what was measured is not finite")
        z_knots, z = None, None
        if content.get("zFunction") is not None:
            z_knots, z = _function(content["zFunction"])
            z_knots, z = z_knots - 1, z * factor
    width = max(x.shape[1], y.shape[1])
    x, y = (np.pad(v, ((0, 0), (0, width - v.shape[1]))) * factor for v in (x, y))
    return Drift(x_knots - 1, x, y, frames - 1, measured * factor, z_knots, z)


def _content(path: Path) -> Mapping[str, Any]:
    text = read_text(path, TableError, _EXPECTED, MAX_BYTES)
    with damage_as(lambda reason: _no_drift(path, f"it is not JSON: {reason}")):
        content = json.loads(text)
    if not isinstance(content, dict):
        raise _no_drift(path, "it is a list")
    return content


def _function(content: Mapping[str, Any]) -> tuple[FloatArray, FloatArray]:
    """Return knots and coefficients of one axis."""
    knots = np.asarray(content["knots"], dtype=np.float64)
    pieces = content["polynomials"]
    longest = max((len(np.atleast_1d(p["coefficients"])) for p in pieces), default=0)
    if len(pieces) > MAX_PIECES or longest > MAX_COEFFICIENTS:
        raise ValueError(f"{len(pieces)} pieces of up to {longest} coefficients")
    rows = [np.atleast_1d(np.asarray(p["coefficients"], float)) for p in pieces]
    if knots.ndim != 1 or len(knots) != len(rows) + 1 or len(knots) < 2:
        raise ValueError(f"{len(rows)} polynomials need {len(rows) + 1} knots")
    values = np.zeros((len(rows), max(len(row) for row in rows)))
    for i, row in enumerate(rows):
        values[i, : len(row)] = row
    if not (np.isfinite(knots).all() and np.isfinite(values).all() and (np.diff(knots) > 0).all()):
        raise ValueError("knots must rise, and all numbers be finite")
    return knots, values


def _factor(units: Any, camera: Camera | None, path: str | os.PathLike[str]) -> float:
    """Return the factor from the file's unit to nm."""
    if isinstance(units, str) and units in _NM:
        return _NM[units]
    if isinstance(units, str) and units in _PX:
        if camera is None:
            raise TableError(
                f"the drift in {path} is in pixels, and no camera was given",
                "nm, or a camera to convert from pixels",
                "give --camera camera.toml",
            )
        return camera.pixel_size_nm
    raise TableError(
        f"the drift in {path} has the unit {repr(units)[:80]}",
        "NANOMETER or PIXEL",
        "save it again, with its units",
    )


def _no_drift(path: str | os.PathLike[str], reason: str) -> TableError:
    return TableError(
        f"{path} is not a drift file ({reason})",
        _EXPECTED,
        "choose another file",
    )
