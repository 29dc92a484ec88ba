"""A request is stopped wherever it is, and its answer always comes."""

from __future__ import annotations

import signal
import sys

import numpy as np
import pytest

from deep_storm.errors import Cancelled, TableError
from deep_storm.fiji.exchange import DISCARD, KEEP, STOP
from deep_storm.fiji.worker import process, requests, task
from deep_storm.fiji.worker.task import Discarded, Task


class Messages:
    """Appose's task, of which every message must be whole."""

    def __init__(self):
        self.begun = self.sent = 0

    def update(self, info):
        self.begun += 1
        assert info
        self.sent += 1


def verb_that_returns(request, task, read):
    task.progress(1, 2, "frames")
    return {"text": "done"}


def verb_that_keeps_what_is_done(request, task, read):
    try:
        task.progress(1, 2, "frames")
        task.progress(2, 2, "frames")
    except (Cancelled, KeyboardInterrupt):
        return {"text": "half"}
    return {"text": "done"}


def verb_that_fails(request, task, read):
    raise TableError("no table")


def verb_with_a_mistake(request, task, read):
    raise ZeroDivisionError


def verb_in_a_compiled_loop(request, task, read):
    try:
        task.progress(1, 2, "frames")
    except KeyboardInterrupt as error:
        raise SystemError("a loop returned with an exception set") from error
    return {"text": "done"}


def interrupted_at(step, verb, stop, monkeypatch):
    """Answer a request and interrupt it at a line of Python; also say whether it got there."""
    monkeypatch.setattr(process, "call_verb", verb)
    messages = Messages()
    begun = Task(messages, np.zeros(8, np.int64), None)
    monkeypatch.setattr(task, "_task", begun)
    steps = 0

    def trace(frame, event, argument):
        nonlocal steps
        if "deep_storm" in frame.f_code.co_filename or frame.f_code in (verb.__code__,):
            steps += 1
            if steps >= step and not begun.acted:  # as the watcher: again until it is heard
                begun.control[STOP] = stop
                task.on_interrupt(signal.SIGINT, frame)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        answer = process._answer(begun, {"tensorflow": False})
    finally:
        sys.settrace(before)
    return answer, messages, steps >= step


@pytest.mark.parametrize("stop", [KEEP, DISCARD])
@pytest.mark.parametrize(
    "verb",
    [
        verb_that_returns,
        verb_that_keeps_what_is_done,
        verb_that_fails,
        verb_with_a_mistake,
        verb_in_a_compiled_loop,
    ],
)
def test_an_answer_comes_wherever_it_is_interrupted(verb, stop, monkeypatch):
    monkeypatch.setattr(signal, "getsignal", lambda number: task.on_interrupt)
    seen, step, there = set(), 1, True
    while there:
        answer, messages, there = interrupted_at(step, verb, stop, monkeypatch)
        seen |= set(answer)
        assert messages.begun == messages.sent >= 1
        step += 1
    assert step > 20
    assert "stopped" in seen or "result" in seen
    assert ("mistake" in seen) == (verb is verb_with_a_mistake)


def test_only_a_verb_is_interrupted(monkeypatch):
    begun = Task(Messages(), np.array([KEEP] * 8), None)
    monkeypatch.setattr(task, "_task", begun)
    begun.interruptible = True
    task.on_interrupt(signal.SIGINT, sys._getframe())  # in the middle of an answer
    assert begun.acted == 0
    with pytest.raises(KeyboardInterrupt):
        begun.call(lambda: task.on_interrupt(signal.SIGINT, sys._getframe()))
    begun.control[STOP] = DISCARD
    with pytest.raises(Discarded):
        begun.call(lambda: task.on_interrupt(signal.SIGINT, sys._getframe()))
    assert not begun.interruptible


def test_what_is_handed_over_is_not_interrupted_and_fiji_waits_for_it(tmp_path, monkeypatch):
    messages = []
    begun = Task(Messages(), np.zeros(8, np.int64), None)
    monkeypatch.setattr(begun, "say", lambda **info: messages.append(info))
    monkeypatch.setattr(task, "WATCH_SECONDS", 0.001)
    before = signal.signal(signal.SIGINT, task.on_interrupt)

    class Result:
        written = ()

        def summary(self):
            begun.control[STOP] = KEEP
            while not messages:
                pass
            return "whole"

        def to_json(self):
            return {}

    try:
        with task.under_way(begun):
            data = begun.call(requests.as_data, Result(), tmp_path)
    finally:
        signal.signal(signal.SIGINT, before)
    assert data["summary"] == "whole"
    assert messages[0] == {"answered": True}
