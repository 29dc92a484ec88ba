"""Whether the frames are a scan of beads through focus, from one side to the other."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from deep_storm.errors import PsfError
from deep_storm.estimation.zstack.selection import Bead
from deep_storm.estimation.zstack.stacks import ZStack

FloatArray = npt.NDArray[np.float64]

MAX_LOOKED_AT = 20
"""Beads, the brightest first."""
MIN_CHANGE = 0.05
"""Relative RMS difference between thirds of a scan, beyond noise."""
MIRRORED, DIFFERENT = 0.97, 0.8
"""Planes before and after a turn are this alike, over that of neighbours; while they are less alike
than the other to the plane of the turn."""
BLURRED = 0.8
"""The turn is less sharp than this share of the sharpest plane: else it may be the focus."""
MIN_TURN_SHARE, MIN_TURN = 0.25, 4
"""Planes on either side of a turn, as a share of all and at least."""
MIN_ORDER, MIN_FALL = 0.5, 0.05
FAINT = 0.5
"""From this share of noise on, planes look unlike each other because of it."""


def check_scan(stacks: list[ZStack], beads: list[Bead], reach_px: int) -> None:
    """Refuse a time series, a scan there and back, and planes in disorder.

    Raises
    ------
    PsfError
        A stack is one of these.
    """
    for number, stack in enumerate(stacks):
        own = [bead for bead in beads if bead.stack == number][:MAX_LOOKED_AT]
        if own:
            _check(stack, [_normed(stack, bead, reach_px) for bead in own])


def _normed(stack: ZStack, bead: Bead, reach_px: int) -> tuple[FloatArray, FloatArray]:
    """Return a bead's planes with a sum of 1, and the standard deviation of their noise."""
    rows = slice(bead.row - reach_px, bead.row + reach_px + 1)
    columns = slice(bead.column - reach_px, bead.column + reach_px + 1)
    cut = stack.photons[:, rows, columns].astype(np.float64)
    level = np.median(np.concatenate([cut[:, [0, -1]].ravel(), cut[:, :, [0, -1]].ravel()]))
    light = cut - level
    total = np.maximum(light.sum(axis=(1, 2), keepdims=True), 1.0)
    variance = stack.excess * np.maximum(cut, 0.0) + stack.variance[rows, columns]
    return light / total, np.sqrt(variance) / total


def _check(stack: ZStack, cut: list[tuple[FloatArray, FloatArray]]) -> None:
    if _change(cut) < MIN_CHANGE:
        raise PsfError(
            f"the beads look the same in all {len(stack.photons)} frames of {stack.name}",
            "a z-stack: beads that go through focus from frame to frame",
            "give a z-stack, or use `measure-psf --beads` for frames in focus",
        )
    alike = np.mean([_alikeness(light) for light, _ in cut], axis=0)
    sharp = np.mean([np.sum(light**2, axis=(1, 2)) for light, _ in cut], axis=0)
    sharp = np.convolve(sharp, np.ones(3) / 3, mode="same")
    neighbours = float(np.median(np.diagonal(alike, 1)))
    turn = _turn(alike, sharp, neighbours)
    if turn is not None:
        raise PsfError(
            f"the scan in {stack.name} turns around at frame {turn + 1}: the frames before and "
            "after it look alike",
            "a z-stack in one direction",
            f"give one direction alone (--frames {turn + 1}:)",
        )
    if _order(alike) < MIN_ORDER:
        if _noise(cut) > FAINT:
            raise PsfError(
                f"the beads in {stack.name} are too faint to be followed from plane to plane",
                "beads that stand out in each plane",
                "expose for longer, or average the frames of each plane",
            )
        raise PsfError(
            f"the frames of {stack.name} are not in the order of depth: neighbours are hardly more "
            "alike than any two",
            "a z-stack from one side of the focus to the other",
            "sort the frames by depth",
        )
    period = _period(alike, neighbours)
    if period is not None:
        raise PsfError(
            f"the scan in {stack.name} begins again every {period} frames",
            "one z-stack from one side of the focus to the other",
            f"give one of the passes alone (--frames 1:{period})",
        )


def _change(cut: list[tuple[FloatArray, FloatArray]]) -> float:
    """Return how much a bead's shape changes over the scan: relative RMS, beyond noise."""
    changes = []
    for light, noise in cut:
        thirds = [k for k in np.array_split(np.arange(len(light)), 3) if k.size]
        means = [light[k].mean(axis=0) for k in thirds]
        errors = [float(np.sum(noise[k] ** 2)) / k.size**2 for k in thirds]
        own = max(float(np.sum(m**2)) for m in means)
        changes.append(
            max(
                (float(np.sum((means[a] - means[b]) ** 2)) - errors[a] - errors[b]) / own
                for a, b in ((0, 1), (1, 2), (0, 2))
            )
        )
    return float(np.sqrt(max(np.median(changes), 0.0)))


def _noise(cut: list[tuple[FloatArray, FloatArray]]) -> float:
    """Return the share of noise in the square of what is seen."""
    shares = [float(np.sum(noise**2) / np.sum(light**2)) for light, noise in cut]
    return float(np.median(shares))


def _alikeness(light: FloatArray) -> FloatArray:
    """Return the correlation of each plane with each other one."""
    flat = light.reshape(len(light), -1)
    length = np.maximum(np.linalg.norm(flat, axis=1), 1e-12)
    alike: FloatArray = (flat @ flat.T) / np.outer(length, length)
    return alike


def _turn(alike: FloatArray, sharp: FloatArray, neighbours: float) -> int | None:
    """Return the plane at which a scan goes back the way it came, None for a straight one."""
    planes = len(alike)
    least = max(MIN_TURN, round(MIN_TURN_SHARE * planes))
    found, best = None, MIRRORED * neighbours
    for turn in range(least, planes - least):
        steps = np.arange(1, min(turn, planes - 1 - turn) + 1)
        mirrored = float(np.mean(alike[turn - steps, turn + steps]))
        far = float(np.min(alike[turn, turn + steps]))
        unlike = far < DIFFERENT * neighbours and sharp[turn] < BLURRED * sharp.max()
        if unlike and mirrored > best:
            found, best = turn, mirrored
    return found


def _period(alike: FloatArray, neighbours: float) -> int | None:
    """Return after how many planes the scan begins again, None where it does not."""
    planes = len(alike)
    for lag in range(2 * MIN_TURN, planes - MIN_TURN):
        again, between = (float(np.mean(np.diagonal(alike, k))) for k in (lag, lag // 2))
        if again > MIRRORED * neighbours and between < again - MIN_FALL:
            return lag
    return None


def _order(alike: FloatArray) -> float:
    """Return how much more alike neighbours are than any two: 0 without order, about 1 in order."""
    others = ~np.eye(len(alike), dtype=bool)
    usual = float(np.mean(alike[others]))
    best = float(np.mean(np.where(others, alike, -1.0).max(axis=1)))
    return (float(np.mean(np.diagonal(alike, 1))) - usual) / max(best - usual, 1e-9)
