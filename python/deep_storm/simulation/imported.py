"""Whether a ground truth belongs to a stack.

Frames in common, coordinates inside the field and in nm, and light where the emitters are: a
truth that is swapped, mirrored, shifted or of another stack would train a network on nonsense.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, TableError
from deep_storm.io.stacks.stream import FrameStream

MAX_OUTSIDE_PX = 5.0
"""Emitters that are farther outside cannot be seen; no simulation keeps them."""
FRAMES_LOOKED_AT = 20
MAX_FACTOR = 2.0
"""Light that no ground truth has (haze) and light that falls outside of the field are less."""
ROUNDED_ADU = 1.0
"""Whole numbers, and no negative ones, are off by less than this in the mean."""
MIN_EMITTERS = 30
"""Below that many, chance may put emitters on dark pixels."""
SIGNIFICANT = 4.0
"""Light at the emitters is this many standard errors above the mean of the frames."""


def check_truth(truth: pd.DataFrame, stream: FrameStream, pixel_size_nm: float) -> None:
    """Check that a ground truth describes a stack; looks at some frames with emitters.

    Parameters
    ----------
    truth
        Columns ``frame`` (from 0), ``x_nm``, ``y_nm``.
    stream
        The stack.
    pixel_size_nm
        Edge of its pixels.

    Raises
    ------
    TableError
        It is a table of localizations, there are no emitters, their frames or positions are not
        the stack's, or the frames are no brighter where emitters are.
    """
    if "uncertainty_xy_nm" in truth:
        raise TableError(
            "the ground truth has uncertainties, as a table of localizations has",
            "the true molecules: ThunderSTORM's Export ground-truth, not Export results",
            "give the ground truth that was exported with this stack",
        )
    _check_frames(truth, stream)
    _check_positions(truth, stream, pixel_size_nm)
    _check_light(truth, stream, pixel_size_nm)


def check_brightness(truth: pd.DataFrame, stream: FrameStream, camera: Camera) -> None:
    """Check that frames are as bright as the truth and a camera say, where the truth says it.

    Raises
    ------
    CameraError
        They are more than twice or less than half as bright.
    """
    if not {"intensity_photon", "bkgstd_photon"} <= set(truth.columns):
        return
    _, height, width = stream.shape
    photons, counts = [], []
    for number in _frames_looked_at(truth):
        rows = truth[truth["frame"] == number]
        inside = (rows["x_nm"] >= 0) & (rows["x_nm"] < width * camera.pixel_size_nm)
        inside &= (rows["y_nm"] >= 0) & (rows["y_nm"] < height * camera.pixel_size_nm)
        values = stream.read(number, number + 1)[0]
        values = values[np.isfinite(values)]
        if not values.size:
            continue
        light = rows["intensity_photon"][inside].sum() / (height * width)
        photons.append(light + np.square(rows["bkgstd_photon"]).mean())
        counts.append(values.mean(dtype=np.float64))
    if not counts:
        return
    expected = float(np.mean(photons)) / camera.photons_per_count
    seen = float(np.mean(counts)) - camera.baseline_adu
    if not np.isfinite(expected) or expected <= 0 or 1 / MAX_FACTOR < seen / expected < MAX_FACTOR:
        return
    if abs(seen - expected) < ROUNDED_ADU:
        return
    raise CameraError(
        f"{stream.name} is {np.mean(counts):.5g} ADU bright on average; with this camera, the "
        f"light of the ground truth makes {camera.baseline_adu + expected:.5g} ADU",
        "the camera that the frames were simulated with",
        "correct baseline_adu, photons_per_adu or em_gain, or give the ground truth of this stack",
    )


def _frames_looked_at(truth: pd.DataFrame) -> list[int]:
    """Return some frames with emitters, from all over the stack."""
    frames = np.unique(truth["frame"].to_numpy(dtype=np.int64))
    chosen = np.linspace(0, len(frames) - 1, min(FRAMES_LOOKED_AT, len(frames))).astype(int)
    return [int(number) for number in np.unique(frames[chosen])]


def _check_frames(truth: pd.DataFrame, stream: FrameStream) -> None:
    count = stream.shape[0]
    if truth.empty:
        raise TableError(
            f"the ground truth of {stream.name} has no emitters",
            "at least one",
            "export it again with its rows",
        )
    first, last = int(truth["frame"].min()), int(truth["frame"].max())
    if first < 0 or last >= count:
        none = "none in common" if first >= count or last < 0 else "not all of them in common"
        raise TableError(
            f"the ground truth has frames {first + 1} to {last + 1}, {stream.name} has frames "
            f"1 to {count}: {none}",
            "frames of the same stack, counted from 1",
            "give the ground truth that was exported with this stack",
        )


def _check_positions(truth: pd.DataFrame, stream: FrameStream, pixel_size_nm: float) -> None:
    _, height, width = stream.shape
    positions = {"x": (truth["x_nm"], width), "y": (truth["y_nm"], height)}
    largest = max(float(truth["x_nm"].max()), float(truth["y_nm"].max()))
    if pixel_size_nm > 2 and len(truth) >= 10 and largest <= max(height, width) + 1:
        raise TableError(
            f"x and y of the ground truth reach {largest:.4g}, and {stream.name} is "
            f"{width * pixel_size_nm:g} × {height * pixel_size_nm:g} nm large",
            "coordinates in nm",
            "they look like pixels: name the columns x [px] and y [px], or export them in nm",
        )
    margin = MAX_OUTSIDE_PX * pixel_size_nm
    for axis, (values, pixels) in positions.items():
        low, high = float(values.min()), float(values.max())
        edge = pixels * pixel_size_nm
        if low < -margin or high > edge + margin:
            raise TableError(
                f"{axis} of the ground truth goes from {low:.5g} to {high:.5g} nm, outside "
                f"{stream.name}",
                f"0 to {edge:g} nm ({pixels} pixels of {pixel_size_nm:g} nm)",
                "check the camera's pixel size, and that table and stack belong together",
            )


def _check_light(truth: pd.DataFrame, stream: FrameStream, pixel_size_nm: float) -> None:
    lit, dark = _contrast(truth, stream, pixel_size_nm)
    if len(lit) < MIN_EMITTERS:
        return
    error = float(np.std(lit)) / np.sqrt(len(lit)) + float(np.std(dark)) / np.sqrt(len(dark))
    if float(np.mean(lit)) > float(np.mean(dark)) + SIGNIFICANT * error:
        return
    raise TableError(
        f"{stream.name} is {np.mean(lit):.5g} ADU bright where the ground truth has emitters and "
        f"{np.mean(dark):.5g} ADU elsewhere",
        "more light at the emitters",
        "check that table and stack belong together, and that x and y are not swapped",
    )


def _contrast(
    truth: pd.DataFrame, stream: FrameStream, pixel_size_nm: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the pixel values at emitters and those of the pixels without any."""
    _, height, width = stream.shape
    lit, dark = [], []
    for number in _frames_looked_at(truth):
        rows = truth[truth["frame"] == number]
        column = np.floor(rows["x_nm"].to_numpy() / pixel_size_nm).astype(int)
        row = np.floor(rows["y_nm"].to_numpy() / pixel_size_nm).astype(int)
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        has_emitter = np.zeros((height, width), dtype=bool)
        has_emitter[row[inside], column[inside]] = True
        pixels = stream.read(number, number + 1)[0].astype(np.float64)
        finite = np.isfinite(pixels)
        lit.append(pixels[has_emitter & finite])
        dark.append(pixels[~has_emitter & finite])
    return np.concatenate(lit), np.concatenate(dark)
