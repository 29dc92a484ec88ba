"""How long training lasts and how fast it learns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deep_storm.settings import Training
from deep_storm.training.schedule import (
    TIMED_TO,
    WARM_UP_STEPS,
    learning_rate,
    plan,
    resolved,
)


def settings(**changes):
    return resolved(Training(**changes), batch=32, patch_size_px=32, learning_rate=1e-3)


def test_the_network_fills_in_what_the_user_left_open():
    own = settings()
    assert (own.batch, own.patch_size_px, own.learning_rate) == (32, 32, 1e-3)
    given_ = settings(batch=4, patch_size_px=64, learning_rate=0.5)
    assert (given_.batch, given_.patch_size_px, given_.learning_rate) == (4, 64, 0.5)


def test_steps_of_an_epoch_are_patches_over_batch_rounded_up():
    assert plan(settings(epochs=7), 100).steps == 7 * 4
    assert plan(settings(epochs=7, batch=3), 100).steps == 7 * 34


@given(
    minutes=st.floats(0.2, 600),
    step_seconds=st.floats(0.01, 2),
    elapsed_seconds=st.floats(0, 5),
)
def test_the_schedule_ends_within_its_budget(minutes, step_seconds, elapsed_seconds):
    laid_out = plan(
        settings(minutes=minutes, epochs=100_000), 10_000, step_seconds, elapsed_seconds
    )
    ends = elapsed_seconds + (laid_out.steps - TIMED_TO) * step_seconds
    # a step at least follows the timed ones, however short the budget
    assert ends <= minutes * 60 * 0.9 + 1e-6 or laid_out.steps == TIMED_TO + 1


@given(minutes=st.floats(5, 600), step_seconds=st.floats(0.01, 2))
def test_the_budget_is_used(minutes, step_seconds):
    laid_out = plan(settings(minutes=minutes, epochs=100_000), 10_000, step_seconds)
    assert (laid_out.steps - TIMED_TO + 1) * step_seconds >= minutes * 60 * 0.85


def test_epochs_end_before_a_long_budget_does():
    assert plan(settings(minutes=1000, epochs=2), 320, 0.01).steps == 20


def test_an_exact_number_of_steps_is_kept():
    assert plan(settings(steps=123), 10_000, 10.0).steps == 123


def test_a_short_training_is_looked_at_ten_times():
    assert plan(settings(steps=200), 1_000_000).steps_per_epoch == 20
    assert plan(settings(steps=5), 1_000_000).steps_per_epoch == 1


def test_cosine_warms_up_and_ends_at_nothing():
    own, steps = settings(), 1000
    rates = [learning_rate(own, k, steps, 1.0) for k in range(steps)]
    assert rates[0] == pytest.approx(1e-3 / WARM_UP_STEPS)
    assert max(rates) == pytest.approx(1e-3)
    assert rates.index(max(rates)) in (WARM_UP_STEPS - 1, WARM_UP_STEPS)
    assert rates[WARM_UP_STEPS:] == sorted(rates[WARM_UP_STEPS:], reverse=True)
    assert rates[-1] < 1e-8


def test_constant_stays_and_plateau_follows_its_factor():
    assert learning_rate(settings(schedule="constant"), 900, 1000, 0.25) == 1e-3
    assert learning_rate(settings(schedule="plateau"), 900, 1000, 0.25) == 0.25e-3


def test_the_first_steps_are_the_same_for_every_length():
    # they are timed before the length is known
    rates = [[learning_rate(settings(), k, n, 1.0) for k in range(TIMED_TO)] for n in (200, 9000)]
    assert rates[0] == rates[1]
