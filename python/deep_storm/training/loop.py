"""The training loop: batches in, best and last weights and the history out.

Batches are made ahead in another thread while TensorFlow computes. Training ends after the planned
steps, when validation has stopped improving, or when the watcher stops it; the best weights are
kept in each case.
"""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from deep_storm.errors import Cancelled, ModelError
from deep_storm.io.foreign import damage_as
from deep_storm.networks.base import LocalizationNetwork
from deep_storm.networks.keras_settings import own_settings
from deep_storm.progress import Progress, silent
from deep_storm.training.checkpoint import Keeper
from deep_storm.training.data import Batch, BatchSource
from deep_storm.training.interrupt import ctrl_c_noted
from deep_storm.training.schedule import (
    PLATEAU_EPOCHS,
    TIMED_FROM,
    TIMED_TO,
    Plan,
    ResolvedTraining,
    learning_rate,
    plan,
)
from deep_storm.training.steps import compiled, tensors_of

if TYPE_CHECKING:
    import keras

BATCHES_AHEAD = 4
Weights = list[Any]


@dataclass
class Trained:
    """Result of training.

    Attributes
    ----------
    best, last
        Weights with the lowest validation loss, and at the end.
    history
        Columns ``step``, ``epoch``, ``loss``, ``validation_loss``, ``learning_rate``, ``seconds``.
    steps
        Steps done.
    ended
        Why: ``finished``, ``no improvement`` or ``stopped``.
    waiting_seconds
        Time in which the network waited for training data.
    """

    best: Weights
    last: Weights
    history: pd.DataFrame
    steps: int
    ended: str
    seconds: float
    waiting_seconds: float


@dataclass
class _State:
    """State of training; ``ended`` says why it has ended, if it has."""

    best: Weights
    ended: str = ""
    best_loss: float = float("inf")
    epochs_without: int = 0
    plateau_factor: float = 1.0
    losses: list[float] = field(default_factory=list)
    rows: list[dict[str, float]] = field(default_factory=list)


def train_network(
    model: keras.Model,
    network: LocalizationNetwork,
    data: BatchSource,
    settings: ResolvedTraining,
    progress: Progress = silent,
    began: float | None = None,
    keeper: Keeper | None = None,
) -> Trained:
    """Train a network.

    Parameters
    ----------
    model
        The network's Keras model; its weights are where training starts.
    network, data, settings
        Loss, batches, and how to train.
    progress
        Called after every step with the live losses. When it raises
        :class:`~deep_storm.errors.Cancelled`, training ends and the best weights until then are
        returned.
    began
        ``time.perf_counter()`` at which the budget of minutes began; default: now.
    keeper
        Writes checkpoints, goes on from one, and keeps one when Ctrl-C is pressed. Without it,
        Ctrl-C ends the training as ``Cancelled`` from ``progress`` does.

    Raises
    ------
    ModelError
        The loss is not a number any more, or the checkpoint does not suit.
    Cancelled
        Ctrl-C was pressed, and a checkpoint is kept.
    """
    began = time.perf_counter() if began is None else began
    with ExitStack() as at_the_end:
        at_the_end.enter_context(own_settings())
        if keeper is not None:
            keeper.hold()
            at_the_end.callback(keeper.release)
        return _Loop(model, network, data, settings, progress, began, keeper).run()


class _Loop:
    def __init__(
        self,
        model: keras.Model,
        network: LocalizationNetwork,
        data: BatchSource,
        settings: ResolvedTraining,
        progress: Progress,
        began: float,
        keeper: Keeper | None,
    ) -> None:
        self.model = model
        self.keeper = keeper
        self.kept = time.perf_counter()
        self.data = data
        self.settings = settings
        self.progress = progress
        self.began = began
        self.validation = data.validation()
        alike = all(len(batch.expectations) == 1 for batch in self.validation)
        self.step_function, self.loss_function, self.optimizer = compiled(model, network, alike)
        self.state = _State(best=model.get_weights())
        self.waiting_seconds = 0.0

    def run(self) -> Trained:
        """Train until the end, whatever the reason for it."""
        current = plan(self.settings, self.data.patches_per_epoch)
        step = 0
        if self.keeper is not None and self.keeper.resume:
            if self.keeper.path.is_file():
                step, current = self._restore(self.keeper, current)
            else:
                warnings.warn(
                    "there was no checkpoint to continue from: training starts at the first step",
                    stacklevel=3,
                )
        ended = self.state.ended
        if not ended:
            with ctrl_c_noted() as pressed:
                ended, step, current = self._steps(step, current, pressed)
            if pressed() and self.keeper is not None:
                raise self._stopped(self.keeper, step, current)
        if not self.state.rows:
            self._evaluate(step, current)
        if self.keeper is not None and ended != "stopped":
            self.state.ended = ended
            self._keep(self.keeper, step, current)
        return Trained(
            best=self.state.best,
            last=self.model.get_weights(),
            history=pd.DataFrame(self.state.rows),
            steps=step,
            ended=ended,
            seconds=time.perf_counter() - self.began,
            waiting_seconds=self.waiting_seconds,
        )

    def _steps(
        self, step: int, current: Plan, pressed: Callable[[], bool]
    ) -> tuple[str, int, Plan]:
        """Train step by step; return why it ended, the steps done and the plan."""
        timed = 0.0
        with ThreadPoolExecutor(1) as maker:
            waiting: deque[Future[Batch]] = deque(
                maker.submit(self.data.batch, step + k) for k in range(BATCHES_AHEAD)
            )
            try:
                while step < current.steps:
                    if step == TIMED_FROM:
                        timed = time.perf_counter()
                    self._step(waiting.popleft(), step, current)
                    waiting.append(maker.submit(self.data.batch, step + BATCHES_AHEAD))
                    step += 1
                    if step == TIMED_TO:
                        current = self._replan(timed)
                    if self._evaluation_due(step, current) and not self._evaluate(step, current):
                        return "no improvement", step, current
                    self._keep_now_and_then(step, current)
                    self.progress(step, current.steps, self._message())
                    if pressed():
                        return "stopped", step, current
            except Cancelled:
                return "stopped", step, current
            finally:
                for future in waiting:
                    future.cancel()
        return "finished", step, current

    def _stopped(self, keeper: Keeper, step: int, current: Plan) -> Cancelled:
        """Keep a checkpoint and say how to continue."""
        if not self._plan_known(step):
            return Cancelled(f"training had only begun ({step} steps), and nothing was kept")
        self._keep(keeper, step, current)
        return Cancelled(
            f"{step} of {current.steps} steps are kept in {keeper.folder}",
            advice=f"the same command with --resume continues; with --resume --steps {step} it "
            "makes the model from what was learnt so far",
        )

    def _plan_known(self, step: int) -> bool:
        return step > TIMED_TO or self.settings.steps is not None

    def _keep_now_and_then(self, step: int, current: Plan) -> None:
        # Before the plan is known a checkpoint would be no use.
        if self.keeper is None or not self._plan_known(step):
            return
        if time.perf_counter() - self.kept >= self.keeper.every_seconds:
            self._keep(self.keeper, step, current)

    def _keep(self, keeper: Keeper, step: int, current: Plan) -> None:
        state = self.state
        values = {f.name: getattr(state, f.name) for f in fields(state) if f.name != "best"}
        # Infinity is no JSON: there is no best loss before the first look at the validation.
        values["best_loss"] = state.best_loss if state.rows else None
        values |= {"step": step, "plan": current, "seconds": time.perf_counter() - self.began}
        optimizer = [np.asarray(v) for v in self.optimizer.variables]
        arrays = {"weights": self.model.get_weights(), "best": state.best, "optimizer": optimizer}
        keeper.write(arrays, values)
        self.kept = time.perf_counter()

    def _restore(self, keeper: Keeper, wanted: Plan) -> tuple[int, Plan]:
        arrays, values = keeper.read()
        with damage_as(keeper.damaged):
            self.model.set_weights(arrays["weights"])
            for variable, value in zip(self.optimizer.variables, arrays["optimizer"], strict=True):
                variable.assign(value)
            step, planned = int(values.pop("step")), Plan(*values.pop("plan"))
            self.began = time.perf_counter() - float(values.pop("seconds"))
            if values["best_loss"] is None:
                values["best_loss"] = float("inf")
            self.state = _State(best=arrays["best"], **values)
        return step, wanted if self.settings.steps is not None else planned

    def _replan(self, timed: float) -> Plan:
        now = time.perf_counter()
        step_seconds = (now - timed) / (TIMED_TO - TIMED_FROM)
        return plan(self.settings, self.data.patches_per_epoch, step_seconds, now - self.began)

    def _evaluation_due(self, step: int, current: Plan) -> bool:
        if step == current.steps:
            return True
        epoch_over = self._plan_known(step) and step % current.steps_per_epoch == 0
        # A few last steps belong to the epoch before: alone they would say little of the loss.
        return epoch_over and current.steps - step >= current.steps_per_epoch / 2

    def _step(self, coming: Future[Batch], step: int, current: Plan) -> None:
        asked = time.perf_counter()
        batch = coming.result()
        self.waiting_seconds += time.perf_counter() - asked
        rate = learning_rate(self.settings, step, current.steps, self.state.plateau_factor)
        self.optimizer.learning_rate.assign(rate)
        self.state.losses.append(float(self.step_function(*tensors_of(batch))))

    def _evaluate(self, step: int, current: Plan) -> bool:
        """Compute the validation loss, keep the best weights; return whether to go on."""
        state = self.state
        value = float(np.mean([self.loss_function(*tensors_of(b)) for b in self.validation]))
        if not np.isfinite(value):
            raise ModelError(
                f"the validation loss is {value} after {step} steps",
                "a finite loss",
                "train again with a lower --learning-rate",
            )
        rate = learning_rate(self.settings, max(step - 1, 0), current.steps, state.plateau_factor)
        state.rows.append(
            {
                "step": step,
                "epoch": step / current.steps_per_epoch,
                "loss": float(np.mean(state.losses)) if state.losses else value,
                "validation_loss": value,
                "learning_rate": rate,
                "seconds": time.perf_counter() - self.began,
            }
        )
        state.losses.clear()
        if value < state.best_loss:
            state.best, state.best_loss, state.epochs_without = self.model.get_weights(), value, 0
            return True
        state.epochs_without += 1
        if state.epochs_without % PLATEAU_EPOCHS == 0:
            state.plateau_factor *= 0.5
        return state.epochs_without < self.settings.patience_epochs

    def _message(self) -> str:
        recent = self.state.losses[-20:]
        words = [f"loss {np.mean(recent):.3g}"] if recent else []
        if self.state.rows:
            words.append(f"validation {self.state.rows[-1]['validation_loss']:.3g}")
        return "steps, " + ", ".join(words) if words else "steps"
