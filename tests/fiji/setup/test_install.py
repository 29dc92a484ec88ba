"""Our commands in a Fiji's folder, and what is said about that Fiji."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.errors import SettingsError
from deep_storm.fiji.menu.headers import MENU, scripts
from deep_storm.fiji.setup import install as install_module
from deep_storm.fiji.setup.install import remembered_app
from deep_storm.fiji.setup.provider_jar import JAR, jar_file
from deep_storm.fiji.setup.state import check_app

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def app(tmp_path, monkeypatch):
    """A folder as Fiji's is, with a name as users give it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setattr(install_module, "_SYSTEM_PLACES", {"linux": ()})
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
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
    done = ds.fiji(action="install", app=app)
    assert {p.relative_to(app / "scripts") for p in done.changed} == set(scripts())
    for path, text in scripts().items():
        assert (app / "scripts" / path).read_text(encoding="ascii") == text
    assert f"Wrote {len(scripts())} scripts in " in done.summary()
    assert remembered_app() == app

    again = ds.fiji(action="install", app=app)
    assert again.changed == ()
    assert "Nothing to change" in again.summary()

    gone = ds.fiji(action="install", app=app, uninstall=True)
    assert len(gone.changed) == len(scripts())
    assert f"Removed {len(scripts())} scripts in " in gone.summary()
    assert files_in(app) == before
    assert not (app / "scripts" / MENU).exists()
    assert remembered_app() is None
    assert ds.fiji(action="install", app=app, uninstall=True).summary() == "Nothing to remove."


def test_thunderstorm_gets_the_class_that_new_java_lacks(app):
    assert not (app / "jars" / JAR).exists()
    (app / "plugins").mkdir()
    (app / "plugins" / "Thunder_STORM-1.3.jar").write_bytes(b"")
    before = files_in(app)
    done = ds.fiji(action="install", app=app)
    assert (app / "jars" / JAR).read_bytes() == jar_file()
    assert f"Wrote jars/{JAR}: ThunderSTORM needs it" in done.summary().replace("\\", "/")
    assert ds.fiji(action="install", app=app).changed == ()
    gone = ds.fiji(action="install", app=app, uninstall=True)
    assert app / "jars" / JAR in gone.changed
    assert "needs it" not in gone.summary()
    assert files_in(app) == before


def test_the_settings_of_fiji_are_left_alone(app):
    own = app / "config" / "environment.yml"
    own.write_text("dependencies:\n  - pip:\n    - napari\n")
    ds.fiji(action="install", app=app)
    assert own.read_text() == "dependencies:\n  - pip:\n    - napari\n"


def test_a_fiji_in_a_usual_place_needs_no_app(app, tmp_path):
    home = tmp_path / "home"
    first = home / "Desktop" / "Fiji" / "Fiji.app"
    (first / "jars").mkdir(parents=True)
    assert ds.fiji(action="install").app == first
    second = home / "Fiji.app"
    (second / "jars").mkdir(parents=True)
    assert ds.fiji(action="install").app == first  # the one of the last time
    ds.fiji(action="install", app=first, uninstall=True)
    with pytest.raises(SettingsError, match="not exactly one Fiji") as raised:
        ds.fiji(action="install")
    assert str(first) in str(raised.value)
    assert str(second) in str(raised.value)


def test_an_old_command_goes_with_the_next_installation(app):
    old = app / "scripts" / MENU / "Old_Command....py"
    old.parent.mkdir(parents=True)
    old.write_text(
        "#!Python\n# Written by python -m deep_storm.fiji.headers; changes here are lost.\n"
    )
    ds.fiji(action="install", app=app)
    assert not old.exists()


def test_scripts_of_the_user_survive_installing_and_removing(app):
    own = app / "scripts" / MENU / "2_Measure" / "My_Own.py"
    own.parent.mkdir(parents=True)
    own.write_text("print('mine')\n")
    ds.fiji(action="install", app=app)
    ds.fiji(action="install", app=app, uninstall=True)
    assert files_in(app / "scripts") == {own.relative_to(app / "scripts")}
    assert own.read_text() == "print('mine')\n"


def test_it_is_said_in_one_screen_what_to_click(app, capsys):
    assert main(["fiji", "install", "--app", str(app)]) == 0
    said = capsys.readouterr().out
    assert f"Missing: {app} does not start in Python mode" in said
    assert 'Press "Build Python environment"' in said
    assert f"\n{ROOT}[fiji]\n" in said  # a line of its own, to copy and paste
    assert "restart in Java" in said
    assert "environment.yml" not in said
    assert len(said.splitlines()) < 24


def test_a_fiji_that_is_ready_has_no_problems(app):
    switch_on(app, sys.prefix)
    done = ds.fiji(action="install", app=app)
    assert done.problems == ()
    assert "Start Fiji again and look under Plugins > Deep-STORM" in done.summary()


def test_an_environment_that_is_not_there_or_lacks_the_package(app, tmp_path):
    switch_on(app, "${app-dir}/python-env")
    done = ds.fiji(action="install", app=app)
    assert "is not there; build it" in done.problems[0]
    assert str(app / "python-env") in done.problems[0]

    bare = app / "python-env" / "bin" / "python3"
    bare.parent.mkdir(parents=True)
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    assert "deep_storm is not in Fiji's Python" in check_app(app).problems[0]


def test_python_mode_without_an_environment(app):
    (app / "config" / "jaunch" / "fiji.cfg").write_text("launch-mode=PYTHON\n", encoding="utf-8")
    (problem,) = ds.fiji(action="install", app=app).problems
    assert "names no Python environment" in problem


def test_a_folder_that_is_no_fiji(app, capsys):
    with pytest.raises(SettingsError, match=r"did you mean .*Fiji é"):
        ds.fiji(action="install", app=app.parent)
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
