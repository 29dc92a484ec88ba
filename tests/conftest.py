"""What holds for every test: few threads, no windows, no talk from TensorFlow."""

import gc
import hashlib
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A test may import Keras before Deep-STORM, which sets this, gets to it.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Tens of processes are started, which would all compile the package again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
WORKER = "PYTEST_XDIST_WORKER" in os.environ
if WORKER:  # as many processes as processors, each with one thread
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
HERE = Path(__file__).parent
MAX_MODEL_BYTES = 20_000_000
ORDER = (
    "fiji", "io", "settings", "interface", "report", "verbs", "runs", "cli", "training",
    "inference", "networks", "inputs", "test_kernels.py", "estimation", "postprocessing",
)  # fmt: skip
"""Several processes begin with the slow folders, and with some that need no compiled loop: two that
need the same loop at the same moment wait for each other. What is short comes last, so that none
waits for a long one at the end."""


class ByModule(LoadScopeScheduling):
    """Gives a whole module to a process, which makes what its tests share; all of Fiji to one."""

    def _split_scope(self, nodeid):
        module = nodeid.partition("::")[0]
        return "fiji" if "fiji/" in module else module


def pytest_xdist_make_scheduler(config, log):
    """Say which tests must run in the same process."""
    config.option.loadscopereorder = False
    return ByModule(config, log)


def pytest_collection(session):
    """Look for no garbage among a million objects that stay until the end."""
    gc.disable()


def pytest_collection_modifyitems(items):
    """Begin with the slow folders when there are several processes."""
    if WORKER:
        items.sort(key=_place)


def pytest_collection_finish(session):
    """Look for garbage in what comes from now on."""
    gc.freeze()
    gc.enable()


def _place(item):
    folder = item.path.relative_to(HERE).parts[0]
    return ORDER.index(folder) if folder in ORDER else len(ORDER)


@pytest.fixture(scope="session", autouse=True)
def nothing_kept():
    """Keep nothing of what a model has learnt: no test may depend on another one, or on a run."""
    from deep_storm.io import kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "cache_folder", lambda: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_without_a_word():
    """Say nothing while loops are compiled: which test needs one first is chance."""
    from deep_storm import compiling

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "begins", lambda: None)
        yield


@pytest.fixture(autouse=True, scope="session")
def plain_figures():
    """Draw reports without a layout, coarsely: half the time of a reconstruction is its report.

    The tests of the reports themselves draw them as users see them.
    """
    from deep_storm.report import figures, page

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "LAYOUT", None)
        patch.setattr(page, "DPI", 40)
        yield


@pytest.fixture(scope="session")
def seeing_neighbours():
    """Return what makes an untrained model look at the frames before and after, too."""
    import numpy as np

    from deep_storm.model_card import NETWORK_VERSION

    def seeing(model):
        layer = model.keras_model.get_layer("neighbours_added")
        rng = np.random.default_rng(9)
        layer.set_weights([rng.normal(0.0, 0.1, w.shape) for w in layer.get_weights()])
        card = model.card.model_copy(update={"network_version": NETWORK_VERSION})
        return replace(model, card=card)

    return seeing


@pytest.fixture(scope="session", autouse=True)
def networks_made_once():
    """Give models that are read from the same files one network: to make one takes half a second.

    Nothing in the package changes the weights of a model that was read. The tests of the model
    folder read each anew.
    """
    from deep_storm.model import Model

    kept = {}
    read = Model.load.__func__

    def load(cls, path, *, last=False, device=None):
        key = (_contents(path), last, device)
        if key[0] is None:
            return read(cls, path, last=last, device=device)
        if key not in kept:
            kept[key] = read(cls, path, last=last, device=device)
        return replace(kept[key], path=_model_folder(path), compiled={})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Model, "load", classmethod(load))
        yield read


def _model_folder(path):
    from deep_storm.errors import ModelError
    from deep_storm.model_card import model_folder

    try:
        return model_folder(path)
    except ModelError:
        return None


def _contents(path):
    """Return a digest of a model folder; None if it holds what cannot be read at once."""
    folder = _model_folder(path)
    if folder is None or not folder.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if not file.is_file() or file.stat().st_size > MAX_MODEL_BYTES:
            return None
        digest.update(f"{file.name} {file.stat().st_size} ".encode() + file.read_bytes())
    return digest.digest()


@pytest.fixture(scope="module")
def quick_calibration():
    """Let models learn threshold and confidence from few emitters: seconds less for each model."""
    from deep_storm.training import brightness, calibration, refining

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "EMITTERS", {"native": 600, "classic": 150})
        patch.setattr(refining, "EMITTERS", 400)
        patch.setattr(brightness, "EMITTERS", 200)
        yield


@pytest.fixture(scope="module")
def eager_training():
    """Train without a graph: to trace it takes as long as ten steps without it.

    One batch is enough to validate what is hardly trained.
    """
    from deep_storm.training import data, loop

    compiled = loop.compiled

    def plain(*arguments):
        step, loss, optimizer = compiled(*arguments)
        return step.python_function, loss.python_function, optimizer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "compiled", plain)
        patch.setattr(data, "VALIDATION_BATCHES", 1)
        yield


@pytest.fixture(scope="module")
def quick_psf():
    """Measure PSFs of movies roughly: few scenes, few rounds."""
    from deep_storm.estimation.psf import movie

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(movie, "FIRST_ROUNDS", 3)
        patch.setattr(movie, "LAST_ROUNDS", 1)
        patch.setattr(movie, "MAX_SCENES", 48)
        yield


@pytest.fixture
def heed_ctrl_c():
    """Let the processes that a test starts heed Ctrl-C.

    A script that starts the tests in the background makes them ignore it, and children inherit
    that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
