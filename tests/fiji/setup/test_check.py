"""Whether a Fiji is ready, seen from the command line."""

from __future__ import annotations

import json
import sys

import pytest

import deep_storm as ds
from deep_storm.cli import main
from deep_storm.fiji.menu.headers import scripts
from deep_storm.fiji.setup import check as module
from deep_storm.fiji.setup.check import check_fiji
from deep_storm.fiji.setup.installation import Part

FINE = [Part("Worker", "starts"), Part("TensorFlow", "2.21")]


@pytest.fixture
def app(tmp_path, monkeypatch):
    """A Fiji with our scripts, in Python mode, whose Python is not asked."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "_python_parts", lambda python: FINE)
    folder = tmp_path / "Fiji"
    (folder / "jars").mkdir(parents=True)
    (folder / "plugins").mkdir()
    (folder / "config" / "jaunch").mkdir(parents=True)
    (folder / "config" / "jaunch" / "fiji.cfg").write_text(
        f"launch-mode=PYTHON\npython-dir={sys.prefix}\n", encoding="utf-8"
    )
    ds.fiji("install", app=folder)
    return folder


def java(app, version):
    release = app / "java" / "linux64" / "jdk" / "release"
    release.parent.mkdir(parents=True, exist_ok=True)
    release.write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')


def test_a_fiji_that_is_ready(app, capsys):
    java(app, "21.0.7")
    assert main(["fiji", "check", "--app", str(app)]) == 0
    first, _, *table = capsys.readouterr().out.splitlines()
    assert first.startswith("Deep-STORM is ready. Start Fiji and run Plugins > Deep-STORM > ")
    parts = [line.split("  ")[0].strip() for line in table if line]
    assert parts == [
        "Commands", "Python mode", "Fiji's Python", "Worker", "TensorFlow", "Java",
        "ThunderSTORM", "Camera", "Models",
    ]  # fmt: skip


def test_a_fiji_that_is_not_ready_ends_with_an_exit_code(app, capsys):
    java(app, "1.8.0_322")
    assert main(["fiji", "check", "--app", str(app)]) == 2
    assert capsys.readouterr().out.startswith("Deep-STORM is not ready: ")
    # what install still misses is said, and no failure
    (app / "config" / "jaunch" / "fiji.cfg").unlink()
    assert main(["fiji", "install", "--app", str(app)]) == 0
    assert "Missing: " in capsys.readouterr().out


def test_a_script_of_another_version_is_seen(app):
    path = app / "scripts" / next(iter(scripts()))
    path.write_text("# of a version before\n")
    verdict = check_fiji(app).verdict()
    assert verdict.startswith(f"Deep-STORM is not ready: 1 of {len(scripts())} scripts in {app}")
    assert "fiji install --app" in verdict


def test_a_java_that_is_too_old(app):
    java(app, "1.8.0_322")
    assert "Fiji's Java 8.0_322 is too old for its Python mode" in check_fiji(app).verdict()


def test_thunderstorm_needs_its_class_on_new_java(app):
    (app / "plugins" / "Thunder_STORM.jar").write_bytes(b"")
    java(app, "11.0.2")
    assert check_fiji(app).problems == ()
    java(app, "21.0.7")
    (problem,) = check_fiji(app).problems
    assert "cannot open its results window on Java 13 and later; run" in problem
    ds.fiji("install", app=app)
    assert check_fiji(app).problems == ()


def test_models_in_the_folder_of_fiji_are_listed(app):
    model = app / "models" / "deep-storm" / "actin"
    model.mkdir(parents=True)
    (model / "model.toml").write_text("")
    part = next(part for part in check_fiji(app).parts if part.name == "Models")
    assert part.found == "general, actin"


def test_a_python_that_cannot_run_it_is_a_problem(tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    (part,) = module._python_parts(python)
    assert part.state == "to fix"
    assert f"`{python} -m deep_storm doctor` does not work" in part.problem


def test_what_the_doctor_says_becomes_parts(tmp_path):
    found = {
        "findings": {"Packages": "deep-storm 0, tensorflow 2.21.0", "GPUs": "none seen",
                     "Worker": "does not start"},
        "problems": ["the worker process for Fiji does not start: x; mend it"],
    }  # fmt: skip
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps(found))
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ncat '{answer}'\n")
    python.chmod(0o755)
    worker, tensorflow = module._python_parts(python)
    assert worker.sentence() == "the worker process for Fiji does not start: x; mend it"
    assert (tensorflow.found, tensorflow.state) == ("2.21.0, GPUs: none seen", "ok")
