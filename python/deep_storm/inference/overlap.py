"""Reading, inference and readout at the same time, with as many threads as they need.

::

    read + repair + photons  →  network (tiles, batches)  →  candidates  →  image + rows
        reading threads             this thread         reading-out threads  in order

How many threads read and read out is chosen after the first chunks: so many that the network
never waits for them, by the times that were measured, but not more than there are cores, nor more
chunks at a time than fit into memory. The result does not depend on it.
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from types import TracebackType
from typing import Generic, NamedTuple, TypeVar

import psutil

from deep_storm.interrupts import held_back

MEASURED_CHUNKS = 3
MAX_BYTES_OF_CHUNKS = 512 * 2**20
SHARE_OF_FREE_MEMORY = 0.1
POLL_SECONDS = 0.2
"""How often a long reading out asks whether it shall go on."""

Chunk = TypeVar("Chunk")
Found = TypeVar("Found")
Answer = TypeVar("Answer")


class Threads(NamedTuple):
    """Numbers of threads for reading and for readout."""

    reading: int = 1
    reading_out: int = 1


ONE_EACH = Threads()


class Seconds(NamedTuple):
    """Times of the first chunks: reading, network, readout."""

    reading: list[float]
    network: list[float]
    reading_out: list[float]


def choose_threads(seconds: Seconds, cores: int, max_chunks: int) -> Threads:
    """Choose enough threads that the network does not wait for them.

    Parameters
    ----------
    seconds
        Measured, for the same chunks.
    cores
        Of this machine.
    max_chunks
        That fit into memory beside the one in the network.
    """
    network = max(sum(seconds.network), 1e-9)
    reading, out = (
        min(max(math.ceil(sum(took) / network), 1), max(cores, 1))
        for took in (seconds.reading, seconds.reading_out)
    )
    while reading + out > max(max_chunks, 2):
        if reading >= out:
            reading -= 1
        else:
            out -= 1
    return Threads(reading, out)


def chunks_in_memory(chunk_bytes: int) -> int:
    """Return the number of chunks of that size that may be in memory at a time."""
    free = psutil.virtual_memory().available
    return int(min(MAX_BYTES_OF_CHUNKS, free * SHARE_OF_FREE_MEMORY) // max(chunk_bytes, 1))


class Overlap(Generic[Chunk, Found]):
    """Threads that work beside the network, while it is entered.

    Parameters
    ----------
    load
        Reads the frames from start to stop; runs in several threads.
    keep
        Keeps what was found; called in the order of the chunks, by one thread.
    chunk_bytes
        Memory of a chunk.
    reading_out
        How many chunks are read out at a time; default: as many as the times measured say.

    Attributes
    ----------
    threads
        As chosen; until enough is measured one of each.
    """

    def __init__(
        self,
        load: Callable[[int, int], Chunk],
        keep: Callable[[Found], None],
        chunk_bytes: int,
        reading_out: int | None = None,
    ) -> None:
        self.threads = Threads(1, reading_out or 1)
        self._chosen = False
        self._load = load
        self._keep = keep
        self._chunk_bytes = chunk_bytes
        self._reading_out = reading_out
        self._room = reading_out is not None or chunks_in_memory(chunk_bytes) > 1
        self._cores = os.cpu_count() or 1
        self._took = Seconds([], [], [])
        self._kept: deque[Future[None]] = deque()

    def __enter__(self) -> Overlap[Chunk, Found]:
        self._readers = ThreadPoolExecutor(self._cores)
        # What a chunk in readout waits for was submitted before it, and so has a thread.
        self._extractors = ThreadPoolExecutor(self._cores)
        self._keeper = ThreadPoolExecutor(1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Who presses Ctrl-C again would leave a chunk that is half kept.
        with held_back():
            self._readers.shutdown(wait=False, cancel_futures=True)
            try:
                while self._kept:
                    self._kept.popleft().result()
            finally:
                self._extractors.shutdown(wait=False, cancel_futures=True)
                self._keeper.shutdown(wait=False, cancel_futures=True)

    def chunks(self, spans: Iterable[tuple[int, int]], idle: Callable[[], None]) -> Iterator[Chunk]:
        """Yield the chunks of spans of frames; the next ones are read ahead if there is room.

        ``idle`` is called when a span is empty: there is nothing to read yet. Where a chunk is so
        large that a second one has no place in memory, it is read when the one before is done,
        unless it was said how many are read out at a time.
        """
        waiting: deque[Future[Chunk]] = deque()
        for start, stop in spans:
            if stop > start:
                if not self._room:
                    self.wait(idle)
                load = partial(self._load, start, stop)
                waiting.append(self._readers.submit(_timed, self._took.reading, load))
            ahead = self.threads.reading if self._room and stop > start else 0
            while len(waiting) > ahead:
                yield waiting.popleft().result()
            if stop == start:
                idle()
        while waiting:
            yield waiting.popleft().result()

    def in_network(self, work: Callable[[], Answer]) -> Answer:
        """Run the network on a chunk, in this thread."""
        answer = _timed(self._took.network, work)
        self._choose()
        return answer

    def aside(self, work: Callable[[], Answer]) -> Callable[[], Answer]:
        """Submit something that readout waits for; return what waits for its result."""
        return self._extractors.submit(work).result

    def read_out(self, work: Callable[[], Found], idle: Callable[[], None]) -> None:
        """Submit a chunk for readout; wait while there are too many."""
        self.wait(idle, self.threads.reading_out - 1)
        found = self._extractors.submit(_timed, self._took.reading_out, work)
        self._kept.append(self._keeper.submit(lambda: self._keep(found.result())))

    def wait(self, idle: Callable[[], None], most: int = 0) -> None:
        """Wait until at most so many chunks are in readout; ``idle`` is called meanwhile."""
        while len(self._kept) > most:
            while not wait([self._kept[0]], POLL_SECONDS).done:
                idle()
            self._kept.popleft().result()

    def _choose(self) -> None:
        """Choose the numbers of threads, once, when enough was measured."""
        if self._chosen or min(map(len, self._took)) < MEASURED_CHUNKS:
            return
        self._chosen = True
        most = chunks_in_memory(self._chunk_bytes)
        # The first chunk brings what is compiled and opened once.
        seconds = Seconds(*(took[1:] for took in self._took))
        chosen = choose_threads(seconds, self._cores, most)
        self.threads = chosen._replace(reading_out=self._reading_out or chosen.reading_out)


def _timed(took: list[float], work: Callable[[], Answer]) -> Answer:
    """Run a function and record its time, while the first chunks are measured."""
    began = time.perf_counter()
    answer = work()
    if len(took) < MEASURED_CHUNKS:
        took.append(time.perf_counter() - began)
    return answer
