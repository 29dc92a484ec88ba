import ast
import importlib.util
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def run(tmp_path: Path) -> ModuleType:
    """run.py as if it stood in an empty project of its own."""
    spec = importlib.util.spec_from_file_location("run", ROOT / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.ROOT, module.VENV = tmp_path, tmp_path / ".venv"
    module.BIN = module.VENV / "bin"
    module.PYTHON = module.BIN / "python"
    module.LOG, module.STAMP = module.VENV / "install.log", module.VENV / "installed.json"
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\ndependencies = ["a"]\n\n[tool.ruff]\nline-length = 100\n'
    )
    for lock in module.LOCKS.values():
        (tmp_path / lock).write_text("a==1\n")
    return module


@pytest.fixture
def installs(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record what would be installed, instead of installing it."""
    done: list[str] = []

    def make_venv() -> None:
        run.BIN.mkdir(parents=True, exist_ok=True)
        run.PYTHON.touch()
        done.append("venv")

    monkeypatch.setattr(run, "make_venv", make_venv)
    monkeypatch.setattr(run, "pip", lambda log, *arguments: done.append(Path(arguments[-1]).name))
    return done


def test_is_short_and_parses_on_python_3_6():
    source = (ROOT / "run.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    assert source.isascii()
    assert "annotations" not in [
        alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def test_uses_the_standard_library_only():
    tree = ast.parse((ROOT / "run.py").read_text(encoding="utf-8"))
    names = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    names += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    assert {str(name).partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_installs_once(run, installs):
    run.set_up("user")
    assert installs == ["venv", "requirements.lock", run.ROOT.name]
    run.set_up("user")
    assert len(installs) == 3


def test_the_developers_list_comes_on_top_and_serves_users_too(run, installs):
    run.set_up("user")
    run.set_up("developer")
    assert installs[3:] == ["requirements-dev.lock", run.ROOT.name]
    run.set_up("user")
    assert len(installs) == 5


@pytest.mark.parametrize("changed", ["requirements.lock", "pyproject.toml"])
def test_installs_again_when_a_dependency_list_changed(run, installs, changed):
    run.set_up("user")
    path = run.ROOT / changed
    path.write_text(path.read_text().replace("a", "b"))
    run.set_up("user")
    assert installs[3:] == ["requirements.lock", run.ROOT.name]


def test_does_not_install_again_when_a_tool_is_set_otherwise(run, installs):
    run.set_up("user")
    path = run.ROOT / "pyproject.toml"
    path.write_text(path.read_text().replace("100", "90"))
    run.set_up("user")
    assert len(installs) == 3


def test_begins_anew_after_an_interrupted_installation(run, installs, monkeypatch):
    def interrupted(log: object, *arguments: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run, "pip", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run.set_up("user")
    run.set_up("user")
    assert installs == ["venv", "venv", "requirements.lock", run.ROOT.name]


def test_begins_anew_with_another_python(run, installs, monkeypatch):
    run.set_up("user")
    monkeypatch.setattr(run, "home", lambda: "elsewhere 3.99")
    run.set_up("user")
    assert installs[3] == "venv"


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 9, 0), (3, 14, 0)])
def test_an_unsupported_python_gets_one_sentence(run, monkeypatch, capsys, version):
    monkeypatch.setattr(run.sys, "version_info", version)
    monkeypatch.setattr(run.shutil, "which", lambda name: None)
    assert run.main(["demo"]) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    assert "needs Python 3.10 to 3.13: install one" in said


def test_names_a_supported_python_that_is_there(run, monkeypatch, capsys):
    monkeypatch.setattr(run.sys, "version_info", (3, 9, 0))
    monkeypatch.setattr(run.shutil, "which", lambda name: name if name == "python3.12" else None)
    assert run.main(["demo"]) == 2
    assert "start run.py with python3.12" in capsys.readouterr().err


def test_a_python_without_ensurepip_gets_one_sentence(run, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        run.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else find(name)
    )
    assert run.main(["demo"]) == 2
    assert "apt install python3-venv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("OSError: [Errno 28] No space left on device", "free about 4 GB"),
        ("Failed to establish a new connection: [Errno -3]", "connect to the internet"),
        ("ERROR: No matching distribution found for tensorflow==2.21.0", "64-bit Python"),
        ("[Errno 13] Permission denied: 'x'", "cannot be written"),
    ],
)
def test_a_failed_installation_says_what_to_do(run, output, advice):
    assert advice in run.explain("Collecting a\n" + output)


def test_an_unknown_failure_shows_the_end_of_the_log(run, capsys):
    explained = run.explain("\n".join(f"line {i}" for i in range(30)))
    assert "install.log" in explained
    assert capsys.readouterr().err.split("\n")[-2].strip() == "line 29"


def test_pip_failing_is_one_sentence_and_exit_code_2(run, monkeypatch, capsys):
    def make_venv() -> None:
        run.BIN.mkdir(parents=True)
        run.PYTHON.symlink_to(sys.executable)

    monkeypatch.setattr(run, "make_venv", make_venv)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    assert run.main(["demo"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "run.py: the installation failed" in captured.err
    assert "No matching distribution found for a==1" in run.LOG.read_text()
    assert not run.STAMP.exists()


def test_passes_the_verb_and_its_exit_code_on(run, monkeypatch):
    monkeypatch.setattr(run, "set_up", lambda level: None)
    handed: list[object] = []
    monkeypatch.setattr(run, "hand_over", lambda command: handed.extend(command) or 7)
    assert run.main(["render", "a b.csv", "--json"]) == 7
    assert handed == [run.PYTHON, "-m", "deep_storm", "render", "a b.csv", "--json"]


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_runs_every_check_although_one_fails(run, monkeypatch, capsys):
    calls: list[list[str]] = []
    monkeypatch.setattr(run, "set_up", lambda level: None)
    monkeypatch.setattr(
        run,
        "call",
        lambda command, folder: calls.append(list(map(str, command))) or "check" in command,
    )
    run.PYTHON.parent.mkdir(parents=True)
    run.PYTHON.write_text('#!/bin/sh\necho what "$2" says\n[ "$2" != mypy ]\n')
    run.PYTHON.chmod(0o755)
    assert run.main(["test"]) == 1
    assert len(calls) == len(run.CHECKS) - len(run.BESIDE)
    assert run.main(["test", "-k", "camera"]) == 1
    assert len(calls) == 2 * (len(run.CHECKS) - len(run.BESIDE))
    assert calls[-1][-2:] == ["-k", "camera"]
    said = capsys.readouterr().err
    assert said.endswith("== failed: ruff check, mypy\n")
    # what ran beside the tests is told when they have ended
    assert said.index("== pytest") < said.index("== mypy\nwhat mypy says\n")


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_what_runs_beside_the_tests_ends_with_them(run):
    run.PYTHON.parent.mkdir(parents=True)
    run.PYTHON.write_text("#!/bin/sh\nexec sleep 600\n")
    run.PYTHON.chmod(0o755)
    with pytest.raises(KeyboardInterrupt), run.started(("-m", "mypy")):
        raise KeyboardInterrupt


def test_the_tests_of_compiled_loops_are_there(run):
    named = [part for part in run.CHECKS[-1][1] if part.startswith("tests/")]
    assert len(named) > 5
    assert all((ROOT / name).exists() for name in named)


def test_the_checks_run_without_the_tests_too(run, monkeypatch):
    calls: list[list[str]] = []
    monkeypatch.setattr(run, "set_up", lambda level: None)
    monkeypatch.setattr(run, "call", lambda command, folder: calls.append(list(map(str, command))))
    assert run.main(["check"]) == 0
    assert len(calls) == len(run.CHECKS) - 2
    assert not any("pytest" in command for command in calls)


def test_says_how_it_is_used(run, capsys):
    assert run.main([]) == 2
    assert run.main(["--help"]) == 0
    assert "run.py demo" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="pipes as on POSIX")
def test_help_that_nobody_reads_is_no_error():
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 141


@pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX")
def test_waits_for_the_command_when_ctrl_c_is_pressed(heed_ctrl_c, run, tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(
        "import signal, sys, time\n"
        "def stop(*_):\n"
        "    print('stopping', flush=True)\n"
        "    time.sleep(0.3)\n"
        "    print('stopped', flush=True)\n"
        "    sys.exit(130)\n"
        "signal.signal(signal.SIGINT, stop)\n"
        "print('ready', flush=True)\ntime.sleep(600)\n"
    )
    driver = tmp_path / "driver.py"
    driver.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\nimport run\n"
        f"sys.exit(run.call([sys.executable, {str(script)!r}]))\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(driver)], stdout=subprocess.PIPE, start_new_session=True
    )
    stdout = process.stdout
    assert isinstance(stdout, io.BufferedReader)
    assert stdout.readline().strip() == b"ready"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 130
    os.set_blocking(stdout.fileno(), False)
    # what the command did on its way out was waited for
    assert stdout.read().split() == [b"stopping", b"stopped"]
    stdout.close()
