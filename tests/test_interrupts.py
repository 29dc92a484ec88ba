"""Ctrl-C is held back while something must not be left half done, and never lost."""

import signal
import threading

import pytest

from deep_storm.interrupts import held_back, interruptible, is_held_back
from deep_storm.io.files import atomic_files, atomic_folder

pytestmark = pytest.mark.usefixtures("heed_ctrl_c")


def press(*_):
    signal.raise_signal(signal.SIGINT)


def test_it_comes_at_the_end():
    steps = []

    def work():
        with held_back():
            press()
            assert is_held_back()
            with held_back():
                steps.append(1)
            steps.append(2)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == [1, 2]
    assert not is_held_back()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_thread_is_left_alone():
    seen = []

    def work():
        with held_back():
            seen.append(is_held_back())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def test_a_compiled_loop_is_told_from_a_mistake():
    with pytest.raises(KeyboardInterrupt), interruptible():
        raise SystemError("a loop returned with an exception set") from KeyboardInterrupt()
    with pytest.raises(SystemError), interruptible():
        raise SystemError("ours")


def test_files_that_appear_together_do_so_in_spite_of_it(tmp_path, monkeypatch):
    finals, there = [tmp_path / "a.txt", tmp_path / "b.txt"], []
    real = type(tmp_path).replace

    def replace(path, target):
        press()  # between two renames
        return real(path, target)

    monkeypatch.setattr(type(tmp_path), "replace", replace)

    def write():
        with atomic_files(finals, appeared=there.extend) as staged:
            for path in staged.values():
                path.write_text("whole")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert there == finals
    assert sorted(tmp_path.iterdir()) == finals


def test_an_older_folder_is_not_lost(tmp_path, monkeypatch):
    model = tmp_path / "model"
    model.mkdir()
    (model / "mark").write_text("old")
    real = type(tmp_path).replace

    def replace(path, target):
        press()  # the old one is away, the new one not there
        return real(path, target)

    monkeypatch.setattr(type(tmp_path), "replace", replace)
    with pytest.raises(KeyboardInterrupt), atomic_folder(model, True, marker="mark") as partial:
        (partial / "mark").write_text("new")
    assert (model / "mark").read_text() == "new"
    assert list(tmp_path.iterdir()) == [model]
