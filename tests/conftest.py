"""What holds for every test: few threads, no windows, no talk from TensorFlow."""

import os
import signal

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A test may import Keras before Deep-STORM, which sets this, gets to it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")


@pytest.fixture
def heed_ctrl_c():
    """Let the processes that a test starts heed Ctrl-C.

    A script that starts the tests in the background makes them ignore it, and children inherit
    that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
