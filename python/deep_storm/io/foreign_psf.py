"""Calibrations of other programs as PSF tables.

**ThunderSTORM** (``.yaml``, the class in its first line): σ in pixels over z in nm, along
``x cos(angle) − y sin(angle)`` and ``x sin(angle) + y cos(angle)``::

    PolynomialCalibration:  σ(z) = b + a (z − c)² + d (z − c)³
    DaostormCalibration:    σ(z) = w0/2 · √(1 + u² + a u³ + b u⁴),  u = (z − c)/d

**Picasso** (``.yaml``): polynomials for σ along x and y in pixels, the highest power first; z in nm
is multiplied by the magnification factor.

**SMAP** (``_3dcal.mat``, both kinds of MATLAB file): coefficients of a cubic spline, 64 for each
voxel of (row, column, plane), of which number ``16 i + 4 j + k`` belongs to
``z^i · column^j · row^k``; planes are ``dz`` nm apart and number ``z0``, from 1, is z = 0.

In the first two, each plane of the table is an elliptical Gaussian that is not integrated over the
pixels: a pixel gets what it is at its centre, as in the fits of ThunderSTORM and in Picasso's by
least squares. So σ has the pixel in it.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from deep_storm.errors import PsfError
from deep_storm.io.foreign import check_regular, damage_as, read_text
from deep_storm.psf.elliptical import Widths, elliptical_table
from deep_storm.psf.table import SAMPLES_PER_PX, PsfTable

FloatArray = npt.NDArray[np.float64]

STEP_NM = 50.0
REACH_NM = 600.0
"""Depths on either side of the middle between both foci, where a file does not say them."""
MAX_WIDER = 4.0
"""Planes in which a sigma is so many times its least are left out: no fit reached there."""
MAX_MAT_BYTES = 1 << 30
MAX_COEFFICIENTS = 200_000_000
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_TURN = 1e-6
"""A smaller angle (rad) is none."""


def read_calibration(path: Path, pixel_size_nm: float) -> PsfTable:
    """Read ThunderSTORM's or Picasso's calibration of an astigmatic PSF.

    Raises
    ------
    PsfError
        It is neither, or damaged.
    """
    text = read_text(path, PsfError, "a calibration of ThunderSTORM or Picasso")
    if "X Coefficients" in text:
        return _picasso(text, path, pixel_size_nm)
    if "Calibration" in text and re.search(r"\bc1\b", text):
        return _thunderstorm(text, path, pixel_size_nm)
    raise _is_none(path, "it has neither ThunderSTORM's nor Picasso's parameters")


def _is_none(path: Path, reason: str) -> PsfError:
    return PsfError(
        f"{path} is not a 3D calibration ({reason})",
        "a calibration of ThunderSTORM or Picasso (.yaml), or of SMAP (_3dcal.mat)",
        "export it again, or calibrate on beads with `deep-storm calibrate-psf`",
    )


def _thunderstorm(text: str, path: Path, pixel_size_nm: float) -> PsfTable:
    found = {
        name: float(value)
        for name, value in re.findall(rf"[\"']?\b(\w+)[\"']?\s*:\s*({NUMBER})(?![\w.])", text)
    }
    missing = [n for n in ("a1", "b1", "c1", "a2", "b2", "c2") if n not in found]
    if missing:
        raise _is_none(path, f"{', '.join(missing)} missing")
    if re.search(r"isBiplane[\"']?\s*:\s*true", text):
        raise PsfError(
            f"{path} is a calibration of two planes",
            "one of a cylindrical lens",
            "calibrate on beads with `deep-storm calibrate-psf`",
        )
    defocus = "Polynomial" not in text
    if defocus and not all(found.get(n) for n in ("w01", "w02", "d1", "d2")):
        raise _is_none(path, "w01, w02, d1 or d2 missing")

    def sigma(z_nm: FloatArray, axis: int) -> FloatArray:
        w0, a, b, c, d = (found.get(f"{name}{axis}", 0.0) for name in ("w0", "a", "b", "c", "d"))
        if not defocus:
            return b + a * (z_nm - c) ** 2 + d * (z_nm - c) ** 3
        u = (z_nm - c) / d
        return 0.5 * w0 * np.sqrt(np.maximum(1 + u**2 + a * u**3 + b * u**4, 0.0))

    middle = 0.5 * (found["c1"] + found["c2"])
    z_nm = middle + np.arange(-REACH_NM, REACH_NM + 1.0, STEP_NM, dtype=np.float64)
    sigmas = sigma(z_nm, 1), sigma(z_nm, 2)
    # y points down: what turns from x to -y is counted the other way round in a table.
    angle = -found.get("angle", 0.0)
    return _of_widths(path, z_nm, sigmas, pixel_size_nm, angle)


def _picasso(text: str, path: Path, pixel_size_nm: float) -> PsfTable:
    coefficients = [_listed(text, f"{axis} Coefficients", path) for axis in "XY"]

    def single(name: str, otherwise: float) -> float:
        match = re.search(rf"{name}[\"']?\s*:\s*({NUMBER})", text)
        return float(match[1]) if match else otherwise

    magnification = single("Magnification factor", 1.0)
    planes, step_nm = single("Number of frames", 0.0), single("Step size in nm", 0.0)
    reach_nm = 0.5 * (planes - 1) * step_nm if planes > 1 and step_nm > 0 else REACH_NM
    if not magnification > 0:
        raise _is_none(path, f"a magnification factor of {magnification:g}")
    steps = max(math.floor(reach_nm / STEP_NM), 2)
    z_nm = np.arange(-steps, steps + 1, dtype=np.float64) * STEP_NM
    x_px, y_px = (np.asarray(np.polyval(c, z_nm), np.float64) for c in coefficients)
    return _of_widths(path, z_nm * magnification, (x_px, y_px), pixel_size_nm)


def _listed(text: str, name: str, path: Path) -> list[float]:
    """Return the numbers of a list, in either of YAML's two forms."""
    start = text.index(name) + len(name) if name in text else -1
    match = re.match(r"[\"']?\s*:\s*(\[[^\]]*\]|(?:\s*-\s+[-+.\deE]+)+)", text[start:])
    if start < 0 or match is None:
        raise _is_none(path, f"{name} missing")
    listed = match[1]
    if listed.startswith("["):
        return [float(n) for n in re.findall(NUMBER, listed)]
    return [float(n) for n in re.findall(rf"-\s+({NUMBER})", listed)]


def _of_widths(
    path: Path,
    z_nm: FloatArray,
    sigma_px: tuple[FloatArray, FloatArray],
    pixel_size_nm: float,
    angle: float = 0.0,
) -> PsfTable:
    """Return the table of the depths around the focus at which both sigmas make sense."""
    low = [float(s[s > 0].min()) if (s > 0).any() else np.inf for s in sigma_px]
    good = np.all([(s > 0) & (s < MAX_WIDER * m) for s, m in zip(sigma_px, low, strict=True)], 0)
    focus = int(np.argmin(np.where(good, sigma_px[0] ** 2 + sigma_px[1] ** 2, np.inf)))
    if not good[focus] or not 0.2 < min(low) <= max(low) < 20:
        raise _is_none(path, f"widths of {min(low):.3g} and {max(low):.3g} px in focus")
    bad = np.flatnonzero(~good)
    first = int(bad[bad < focus].max(initial=-1)) + 1
    last = int(bad[bad > focus].min(initial=len(z_nm)))
    kept = slice(first, last)
    if last - first < 3:
        raise _is_none(path, "its widths make sense only in focus")
    x_nm, y_nm = (s[kept] * pixel_size_nm for s in sigma_px)
    turn = 0.0 if abs(angle) < _TURN else angle
    widths = Widths(z_nm[kept], x_nm, y_nm)
    return elliptical_table(widths, pixel_size_nm, turn, integrated=False)


def read_smap(path: Path, pixel_size_nm: float) -> PsfTable:
    """Read SMAP's spline; of several parts of the field, or channels, the first.

    Raises
    ------
    PsfError
        It is none, or damaged.
    """

    def is_none(reason: str) -> PsfError:
        return _is_none(path, reason)

    check_regular(path, PsfError, "a calibration of SMAP", MAX_MAT_BYTES)
    with damage_as(is_none):
        newer = h5py.is_hdf5(path)
        coefficients, dz_nm, z0 = _newer_smap(path) if newer else _older_smap(path)
        if coefficients.ndim != 4 or coefficients.shape[3] != 64:
            raise ValueError(f"coefficients of shape {coefficients.shape}")
        if not (np.isfinite(coefficients).all() and dz_nm > 0 and math.isfinite(z0)):
            raise ValueError("values that are not finite")
        return _of_spline(coefficients, dz_nm, z0, pixel_size_nm)


def _older_smap(path: Path) -> tuple[FloatArray, float, float]:
    from scipy.io import loadmat, whosmat

    if not any(name == "SXY" for name, _, _ in whosmat(path)):
        raise ValueError("no SXY")
    found = loadmat(path, variable_names=["SXY"], squeeze_me=True, struct_as_record=False)["SXY"]
    spline = np.atleast_1d(found).ravel()[0].cspline
    coefficients = np.asarray(spline.coeff)
    if coefficients.dtype.hasobject:
        coefficients = np.asarray(coefficients.ravel()[0])
    z0, dz = (float(np.ravel(value)[0]) for value in (spline.z0, spline.dz))
    return coefficients.astype(np.float64), dz, z0


def _newer_smap(path: Path) -> tuple[FloatArray, float, float]:
    with h5py.File(path, "r") as file:
        spline = _followed(file, _followed(file, file["SXY"])["cspline"])
        stored = _followed(file, spline["coeff"])
        if stored.size > MAX_COEFFICIENTS or stored.is_virtual or stored.external:
            raise ValueError("coefficients that are too large, or in another file")
        coefficients = np.asarray(stored[()], dtype=np.float64).transpose()
        z0, dz = (float(np.ravel(_followed(file, spline[name])[()])[0]) for name in ("z0", "dz"))
    return coefficients, dz, z0


def _followed(file: h5py.File, member: Any) -> Any:
    """Return what a member of a MATLAB file stands for: itself, or the first that it refers to."""
    if isinstance(member, h5py.Dataset) and member.dtype.hasobject:
        return file[np.ravel(member[()])[0]]
    return member


def _of_spline(coefficients: FloatArray, dz_nm: float, z0: float, pixel_size_nm: float) -> PsfTable:
    """Return the table of a spline: its values at the planes, between pixels as it has them."""
    rows, columns, planes, _ = coefficients.shape
    reach = (min(rows, columns) - 1) // 2
    samples = SAMPLES_PER_PX
    at = np.arange(-reach * samples, reach * samples + 1) / samples
    row, down = _voxels(at + rows // 2, rows)
    column, across = _voxels(at + columns // 2, columns)
    values = np.zeros((planes, at.size, at.size))
    for j in range(4):
        for k in range(4):
            part = coefficients[:, :, :, 4 * j + k][np.ix_(row, column)]
            values += np.moveaxis(part * (down**k)[:, None, None] * (across**j)[:, None], 2, 0)
    values = np.maximum(values, 0.0)
    share = float((values.sum(axis=(1, 2)) / samples**2).max())
    z_nm = (np.arange(planes, dtype=np.float64) + 1.0 - z0) * dz_nm
    table = PsfTable(
        (values / max(share, 1.0)).astype(np.float32), z_nm, pixel_size_nm, samples, "beads"
    )
    return table.centred(refocused=False)


def _voxels(at: FloatArray, count: int) -> tuple[npt.NDArray[np.int64], FloatArray]:
    """Return the voxel and the fraction in it of some places."""
    first = np.clip(np.floor(at).astype(np.int64), 0, count - 1)
    return first, at - first
