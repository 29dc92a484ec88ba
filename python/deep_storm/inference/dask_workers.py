"""Dask workers, on this machine or on many, that process chunks of frames.

The coordinator (this process) hands out spans of frames and keeps what comes back in their order;
a worker loads the model once, reads its own frames from the path that all machines see, and
returns the candidates of its chunk together with the *parts* to draw: the active cells of the
``native`` network (some kilobytes a frame, less than tiles of the image would be) or the heat map
of the ``classic`` one. Because the coordinator draws them in the order of the frames, with the
code that a single process runs, the result does not depend on who worked on what, nor on who died
meanwhile. The job travels as a worker plugin, so that a worker that comes later has it too.

``tcp://HOST:PORT`` (or ``tls://``) is a scheduler that runs already; ``local:N`` starts N
processes here, which talk in TLS with a key of their own.
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any

from distributed import Client, Future, KilledWorker, LocalCluster, Security

from deep_storm.errors import DaskError, SettingsError
from deep_storm.inference.dask_job import Assignment, JobPlugin, work_on
from deep_storm.inference.results import Found
from deep_storm.inference.run import ReconstructionRun
from deep_storm.packages import install_command, versions

CONNECT_SECONDS = 20.0
PATIENCE_SECONDS = 60.0
"""So long there may be no worker at all before the work ends."""
POLL_SECONDS = 0.1
CHUNKS_PER_WORKER = 2
MAX_DEATHS = 3
"""So many times a chunk is given out again whose workers died over it."""


class DaskWorkers:
    """Workers, while it is entered; a :class:`~deep_storm.inference.run.Workers`.

    Parameters
    ----------
    address
        ``tcp://HOST:PORT``, ``tls://HOST:PORT`` or ``local:N``.

    Raises
    ------
    SettingsError
        The address is none.
    DaskError
        Nobody answers there, there is no worker, or they have another Deep-STORM.
    """

    def __init__(self, address: str) -> None:
        if not re.fullmatch(r"(tcp|tls)://\S+:\d+|local:[1-9]\d{0,2}", address):
            raise SettingsError(
                f"dask is {address!r}",
                "tcp://HOST:PORT of a Dask scheduler, or local:N for N processes here",
                "change --dask",
            )
        self.address = address
        self._local: LocalCluster | None = None

    def __enter__(self) -> DaskWorkers:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            self.client = self._connect()
            try:
                self._wait_for_workers()
                self._check_versions()
            except BaseException:
                self.client.close()
                raise
        except BaseException:
            if self._local is not None:
                self._local.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.client.close()
        if self._local is not None:
            self._local.close()

    def _connect(self) -> Client:
        target: Any = self.address
        if self.address.startswith("local:"):
            target = self._local = start_here(int(self.address.partition(":")[2]))
        try:
            return Client(target, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise DaskError(
                f"no Dask scheduler answers at {self.address}",
                "the address that `dask scheduler` prints",
                "start the scheduler, or check the address and the firewall",
            ) from error

    def _wait_for_workers(self) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        while not self.workers:
            if time.monotonic() > until:
                raise self._nobody()
            time.sleep(POLL_SECONDS)

    @property
    def workers(self) -> int:
        """The present number of workers."""
        return len(self.client.scheduler_info(n_workers=-1)["workers"])

    def _check_versions(self) -> None:
        """Refuse workers whose results would differ, or that cannot work at all."""
        own = _versions()
        for worker, theirs in self.client.run(_versions, on_error="return").items():
            if theirs != own:
                raise DaskError(
                    f"the worker at {worker} has {_said(theirs)}",
                    _said(own),
                    "install the same Deep-STORM and the same packages on all machines",
                )

    def _nobody(self) -> DaskError:
        return DaskError(
            f"the scheduler at {self.address} has had no worker for {PATIENCE_SECONDS:.0f} s",
            "at least one",
            f"start some: dask worker {self.address} --nthreads 1",
        )

    def found(
        self, run: ReconstructionRun, spans: Iterator[tuple[int, int]], progress: Callable[[], None]
    ) -> Iterator[Found]:
        """Yield the results of the chunks in their order; see the module's text.

        Raises
        ------
        DaskError
            There is no worker any more, or a chunk kills each of them.
        StackError
            A worker could not read a frame.
        """
        key = secrets.token_hex(6)
        job = Assignment(
            run.stream,
            run.model.card,
            run.model.keras_model.get_weights(),
            run.settings,
            run.precision,
            run.layout,
            run.refinement,
            run.read_out.sampled,
        )
        plugin = JobPlugin(key, pickle.dumps(job))
        waiting: deque[tuple[Future[Any], tuple[int, int]]] = deque()
        try:
            self.client.register_plugin(plugin)
            more = True
            while more or waiting:
                while more and len(waiting) < CHUNKS_PER_WORKER * max(self.workers, 1):
                    span = next(spans, None)
                    more = span is not None
                    if span is not None:
                        waiting.append((self._submit(key, span), span))
                if waiting:
                    yield self._result(key, *waiting.popleft(), progress)
        except (OSError, CancelledError) as error:
            raise DaskError(
                f"the scheduler at {self.address} no longer answers",
                "a scheduler that runs until the end",
                "start it again and repeat the command with --resume",
            ) from error
        finally:
            for future, _ in waiting:
                future.cancel()
            self._forget(plugin.name)

    def _submit(self, key: str, span: tuple[int, int]) -> Future[Any]:
        return self.client.submit(work_on, key, *span, pure=False)

    def _forget(self, name: str) -> None:
        try:
            self.client.unregister_worker_plugin(name)
        except (OSError, KeyError, ValueError):
            return  # there is nobody who would remember it

    def _result(
        self, key: str, future: Future[Any], span: tuple[int, int], progress: Callable[[], None]
    ) -> Found:
        """Wait for a chunk; submit it again when its workers died."""
        deaths = 0
        while True:
            try:
                self._wait_for(future, progress)
                found: Found = future.result()
                return found
            except KilledWorker as error:
                deaths += 1
                if deaths >= MAX_DEATHS:
                    raise DaskError(
                        f"all workers that had frames {span[0] + 1} to {span[1]} died",
                        "workers with enough memory",
                        "give them more, or make --chunk-frames or --tile-px smaller",
                    ) from error
                future = self._submit(key, span)

    def _wait_for(self, future: Future[Any], progress: Callable[[], None]) -> None:
        """Wait until a chunk is done, whichever worker finishes it."""
        seen = time.monotonic()
        pause = 0.001
        while not future.done():
            # Asking for the result with a timeout may cut off one that is just coming.
            time.sleep(pause)
            pause = min(2 * pause, POLL_SECONDS)
            progress()
            if self.workers:
                seen = time.monotonic()
            elif time.monotonic() - seen > PATIENCE_SECONDS:
                raise self._nobody()


def _own_security() -> Security:
    """Return a key and certificate that exist only in memory, as long as the workers.

    Whoever reaches a scheduler or a worker can have it run any code, and every user of a machine
    reaches its own ports. Without the key nobody is let in.
    """
    try:
        return Security.temporary()
    except ImportError as error:
        raise DaskError(
            "local workers need the package cryptography, so that nobody else can reach them",
            "an environment with it",
            f"install it: {install_command('dask')}",
        ) from error


def start_here(count: int) -> LocalCluster:
    """Start worker processes on this machine that share its cores; nobody else can connect."""
    threads = max((os.cpu_count() or 1) // count, 1)
    environment = {
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "TF_NUM_INTEROP_THREADS": "1",
        "OMP_NUM_THREADS": str(threads),
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
    }
    return LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        security=_own_security(),
        memory_limit=0,
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
        env=environment,
    )


def _versions() -> dict[str, str]:
    return versions(("deep-storm", "tensorflow", "keras", "numpy"))


def _said(versions: object) -> str:
    if isinstance(versions, dict):
        return ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"no Deep-STORM ({versions})"
