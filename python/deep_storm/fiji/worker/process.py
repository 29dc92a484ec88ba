"""The worker process: the only one beside Fiji that loads TensorFlow.

Appose starts this process and calls :func:`begin` once and :func:`perform` for each request, on the
main thread. The messages, with an example of each: :mod:`deep_storm.fiji.exchange`. How a request
is stopped: :mod:`deep_storm.fiji.worker.task`. The process ends when Fiji has gone.
"""

from __future__ import annotations

import faulthandler
import importlib
import logging
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any

import psutil

from deep_storm.compiling import told_to
from deep_storm.errors import Cancelled, DeepStormError, was_interrupted
from deep_storm.fiji.exchange import Request, error_as_data, read_frame_table
from deep_storm.fiji.worker.requests import call_verb
from deep_storm.fiji.worker.task import STOPPED, Discarded, Task, on_interrupt, under_way
from deep_storm.imports import claim_process, uncollected

LOGGER = logging.getLogger("deep_storm.fiji.worker")


def begin(log: str, parent: int) -> None:
    """Set this process up: log file, end together with Fiji, stop on request.

    Parameters
    ----------
    log
        File for everything that would go to standard error.
    parent
        Fiji's process.
    """
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    faulthandler.enable()  # a crash in native code leaves its place in the log
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s")
    LOGGER.info("worker %d started by %d", os.getpid(), parent)
    claim_process()
    signal.signal(signal.SIGINT, on_interrupt)
    threading.Thread(target=_end_with, args=(parent,), daemon=True, name="parent").start()


def perform(task: Any, request: Request, control: Any, block: Any) -> dict[str, Any]:
    """Call a verb; return ``{"answer": …}`` in plain data.

    The answer has ``error`` (what the user can mend), ``mistake`` (ours), ``stopped``, or
    ``result``.
    """
    begun = Task(task, control.ndarray(), block.ndarray() if block is not None else None)
    with under_way(begun), told_to(lambda sentence: begun.say(progress=[0, 0, sentence])):
        answer = _answer(begun, request)
    answer["restart"] = bool(begun.acted) and not begun.progressed
    return {"answer": answer}


def _answer(task: Task, request: Request) -> dict[str, Any]:
    try:
        if request["tensorflow"]:
            load_tensorflow()
        task.say(running=True)
        return {"result": task.call(call_verb, request, task, read_frame_table)}
    except Cancelled as error:
        return {"stopped": None if error.received == STOPPED else error_as_data(error)}
    except (KeyboardInterrupt, Discarded):
        return {"stopped": None}
    except DeepStormError as error:
        return {"error": error_as_data(error)}
    except MemoryError as error:
        LOGGER.error("%s", traceback.format_exc())
        return {"memory": str(error)}
    except OSError as error:
        LOGGER.error("%s", traceback.format_exc())
        place = f" ({error.filename})" if error.filename else ""
        return {"mistake": f"{error.strerror or error}{place}"}
    except Exception as error:  # noqa: BLE001 - the process boundary: Fiji shows it
        from deep_storm.networks.device import is_out_of_memory  # numba, scipy

        if was_interrupted(error):
            return {"stopped": None}
        LOGGER.error("%s", traceback.format_exc())
        if is_out_of_memory(error):
            return {"memory": str(error)[:200]}
        return {"mistake": f"{type(error).__name__}: {str(error)[:500]}"}


def load_tensorflow() -> None:
    """Import TensorFlow without interruption: a partial import cannot be used."""
    from deep_storm.networks.device import quiet_tensorflow  # numba, scipy

    quiet_tensorflow()
    with uncollected():
        importlib.import_module("deep_storm.inference.reconstruction")
        importlib.import_module("deep_storm.networks.native")


def _end_with(parent: int) -> None:
    try:
        process = psutil.Process(parent)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(1.0)
    except psutil.Error:
        pass
    os._exit(0)
