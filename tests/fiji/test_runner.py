"""How a command ends in Fiji, and words of the command line said as a dialog says them."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from deep_storm.errors import Cancelled, StackError
from deep_storm.fiji import runner
from deep_storm.fiji.commands import background
from deep_storm.fiji.imagej.host import Host
from deep_storm.fiji.menu.catalog import command
from deep_storm.fiji.menu.headers import script_text
from deep_storm.fiji.runner import in_dialog_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("the same with --resume goes on", "the same with the field 'Resume' goes on"),
        ("retrain with --sigma-nm 109", "retrain with the field 'PSF sigma (nm)' at 109"),
        (
            "give --camera camera.toml, or",
            "give a camera (Plugins > Deep-STORM > Camera Setup..., or the field 'Camera'), or",
        ),
        ("as `deep-storm estimate` writes", "as Plugins > Deep-STORM > Estimate From Local"),
        ("Written: /data/a--resume/x.csv", "Written: /data/a--resume/x.csv"),
        ("no such option: --nonsense", "no such option: --nonsense"),
    ],
)
def test_options_and_verbs_become_fields_and_menu_items(text, words):
    assert words in in_dialog_words(text, command("reconstruct"))


class FakeHost:
    """ImageJ with or without windows, that notes what it is told."""

    def __init__(self, windows):
        self.windows = windows
        self.said = []

    def show_status(self, text):
        self.said.append(("status bar", text))

    def tell(self, title, text):
        self.said.append(("dialog", text))

    def complain(self, title, text, *, ours=False):
        self.said.append(("Console" if ours else "dialog", text))


def run_command(monkeypatch, windows, error=None):
    """Run a command that works or raises; returns its outputs and what ImageJ was told."""
    host = FakeHost(windows)

    def function(call):
        if error is not None:
            raise error
        return runner.Outcome("3 localizations")

    monkeypatch.setattr(runner, "Host", lambda variables: host)
    monkeypatch.setattr(background, "measure", function)
    return runner.run("measure-background", {}), host.said


ENDINGS = [
    (None, "ok: 3 localizations", ["status bar"]),
    (StackError("no image is open"), "error: no image is open", ["dialog"]),
    (Cancelled("stopped"), "stopped: stopped", ["status bar"]),
    (MemoryError(), "error: Fiji's memory is full", ["dialog"]),
    (ZeroDivisionError("oh"), "error: a mistake of Deep-STORM", ["Console"]),
]


@pytest.mark.parametrize(("error", "status", "told"), ENDINGS)
def test_without_windows_the_status_is_an_output(monkeypatch, error, status, told):
    outputs, said = run_command(monkeypatch, False, error)
    assert outputs["status"].startswith(status)
    assert [where for where, _ in said] == told


@pytest.mark.parametrize(("error", "status", "told"), ENDINGS)
def test_with_windows_no_text_output_opens_one(monkeypatch, error, status, told):
    # Fiji shows each output that is not None; the red Console is for our own mistakes
    outputs, said = run_command(monkeypatch, True, error)
    assert not [name for name, value in outputs.items() if isinstance(value, str)]
    assert [where for where, _ in said] == told


class FakeLog:
    """SciJava's log service."""

    def __init__(self):
        self.levels = []

    def info(self, text):
        self.levels.append("info")

    def error(self, text):
        self.levels.append("error")


@pytest.mark.parametrize(("ours", "level"), [(False, "info"), (True, "error")])
def test_only_our_own_mistake_opens_the_red_console(ours, level):
    host = object.__new__(Host)
    host.windows, host._log = False, FakeLog()
    host.complain("title", "text", ours=ours)
    assert host._log.levels == [level]


def test_a_missing_package_opens_one_dialog_and_no_window(monkeypatch):
    monkeypatch.setitem(sys.modules, "deep_storm.fiji", None)
    for headless in (True, False):
        shown = []
        ui = SimpleNamespace(
            isHeadless=lambda headless=headless: headless,
            showDialog=lambda *words, shown=shown: shown.append(words),
        )
        variables = {"ui": ui}
        exec(script_text(command("doctor")), variables)
        assert (variables["status"] is None) is not headless
        assert len(shown) == (0 if headless else 1)
