"""The training loop, on a network of a single number that runs away from the best value."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from deep_storm.errors import Cancelled, ModelError
from deep_storm.networks.base import LocalizationNetwork, Truth
from deep_storm.settings import Training
from deep_storm.training.checkpoint import Keeper
from deep_storm.training.data import Batch
from deep_storm.training.loop import train_network
from deep_storm.training.schedule import settings_for

BEST = 1.0


class Runaway(LocalizationNetwork):
    """Training makes its number ever larger; validation likes it to be BEST."""

    name = "runaway"
    learning_rate = 0.1
    batch = 2
    patch_size_px = 16
    alignment_px = 1
    halo_px = 0
    best = BEST

    def build(self, dtype="float32", drawn=True):
        import keras

        number = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
        return keras.Sequential([keras.Input((None, None, 1)), number])

    def answer(self, model, frames, expectations, training):
        import tensorflow as tf

        number = tf.convert_to_tensor(model.trainable_variables[0])[0, 0]
        return -number if training else tf.square(number - self.best)

    def loss(self, answer, truth):
        return answer

    def inference(self, model, scales, dtype="float32"):
        pytest.fail("these trainings never infer")


class Zeros:
    """Batches without anything in them."""

    patches_per_epoch = 4

    def __init__(self):
        self.asked = []

    def batch(self, index):
        self.asked.append(index)
        frames = np.zeros((2, 16, 16, 1), np.float32)
        none = np.zeros((2, 16), np.float32)
        truth = Truth(none, none, none, none, none, np.zeros((2, 1, 1), np.float32))
        return Batch(frames, np.zeros((2, 5), np.float32), truth)

    def validation(self):
        return [self.batch(-1)]


def trained(network=None, progress=lambda *_: None, data=None, keeper=None, **changes):
    network = network or Runaway(1)
    values = {"steps": 300, "schedule": "constant", "patience_epochs": 3, **changes}
    settings = settings_for(network, Training(**values))
    data = data or Zeros()
    return train_network(network.build(), network, data, settings, progress, keeper=keeper)


def number(weights):
    return float(weights[0][0, 0])


def test_stops_early_and_keeps_the_best():
    done = trained()
    assert done.ended == "no improvement"
    assert 30 < done.steps < 100
    assert number(done.best) == pytest.approx(BEST, abs=0.15)
    assert number(done.last) > number(done.best) + 0.2
    losses = done.history["validation_loss"].to_numpy()
    assert losses.argmin() == len(losses) - 1 - 3


def test_patience_lets_it_go_on():
    done = trained(patience_epochs=1000)
    assert (done.ended, done.steps) == ("finished", 300)
    assert number(done.best) == pytest.approx(BEST, abs=0.15)


def test_every_batch_is_used_once_and_in_order():
    data = Zeros()
    trained(data=data, steps=25, patience_epochs=1000)
    assert data.asked[1:26] == list(range(25))


def test_progress_hears_every_step():
    heard = []
    trained(progress=lambda *words: heard.append(words), steps=12, patience_epochs=1000)
    assert [(done, total) for done, total, _ in heard] == [(k, 12) for k in range(1, 13)]
    assert "validation" in heard[-1][2]


def test_cancelling_keeps_the_best_until_then():
    def cancel(done, total, message):
        if done == 40:
            raise Cancelled("enough")

    done = trained(progress=cancel)
    assert (done.ended, done.steps) == ("stopped", 40)
    assert 0 < number(done.best) <= number(done.last)


def test_what_has_ended_is_kept_and_not_trained_again(tmp_path):
    whole = trained(keeper=Keeper(tmp_path / "t", {}))
    data = Zeros()
    resumed = trained(data=data, keeper=Keeper(tmp_path / "t", {}, resume=True))
    assert data.asked == [-1]  # validation alone
    assert (resumed.ended, resumed.steps) == ("no improvement", whole.steps)
    assert number(resumed.best) == number(whole.best)
    assert number(resumed.last) == number(whole.last)


def press_at(step):
    """Press Ctrl-C at a step."""

    def progress(done, total, message):
        if done == step:
            os.kill(os.getpid(), signal.SIGINT)

    return progress


def test_ctrl_c_keeps_a_checkpoint_and_says_how_to_go_on(tmp_path):
    keeper = Keeper(tmp_path / "t", {})
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Cancelled, match=r"20 of 26 steps are kept in .*--resume"):
        trained(progress=press_at(20), keeper=keeper, steps=26, patience_epochs=1000)
    assert keeper.path.is_file()
    assert signal.getsignal(signal.SIGINT) is before
    keeper.remove()
    assert not keeper.folder.exists()


def test_without_a_keeper_ctrl_c_gives_the_best_until_then():
    done = trained(progress=press_at(20), steps=26, patience_epochs=1000)
    assert (done.ended, done.steps) == ("stopped", 20)


def test_ctrl_c_in_the_first_steps_keeps_nothing_and_says_so(tmp_path):
    with pytest.raises(Cancelled, match=r"only begun \(2 steps\)"):
        trained(progress=press_at(2), keeper=Keeper(tmp_path / "t", {}), steps=None)
    assert not (tmp_path / "t").exists()


def test_a_few_last_steps_belong_to_the_epoch_before():
    data = Zeros()
    data.patches_per_epoch = 6  # three steps
    done = trained(data=data, steps=31, patience_epochs=1000)
    seen = done.history["step"].tolist()
    assert seen == [3, 6, 9, 12, 15, 18, 21, 24, 27, 31]


def test_history_tells_steps_epochs_and_rates():
    history = trained(steps=20, patience_epochs=1000).history
    assert history["step"].tolist() == list(range(2, 21, 2))
    assert history["epoch"].tolist() == list(range(1, 11))
    assert (history["learning_rate"] > 0).all()


def test_plateau_slows_down_when_validation_stops_improving():
    network = Runaway(1)
    network.best = -1.0  # it never improves
    rates = trained(network, schedule="plateau", patience_epochs=60).history["learning_rate"]
    assert rates.iloc[-1] < 0.01 * network.learning_rate < rates.max()


def test_a_loss_that_is_no_number_is_an_error():
    network = Runaway(1)
    network.best = float("nan")
    with pytest.raises(ModelError, match=r"validation loss is nan.*--learning-rate"):
        trained(network)
