"""How a command ends in Fiji, and words of the command line said as a dialog says them."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import deep_storm.fiji
from deep_storm.errors import CameraError, Cancelled, StackError
from deep_storm.fiji import runner
from deep_storm.fiji.commands import background, generic
from deep_storm.fiji.imagej import images
from deep_storm.fiji.imagej.host import Host
from deep_storm.fiji.menu.catalog import command, command_keys
from deep_storm.fiji.menu.headers import script_text
from deep_storm.fiji.menu.parameters import NONE
from deep_storm.fiji.wording import in_dialog_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "the same with --resume continues",
            "the same with resume=true in 'More options' continues",
        ),
        ("with --resume --upsampling 4 it", "with resume=true upsampling=4 in 'More options' it"),
        (
            "give the general model --sigma-nm 109, or train a model for that",
            "give the general model sigma_nm=109 in 'More options', or train a model for that",
        ),
        ("give --threshold 0.5", "give the field 'Minimum confidence' at 0.5"),
        ("give --minutes 30", "give the field 'Training time (minutes)' of Train Model... at 30"),
        (
            "give --camera camera.toml, or",
            "give a camera (Plugins > Deep-STORM > 1 Set Up > Camera Setup..., or the field",
        ),
        ("as `deep-storm estimate` writes", "as Plugins > Deep-STORM > 2 Measure > Estimate"),
        ("Written: /data/a--resume/x.csv", "Written: /data/a--resume/x.csv"),
        ("no such option: --nonsense", "no such option: --nonsense"),
        ("give --roi X,Y,WIDTH,HEIGHT of a part", "give a ROI of a part"),
        (
            "give --photons-per-adu and --baseline-adu, or",
            "give 'Photons per ADU' in Camera Setup... and 'Baseline (ADU)' in Camera Setup..., or",
        ),
        (
            "threshold is '2'; expected a number: change threshold (at least (0 to 1)).",
            "the field 'Minimum confidence' is '2'; expected a number: change it.",
        ),
        ("upsampling is 'two'; change upsampling (x)", "upsampling is 'two'; change upsampling"),
        ("enter photons_per_adu = 1.1, or", "enter 'Photons per ADU' = 1.1, or"),
        (
            "put baseline_adu under [camera] in the file of --config",
            "put baseline_adu under [camera] in the file of config=FILE in 'More options'",
        ),
        ("Written: /data/baseline_adu.csv", "Written: /data/baseline_adu.csv"),
        ("a folder for their results: give -o.", "give the field 'Save as'."),
    ],
)
def test_options_and_verbs_become_fields_and_menu_items(text, words):
    assert words in in_dialog_words(text, command("reconstruct"))


def test_a_command_without_that_field_names_the_one_that_has_it():
    said = in_dialog_words("give the general model --sigma-nm 109", command("super-resolve"))
    assert said == ("give the general model sigma_nm=109 in 'More options' of Reconstruct Stack...")


def test_a_camera_value_that_is_a_further_option_keeps_its_name():
    text = "photons_per_adu is 0.94 · G (give --em-gain)"
    said = in_dialog_words(text, command("measure-background"))
    assert said == "'Photons per ADU' is 0.94 · G (give em_gain in 'More options')"


class FakeHost:
    """ImageJ with or without windows, that notes what it is told."""

    def __init__(self, windows):
        self.windows = windows
        self.asks = False
        self.said = []

    def show_status(self, text):
        self.said.append(("status bar", text))

    def tell(self, title, text):
        self.said.append(("dialog", text))

    def complain(self, title, text, *, ours=False):
        self.said.append(("Console" if ours else "dialog", text))


def run_command(monkeypatch, windows, error=None, warnings=()):
    """Run a command that works or raises; returns its outputs and what ImageJ was told."""
    host = FakeHost(windows)

    def function(call):
        if error is not None:
            raise error
        return runner.Outcome("3 localizations", warnings=warnings)

    monkeypatch.setattr(runner, "Host", lambda variables: host)
    monkeypatch.setattr(background, "measure", function)
    return runner.run("measure-background", {}), host.said


ENDINGS = [
    (None, "ok: 3 localizations", ["status bar"]),
    (StackError("no image is open"), "error: no image is open", ["dialog"]),
    (Cancelled("stopped"), "stopped: stopped", ["status bar"]),
    (MemoryError(), "error: Fiji's memory is full", ["dialog"]),
    (ZeroDivisionError("oh"), "error: a bug in Deep-STORM", ["Console"]),
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


@pytest.mark.parametrize("windows", [False, True])
def test_a_warning_is_told_beside_the_result(monkeypatch, windows):
    warnings = ("the camera is in doubt; measure it with --baseline-adu",)
    outputs, said = run_command(monkeypatch, windows, warnings=warnings)
    (text,) = [text for where, text in said if where == "dialog"]  # only the log without windows
    assert text == "the camera is in doubt; measure it with 'Baseline (ADU)' in Camera Setup..."
    assert outputs["status"] == (None if windows else "ok: 3 localizations")


def test_a_script_of_another_version_is_no_mistake_of_ours(monkeypatch):
    host = FakeHost(False)
    monkeypatch.setattr(runner, "Host", lambda variables: host)
    status = runner.run("of-tomorrow", {})["status"]
    assert status.startswith("error: this version of Deep-STORM has no command 'of-tomorrow'")
    assert "fiji install" in status


def test_something_is_seen_before_anything_is_imported(monkeypatch):
    said = []
    monkeypatch.setattr(runner, "run", lambda key, variables: said.append("imported"))
    deep_storm.fiji.run("doctor", {"status_service": SimpleNamespace(showStatus=said.append)})
    assert said == ["Deep-STORM...", "imported"]


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


class FakeStack:
    """An image of so many channels, slices and frames."""

    def __init__(self, *dimensions):
        self.dimensions = dimensions

    def getTitle(self):
        return "movie.tif"

    def getNChannels(self):
        return self.dimensions[0]

    def getNSlices(self):
        return self.dimensions[1]

    def getNFrames(self):
        return self.dimensions[2]

    def getStackSize(self):
        return self.dimensions[0] * self.dimensions[1] * self.dimensions[2]

    def setDimensions(self, *dimensions):
        self.dimensions = dimensions


@pytest.mark.parametrize(
    ("before", "answer", "after"),
    [
        ((3000, 1, 1), True, (1, 1, 3000)),
        ((3000, 1, 1), False, (3000, 1, 1)),
        ((2, 1, 1), None, (2, 1, 1)),  # two colours, and nobody is asked
        ((1, 1, 3000), None, (1, 1, 3000)),
        ((8, 5, 1), None, (8, 5, 1)),
    ],
)
def test_channels_that_are_frames_are_set_right_when_the_user_says_so(before, answer, after):
    asked = []

    def ask(title, question, *, otherwise):
        asked.append(question)
        return answer

    image = FakeStack(*before)
    host = SimpleNamespace(image=lambda given, field: given, ask=ask)
    assert runner.Call(host, command("reconstruct"), {}, image).image is image
    assert image.dimensions == after
    assert len(asked) == (0 if answer is None else 1)
    assert all("3,000 channels" in text and "Image > Properties..." in text for text in asked)


def test_channels_that_stay_channels_are_refused_and_told_what_to_do():
    with pytest.raises(StackError, match=r"3,000 channels and 1 frame.*Image > Properties"):
        images._planes(FakeStack(3000, 1, 1), "movie.tif")
    assert images.frames_as_channels(FakeStack(7, 1, 1)) == 0


def needed_files():
    return [(k, p.name) for k in command_keys() for p in command(k).everything if p.needed]


def test_ok_with_the_defaults_asks_for_each_file_that_is_needed():
    """A required file whose default is the word none would make OK end with an error."""
    assert ("train", "output") in needed_files()
    assert ("import-localizations", "table") in needed_files()
    for key in command_keys():
        made = command(key)
        if made.verb is None:
            continue
        for parameter in made.everything:
            declared = made.verb.parameters.get(parameter.name)
            required = declared is not None and declared.default is inspect.Parameter.empty
            if required and parameter.kind == "File" and parameter.value == NONE:
                assert parameter.needed, (key, parameter.name)


@pytest.mark.parametrize(("key", "name"), needed_files())
def test_a_needed_file_is_asked_for_before_anything_starts(monkeypatch, key, name):
    asked, got = [], []
    host = FakeHost(windows=True)
    host.asks = True
    host.choose_file = lambda title, *, saves, folder: asked.append(title) or Path("chosen")
    monkeypatch.setattr(runner, "Host", lambda variables: host)
    module, _, function = command(key).function.partition(":")
    target = importlib.import_module(f"deep_storm.fiji.commands.{module}")

    def take(call):
        got.append(call.values[name])
        return runner.Outcome("done")

    monkeypatch.setattr(target, function, take)
    runner.run(key, {})
    assert got == [Path("chosen")]
    assert asked
    host.choose_file = lambda title, *, saves, folder: None
    runner.run(key, {})
    assert len(got) == 1
    assert "no file was chosen" in host.said[-1][1]
    host.asks = False  # nothing waits for a click in a macro
    runner.run(key, {})
    assert got[1:] == [None]


@pytest.mark.parametrize("key", ["reconstruct", "preview", "train", "simulate"])
def test_a_missing_camera_is_told_before_the_worker_starts(key):
    made = command(key)
    values = {p.name: p.read({}) for p in made.everything}
    values |= {"stack": Path("movie.tif"), "output": Path("model"), "frame": 1}
    host = SimpleNamespace(recall=lambda key: None)
    with pytest.raises(CameraError, match="without a camera"):
        generic.work_of(runner.Call(host, made, values))
    values["config"] = Path("settings.toml")  # which may have one
    assert "camera" not in generic.work_of(runner.Call(host, made, values)).options
