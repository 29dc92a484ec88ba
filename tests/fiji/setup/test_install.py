"""Our commands in a Fiji's folder, and what is said about that Fiji."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deep_storm.cli import main
from deep_storm.errors import SettingsError
from deep_storm.fiji.menu.headers import MENU, scripts
from deep_storm.fiji.setup.install import check_app, remembered_app
from deep_storm.interface.registry import load

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def app(tmp_path, monkeypatch):
    """A folder as Fiji's is, with a name as users give it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    folder = tmp_path / "Fiji é (neu)"
    (folder / "jars").mkdir(parents=True)
    (folder / "config" / "jaunch").mkdir(parents=True)
    return folder


def switch_on(app, python_dir):
    """Do what Edit > Options > Python... does."""
    config = f"# Fiji's launcher\nlaunch-mode=PYTHON\npython-dir = {python_dir}\n"
    (app / "config" / "jaunch" / "fiji.cfg").write_text(config, encoding="utf-8")


def files_in(folder):
    return {p.relative_to(folder) for p in folder.rglob("*") if p.is_file()}


def test_install_twice_and_uninstall(app):
    before = files_in(app)
    done = load("fiji")(action="install", app=app)
    assert {p.relative_to(app / "scripts") for p in done.changed} == set(scripts())
    for path, text in scripts().items():
        assert (app / "scripts" / path).read_text(encoding="ascii") == text
    assert f"Changed {len(scripts())} scripts in " in done.summary()
    assert remembered_app() == app

    again = load("fiji")(action="install", app=app)
    assert again.changed == ()
    assert "Nothing to change" in again.summary()

    gone = load("fiji")(action="install", app=app, uninstall=True)
    assert len(gone.changed) == len(scripts())
    assert f"Removed {len(scripts())} scripts in " in gone.summary()
    assert files_in(app) == before
    assert not (app / "scripts" / MENU).exists()
    assert remembered_app() is None
    assert load("fiji")(action="install", app=app, uninstall=True).summary() == "Nothing to remove."


def test_an_old_command_goes_with_the_next_installation(app):
    old = app / "scripts" / MENU / "Old_Command....py"
    old.parent.mkdir(parents=True)
    old.write_text("# of a version before\n")
    load("fiji")(action="install", app=app)
    assert not old.exists()


def test_it_is_said_in_one_screen_what_to_click(app, capsys):
    assert main(["fiji", "install", "--app", str(app)]) == 0
    said = capsys.readouterr().out
    assert f"Missing: {app} does not start in Python mode" in said
    assert 'press "Build Python environment"' in said
    assert f"Copy {ROOT / 'environment.yml'} over" in said
    assert f"    - {ROOT}[fiji]\n" in said
    assert len(said.splitlines()) < 24


def test_a_fiji_that_is_ready_has_no_problems(app):
    switch_on(app, sys.prefix)
    done = load("fiji")(action="install", app=app)
    assert done.problems == ()
    assert "Start Fiji again and look under Plugins > Deep-STORM" in done.summary()


def test_an_environment_that_is_not_there_or_lacks_the_package(app, tmp_path):
    switch_on(app, "${app-dir}/python-env")
    done = load("fiji")(action="install", app=app)
    assert "is not there; build it" in done.problems[0]
    assert str(app / "python-env") in done.problems[0]

    bare = app / "python-env" / "bin" / "python3"
    bare.parent.mkdir(parents=True)
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    assert "deep_storm is not in Fiji's Python" in check_app(app).problems[0]


def test_python_mode_without_an_environment(app):
    (app / "config" / "jaunch" / "fiji.cfg").write_text("launch-mode=PYTHON\n", encoding="utf-8")
    (problem,) = load("fiji")(action="install", app=app).problems
    assert "names no Python environment" in problem


def test_a_folder_that_is_no_fiji(app, capsys):
    with pytest.raises(SettingsError, match=r"did you mean .*Fiji é"):
        load("fiji")(action="install", app=app.parent)
    assert main(["fiji", "install", "--app", str(app.parent / "nowhere")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main(["fiji", "install"]) == 2
    assert "--app is missing" in capsys.readouterr().err


def test_launch_says_why_fiji_does_not_start(app, capsys):
    """The folder has no ImageJ in its jars."""
    assert main(["fiji", "launch", "--app", str(app)]) == 2
    said = capsys.readouterr().err
    assert "Fiji could not be started" in said
    assert "Traceback" not in said
