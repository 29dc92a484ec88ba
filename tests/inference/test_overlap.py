"""Threads beside the network: how many, and that the order of the chunks stays."""

from __future__ import annotations

import threading

import pytest

from deep_storm.inference import overlap as module
from deep_storm.inference.overlap import Overlap, Seconds, Threads, choose_threads


@pytest.mark.parametrize(
    ("reading", "reading_out", "cores", "max_chunks", "expected"),
    [
        (0.1, 0.2, 8, 100, (1, 1)),  # the network takes longest: nobody waits
        (2.5, 0.2, 8, 100, (3, 1)),  # reading takes two and a half times as long
        (0.1, 3.0, 8, 100, (1, 3)),
        (9.0, 9.0, 2, 100, (2, 2)),  # no more than cores
        (9.0, 9.0, 8, 5, (2, 3)),  # no more than memory holds
        (9.0, 9.0, 8, 0, (1, 1)),
    ],
)
def test_threads_by_time_cores_and_memory(reading, reading_out, cores, max_chunks, expected):
    seconds = Seconds([reading], [1.0], [reading_out])
    assert choose_threads(seconds, cores, max_chunks) == Threads(*expected)


class Clocks(threading.local):
    """The time of each thread, which passes only when something is said to last."""

    seconds = 0.0

    def __call__(self):
        return self.seconds


def worked(reading, reading_out, cores, monkeypatch, expected, at_a_time=None):
    """Work on 24 chunks whose network takes a quarter of a second; return the threads.

    ``expected``: so many are read out at a time in the end; the last is ready first.
    """
    clock = Clocks()
    monkeypatch.setattr(module.os, "cpu_count", lambda: cores)
    monkeypatch.setattr(module.time, "perf_counter", clock)
    meeting = threading.Barrier(expected)
    ready = {chunk: threading.Event() for chunk in range(24 - expected, 24)}
    kept = []

    def spend(seconds):
        clock.seconds += seconds

    def load(start, stop):
        spend(reading)
        return start

    def read_out(chunk):
        spend(reading_out)
        if chunk in ready:
            meeting.wait(timeout=60)
            assert chunk == 23 or ready[chunk + 1].wait(timeout=60)
            ready[chunk].set()
        return chunk

    with Overlap(load, kept.append, 1000, at_a_time) as threads:
        for chunk in threads.chunks(((n, n + 1) for n in range(24)), lambda: None):
            threads.in_network(lambda: spend(0.25))
            threads.read_out(lambda chunk=chunk: read_out(chunk), lambda: None)
        threads.wait(lambda: None)
    assert kept == list(range(24))
    return threads.threads


def test_slow_reading_out_gets_more_threads_and_keeps_the_order(monkeypatch):
    assert worked(0.0, 1.0, 4, monkeypatch, 4) == Threads(1, 4)
    assert worked(0.0, 1.0, 4, monkeypatch, 1, at_a_time=1) == Threads(1, 1)


def test_slow_reading_gets_more_threads(monkeypatch):
    assert worked(1.0, 0.0, 8, monkeypatch, 1) == Threads(4, 1)


def test_what_is_quick_gets_one_thread(monkeypatch):
    assert worked(0.0, 0.0, 8, monkeypatch, 1) == Threads(1, 1)


def test_what_cannot_be_kept_ends_the_work():
    def full(found):
        raise OSError("the disk is full")

    def work():
        with Overlap(lambda *_: 0, full, 1) as threads:
            for _ in threads.chunks(((n, n + 1) for n in range(9)), lambda: None):
                threads.read_out(lambda: 0, lambda: None)
            threads.wait(lambda: None)

    with pytest.raises(OSError, match="disk is full"):
        work()


def test_an_empty_span_lets_go_of_what_was_read():
    idle = []
    with Overlap(lambda start, stop: start, lambda found: None, 1) as threads:
        spans = iter([(0, 1), (1, 1), (1, 2)])
        chunks = threads.chunks(spans, lambda: idle.append(True))
        assert next(chunks) == 0
        assert not idle
        assert list(chunks) == [1]
        assert idle == [True]


def test_a_chunk_that_leaves_no_room_for_another_is_done_before_the_next_is_read(monkeypatch):
    monkeypatch.setattr(module, "chunks_in_memory", lambda size: 1)
    order = []

    def load(start, stop):
        order.append(("read", start))
        return start

    with Overlap(load, lambda found: order.append(("kept", found)), 1) as overlap:
        for chunk in overlap.chunks([(k, k + 1) for k in range(3)], lambda: None):
            overlap.in_network(lambda: None)
            overlap.read_out(lambda chunk=chunk: chunk, lambda: None)
        overlap.wait(lambda: None)
    assert order == [(what, k) for k in range(3) for what in ("read", "kept")]
