"""The worker process as Fiji sees it: started once, kept running, ended with Fiji.

TensorFlow never runs in Fiji: a crash, a full memory or a full GPU there would take the user's
open images with it. Appose starts a second process of the same Python instead, and whatever
happens to it becomes an error here; the next command starts a fresh one.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import re
import sys
import sysconfig
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from deep_storm.errors import DeepStormError
from deep_storm.fiji.folders import log_folder, remove_left_folders
from deep_storm.fiji.menu.catalog import place_of

if TYPE_CHECKING:
    from appose import Service

START_SECONDS = 60.0
LOGS_KEPT = 5
TAIL_LINES = 12
_BEGIN = """\
import numpy  # on Windows it hangs when it is imported later
from deep_storm.fiji.worker.process import begin
begin({log!r}, {parent})
"""
_READY = "import os\nos.getpid()"
_PERFORM = """\
from deep_storm.fiji.worker.process import perform
perform(task, request, control, block)
"""


class WorkerError(DeepStormError):
    """The worker process did not start, or ended by itself."""


class Worker:
    """A running worker process.

    Attributes
    ----------
    pid
        The process.
    log
        Where it writes what is nobody's business until something fails.
    """

    def __init__(self, service: Service, pid: int, log: Path) -> None:
        self._service = service
        self.pid = pid
        self.log = log
        self._killed = False

    @classmethod
    def start(cls) -> Worker:
        """Start a worker; return when it is ready for requests.

        Raises
        ------
        WorkerError
            It did not answer within a minute, or ended at once.
        """
        import appose

        remove_left_folders()
        log = _new_log()
        python = interpreter()
        environment = appose.custom().bin_paths(str(python.parent)).build()
        environment = environment.service([python.name], *_ARGUMENTS)
        service = environment.env(
            TF_CPP_MIN_LOG_LEVEL="3", PYTHONIOENCODING="utf-8", DEEP_STORM_WORKER="1"
        )
        service = service.init(_BEGIN.format(log=str(log), parent=os.getpid()))
        answers: queue.Queue[Any] = queue.Queue()
        # Threads of a daemon thread are daemons: they must not keep Fiji from ending.
        starter = threading.Thread(
            target=_ask_whether_ready, args=(service, answers), daemon=True, name="worker start"
        )
        starter.start()
        try:
            event = answers.get(timeout=START_SECONDS)
        except queue.Empty:
            _kill(service)
            raise _did_not_start(service, f"did not answer within {START_SECONDS:.0f} s") from None
        if not isinstance(event, int):
            _kill(service)
            raise _did_not_start(service, str(event))
        return cls(service, event, log)

    def alive(self) -> bool:
        """Return whether the process runs and is not about to end."""
        return not self._killed and bool(self._service.is_alive())

    def submit(self, inputs: dict[str, Any], events: queue.Queue[Any]) -> None:
        """Send a request; its messages are put into the queue as Appose's events.

        Raises
        ------
        WorkerError
            The process is gone.
        """
        try:
            task = self._service.task(_PERFORM, inputs, queue="main")
            task.listen(events.put).start()
        except (OSError, ValueError) as error:
            raise self.crashed() from error

    def crashed(self) -> WorkerError:
        """Return the error for a process that ended by itself."""
        code = self._service.wait_for()
        reason = f"exit code {code}"
        if code < 0:
            reason = f"signal {-code}"
        if code in (-9, 137, -6, 134):
            reason += ", as when the memory is full"
        tail = log_tail(self.log)
        return WorkerError(
            f"the worker process that runs TensorFlow ended unexpectedly ({reason})",
            "",
            "close other programs or choose fewer frames or a smaller region, and run the command "
            f"again, a fresh worker starts by itself. Its log is {self.log}"
            + (f", with the last lines:\n{tail}" if tail else ""),
        )

    def terminate(self) -> None:
        """Ask the operating system to end the process."""
        try:
            psutil.Process(self.pid).terminate()
        except psutil.Error:
            return  # gone already

    def kill(self) -> None:
        """End the process at once."""
        self._killed = True
        _kill(self._service)


_ARGUMENTS = ("-c", "import appose.python_worker; appose.python_worker.main()")
_current: Worker | None = None
_starting = threading.Lock()


def current() -> Worker | None:
    """Return the running worker, if there is one."""
    worker = _current
    return worker if worker is not None and worker.alive() else None


def ready() -> Worker:
    """Return the running worker, or start one."""
    global _current
    with _starting:
        worker = current()
        if worker is None:
            worker = _current = Worker.start()
        return worker


def stop() -> None:
    """End the worker, if one runs."""
    global _current
    worker, _current = _current, None
    if worker is not None and worker.alive():
        worker.kill()


atexit.register(stop)


def interpreter() -> Path:
    """Return the path of this Python; inside Fiji, ``sys.executable`` may be Fiji itself."""
    executable = Path(sys.executable or "")
    if executable.stem.lower().startswith("python"):
        return executable
    names = ("python.exe", "python3.exe") if os.name == "nt" else ("python3", "python")
    folders = [
        Path(sys.prefix),
        Path(sys.prefix) / "bin",
        Path(sysconfig.get_config_var("BINDIR") or sys.prefix),
    ]
    for folder in folders:
        for name in names:
            if (folder / name).is_file():
                return folder / name
    raise WorkerError(
        f"no Python program was found below {sys.prefix}",
        "the environment that Fiji's Edit > Options > Python... built",
        "build it again there, and start Fiji again",
    )


def log_tail(log: Path) -> str:
    """Return the last lines of a log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])
    except OSError:
        return ""


def _ask_whether_ready(service: Service, answers: queue.Queue[Any]) -> None:
    """Put the worker's process number, or the error of its start, into the queue."""
    try:
        task = service.task(_READY, queue="main").start()
        while not task.status.is_finished():
            time.sleep(0.01)
    except (OSError, RuntimeError) as error:
        answers.put(str(error))
        return
    result = task.outputs.get("result")
    answers.put(result if isinstance(result, int) else task.error or "ended at once")


def _did_not_start(service: Service, what: str) -> WorkerError:
    said = "\n".join(service.error_lines()[-TAIL_LINES:])
    return WorkerError(
        f"the worker process that runs TensorFlow did not start: {what}",
        "",
        f"run {place_of('doctor')}" + (f"; the process said:\n{said}" if said else ""),
    )


def _kill(service: Service) -> None:
    try:
        service.kill()
    except (OSError, AttributeError):
        return  # it never started, or is gone


def _new_log() -> Path:
    """Name a new log and delete all but the last ones, and those of other running Fijis."""
    folder = log_folder()
    for old in sorted(folder.glob("worker-*.log"), key=_age)[: -LOGS_KEPT + 1]:
        if not _is_in_use(old):
            with contextlib.suppress(OSError):  # Windows deletes no file that is open
                old.unlink()
    return folder / f"worker-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"


def _is_in_use(log: Path) -> bool:
    host = log.stem.rpartition("-")[2]
    return bool(re.fullmatch(r"[0-9]{1,9}", host)) and psutil.pid_exists(int(host))


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
