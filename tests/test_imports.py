"""Imports happen without garbage collection; nobody else's objects are withdrawn from it."""

import gc
import subprocess
import sys
import weakref

import pytest

from deep_storm.imports import uncollected
from deep_storm.networks import device

IN_A_PROCESS = """
import gc, sys
from importlib.abc import MetaPathFinder

seen = {}

class Watching(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        seen[name] = gc.isenabled()

sys.meta_path.insert(0, Watching())
from deep_storm import cli
sys.argv = ["deep-storm", "reconstruct", "no.tif", "--model", "general", "-o", "x"]
code = cli.WAY()
print(code, seen["deep_storm.verbs.reconstruct"], seen["numba"], gc.isenabled())
print(gc.get_freeze_count() > 10_000)
"""


IN_OTHERS_OR_OURS = """
import sys, threading
from deep_storm.imports import claim_process, without

if sys.argv[1] == "ours":
    claim_process()

def found():
    try:
        import wave  # stands for a package that is there but not needed
    except ImportError as error:
        return error.name
    return "found"

here, there = [], []
with without("wave"):
    here.append(found())
    if here == ["wave"]:
        thread = threading.Thread(target=lambda: there.append(found()))
        thread.start()
        thread.join()
here.append(found())
print(*here, *there)
"""


class Loop:
    """Refers to itself, so that only garbage collection frees it."""

    def __init__(self):
        self.own = self


def test_nothing_is_collected_meanwhile():
    started = []
    gc.callbacks.append(lambda phase, about: started.append(phase))
    try:
        with uncollected():
            started.clear()
            kept = [[] for _ in range(100_000)]
            assert not started
    finally:
        gc.callbacks.pop()
    assert len(kept) == 100_000
    assert gc.isenabled()


def test_it_stays_off_where_it_was_off():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_it_is_on_again_after_an_error():
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()


@pytest.mark.parametrize("withdrawn", [True, False])
def test_garbage_of_the_program_around_it_is_still_collected(withdrawn):
    gc.freeze()
    if not withdrawn:
        gc.unfreeze()
    try:
        before, loop = gc.get_freeze_count(), Loop()
        there = weakref.ref(loop)
        with uncollected():
            pass
        del loop
        # none more; what is left out may have ended in the meantime, in other threads, too
        assert gc.get_freeze_count() <= before
        gc.collect()
        assert there() is None
    finally:
        gc.freeze()  # as it is while tests run


def test_tensorflow_is_imported_so(monkeypatch):
    collects = []
    monkeypatch.setattr(device, "load_keras", lambda: collects.append(gc.isenabled()))
    device._load_tensorflow.__wrapped__()
    assert collects == [False]


@pytest.mark.parametrize(("way", "withdrawn"), [("program", True), ("main", False)])
def test_the_command_line_imports_so_and_keeps_it_where_the_process_is_its_own(
    way, withdrawn, tmp_path
):
    text = IN_A_PROCESS.replace("WAY", way)
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout.split() == ["2", "False", "False", "True", str(withdrawn)]


@pytest.mark.parametrize(
    ("whose", "said"), [("ours", "wave found found"), ("others", "found found")]
)
def test_what_is_not_needed_is_hidden_from_this_thread_alone_and_in_no_process_of_others(
    whose, said
):
    command = [sys.executable, "-c", IN_OTHERS_OR_OURS, whose]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == said.split()


def test_keras_does_not_bring_pictures_into_a_process_of_ours():
    text = """
import sys
from deep_storm.imports import claim_process
from deep_storm.networks.device import quiet_tensorflow
claim_process()
quiet_tensorflow()
print(*(name for name in ("keras", "matplotlib", "sklearn") if name in sys.modules))
import matplotlib, sklearn
"""
    command = [sys.executable, "-c", text]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["keras"]
