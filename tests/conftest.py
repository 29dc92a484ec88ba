"""What holds for every test: few threads, no windows, no talk from TensorFlow."""

import os
import signal

import pytest
from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A test may import Keras before Deep-STORM, which sets this, gets to it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as processors, each with one thread
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


class ByModule(LoadScopeScheduling):
    """Gives a whole module to a worker, which makes what its tests share; all of Fiji to one."""

    def _split_scope(self, nodeid):
        module = nodeid.partition("::")[0]
        return "fiji" if "fiji/" in module else module


def pytest_xdist_make_scheduler(config, log):
    """Say which tests must run in the same worker."""
    return ByModule(config, log)


@pytest.fixture
def heed_ctrl_c():
    """Let the processes that a test starts heed Ctrl-C.

    A script that starts the tests in the background makes them ignore it, and children inherit
    that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
