"""Duration and learning rate of training.

The number of steps is the smaller of what the epochs and what the minutes allow. The minutes are
turned into steps by timing the first ones, while the learning rate still warms up (which it does
alike for every number of steps). A run with an explicit number of steps repeats exactly.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from deep_storm.networks.base import LocalizationNetwork
from deep_storm.settings import Training

WARM_UP_STEPS = 100
TIMED_FROM, TIMED_TO = 3, 18
"""The first steps build the graph; the following ones are timed."""
MIN_EVALUATIONS = 10
"""Validation is looked at this often at least, however short the training."""
RESERVE_SHARE, RESERVE_SECONDS = 0.1, 25.0
"""Kept from the budget for calibration and saving: this share, at least these seconds."""
PLATEAU_EPOCHS = 4


class ResolvedTraining(NamedTuple):
    """Training settings with the network's own defaults filled in."""

    minutes: float
    steps: int | None
    epochs: int
    batch: int
    patch_size_px: int
    patches_per_frame: int
    max_patches: int
    validation_share: float
    learning_rate: float
    schedule: str
    patience_epochs: int
    seed: int
    strategy: str
    frames_at_once: int = 1


def resolved(
    training: Training,
    batch: int,
    patch_size_px: int,
    learning_rate: float,
    frames_at_once: int = 1,
) -> ResolvedTraining:
    """Fill in what is left to the network, and what it sees at a time."""
    values = training.model_dump(exclude={"checkpoint_seconds"})
    values["batch"] = training.batch or batch
    values["patch_size_px"] = training.patch_size_px or patch_size_px
    values["learning_rate"] = training.learning_rate or learning_rate
    return ResolvedTraining(**values, frames_at_once=frames_at_once)


def settings_for(network: LocalizationNetwork, training: Training) -> ResolvedTraining:
    """Fill in a network's own batch, patch size and learning rate."""
    return resolved(
        training,
        network.batch,
        network.patch_size_px,
        network.learning_rate,
        network.frames_at_once,
    )


class Plan(NamedTuple):
    """Number of steps in all, and between two validations."""

    steps: int
    steps_per_epoch: int


def plan(
    settings: ResolvedTraining,
    patches_per_epoch: int,
    step_seconds: float = 0.0,
    elapsed_seconds: float = 0.0,
) -> Plan:
    """Plan the training.

    Parameters
    ----------
    settings
        Epochs, batch, minutes or steps.
    patches_per_epoch
        Patches that make an epoch; divided by the batch they give its steps.
    step_seconds
        What a step costs, when it has been measured.
    elapsed_seconds
        What has been spent of the budget until then.
    """
    per_epoch = max(1, math.ceil(patches_per_epoch / settings.batch))
    steps = settings.epochs * per_epoch
    if settings.steps is not None:
        steps = settings.steps
    elif step_seconds > 0.0:
        budget = settings.minutes * 60.0
        reserve = max(RESERVE_SHARE * budget, min(RESERVE_SECONDS, 0.3 * budget))
        fitting = TIMED_TO + int((budget - reserve - elapsed_seconds) / step_seconds)
        steps = max(min(steps, fitting), TIMED_TO + 1)
    return Plan(steps, max(1, min(per_epoch, steps // MIN_EVALUATIONS)))


def learning_rate(
    settings: ResolvedTraining, step: int, steps: int, plateau_factor: float
) -> float:
    """Return the learning rate of a step (counted from 0).

    Linear warm-up, then cosine to zero, constant, or constant times ``plateau_factor``, which the
    training halves when validation stops improving.
    """
    warm_up = min(WARM_UP_STEPS, max(1, steps // 5))
    if step < warm_up:
        return settings.learning_rate * (step + 1) / WARM_UP_STEPS
    if settings.schedule == "cosine":
        done = (step - warm_up) / max(1, steps - warm_up)
        return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))
    return settings.learning_rate * (plateau_factor if settings.schedule == "plateau" else 1.0)
