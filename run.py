"""Set Deep-STORM up beside this file, once, and run it.

    python3 run.py demo              see it work
    python3 run.py VERB ...          any verb of deep-storm (VERB --help says more)
    python3 run.py check             the checks alone: style, types, who imports whom
    python3 run.py test [ARGUMENT]   all checks and tests (arguments go to pytest)
    python3 run.py docs              the documentation, built into site/

Everything goes into the folder .venv beside this file; delete that folder to be rid of it.
"""

# Standard library only, and no syntax newer than Python 3.6: an older Python must get as far as
# the sentence that says so.

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOG = VENV / "install.log"
STAMP = VENV / "installed.json"
LOCKS = {"user": "requirements.lock", "developer": "requirements-dev.lock"}
OLDEST, NEWEST = (3, 10), (3, 13)
CHECKS = (
    ("ruff check", ("-m", "ruff", "check", ".")),
    ("ruff format", ("-m", "ruff", "format", "--check", ".")),
    ("mypy", ("-m", "mypy")),
    ("import-linter", ("-c", "from importlinter.cli import lint_imports_command as run; run()")),
    # One more than two cores, as what starts Java or a worker process waits for it; each imports
    # TensorFlow.
    ("pytest", ("-m", "pytest", "-n3", "--durations=10")),
    # Compiled loops once more, where an index beyond an array is an error. Not optimized: that is
    # a quarter of what compiling takes, and changes no index.
    (
        "pytest with bounds checked",
        (
            "-c",
            "import os, pytest, sys; os.environ.update(NUMBA_BOUNDSCHECK='1', NUMBA_OPT='0'); "
            "sys.exit(pytest.main(['-q', *sys.argv[1:]]))",
            "tests/estimation/blind/test_exponents.py",
            "tests/estimation/psf/test_banded.py",
            "tests/estimation/psf/test_kernels.py",
            "tests/extraction",
            "tests/postprocessing/test_correlation.py",
            "tests/postprocessing/test_duplicates.py",
            "tests/postprocessing/test_filtering.py",
            "tests/postprocessing/test_merging.py",
            "tests/postprocessing/test_neighbours.py",
            "tests/psf/test_cholesky.py",
            "tests/psf/test_drawing.py",
            "tests/psf/test_window.py",
            "tests/refinement/test_block.py",
            "tests/rendering/test_drawing.py",
            "tests/rendering/test_kernels.py",
            "tests/estimation/screening/test_over_time.py",
            "tests/estimation/screening/test_transients.py",
            "tests/simulation/test_psf.py",
        ),
    ),
)
# Checks that run beside the tests.
BESIDE = ("mypy", "import-linter", "pytest with bounds checked")
# What pip writes when it fails, and what that means to the one who waits.
FAILURES = (
    (
        r"No space left on device|Errno 28\b|not enough space on the disk",
        "the disk is full: free about 4 GB and run the same command again",
    ),
    (
        r"NewConnectionError|Failed to establish a new connection|getaddrinfo|NameResolutionError"
        r"|Read timed out|ConnectTimeout|ProxyError|SSLError|ConnectionResetError",
        "the package server cannot be reached: connect to the internet (behind a proxy, set "
        "HTTPS_PROXY) and run the same command again",
    ),
    (
        r"No matching distribution found for tensorflow",
        "there is no TensorFlow for this computer ({machine}): use 64-bit Python on Linux, "
        "Windows or a Mac with Apple silicon",
    ),
    (
        r"Permission denied|Errno 13\b|Access is denied",
        "the folder {venv} cannot be written: close programs that use it, or give yourself the "
        "right to write there, and run the same command again",
    ),
)


class SetupError(Exception):
    """Something that the user can mend, said in one sentence."""


def main(arguments: "list[str]") -> int:
    """Run one command; return its exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        return show_help() or (0 if arguments else 2)
    command, rest = arguments[0], arguments[1:]
    try:
        check_python()
        set_up("developer" if command in ("check", "test", "docs") else "user")
        if command == "check":
            return run_checks([], CHECKS[:-2])
        if command == "test":
            # Whoever names tests wants those.
            return run_checks(rest, CHECKS[:-1] if rest else CHECKS, beside=BESIDE)
        if command == "docs":
            return call([PYTHON, "-m", "mkdocs", "build", "--strict", *rest], ROOT)
        return hand_over([PYTHON, "-m", "deep_storm", *arguments])
    except SetupError as error:
        print(f"run.py: {error}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def show_help() -> int:
    """Print what this script is for; return 141, as a shell does, when nobody reads it."""
    try:
        print((__doc__ or "").strip(), flush=True)
    except BrokenPipeError:
        # Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0


def check_python() -> None:
    """Raise SetupError when this Python cannot make the environment."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        versions = [f"3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
        found = [name for name in map("python{}".format, versions) if shutil.which(name)]
        raise SetupError(
            "this is Python {}, and Deep-STORM needs Python 3.{} to 3.{}: {}".format(
                platform.python_version(),
                OLDEST[1],
                NEWEST[1],
                f"start run.py with {found[0]}, which is on this computer"
                if found
                else "install one from python.org and start run.py with it",
            )
        )
    missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
    if missing:
        raise SetupError(
            "this Python comes without {}: install it (on Debian and Ubuntu: sudo apt install "
            "python3-venv) and run the same command again".format(" and ".join(missing))
        )


def set_up(level: str) -> None:
    """Make or renew the environment unless it is as the dependency lists say."""
    wanted = {name: fingerprint(name) for name in LOCKS}
    found = read_stamp()
    # The developers' list holds everything that the users' list holds.
    if wanted["developer"] == found.get("developer") or wanted[level] == found.get(level):
        return
    begin = time.time()
    say(f"Setting up .venv with {LOCKS[level]} (once, some minutes) ...")
    try:
        if found.get("home") != home():
            make_venv()
        else:
            STAMP.unlink()
        with LOG.open("w", encoding="utf-8", errors="replace") as log:
            pip(log, "install", "--no-deps", "--only-binary=:all:", "-r", str(ROOT / LOCKS[level]))
            pip(log, "install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        found = dict({"home": home()}, **{level: wanted[level]})
        STAMP.write_text(json.dumps(found), encoding="utf-8")
    except OSError as error:
        raise SetupError(explain(str(error))) from error
    say(f"Set up in {time.time() - begin:.0f} s.")


def make_venv() -> None:
    """Make the environment anew: unfinished, moved or of another Python it is useless."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        raise SetupError("run.py was started with the Python of .venv: start it with another one")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode:
        raise SetupError(explain(made.stdout))


def pip(log: "TextIO", *arguments: str) -> None:
    """Run the environment's pip; keep what it says in the log."""
    # A user's own pip settings for installing elsewhere would make it fail here.
    environment = dict(os.environ, PIP_USER="0")
    for name in ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"):
        environment.pop(name, None)
    command = [str(PYTHON), "-I", "-m", "pip", *arguments, "--no-input", "--no-color"]
    command.append("--disable-pip-version-check")
    done = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
    if done.returncode:
        raise SetupError(explain(LOG.read_text(encoding="utf-8", errors="replace")))


def explain(output: str) -> str:
    """Turn the output of a failed installation into one sentence."""
    for pattern, sentence in FAILURES:
        if re.search(pattern, output):
            return sentence.format(machine=platform.platform(), venv=VENV)
    tail = "\n".join("  " + line for line in output.strip().splitlines()[-8:])
    say(tail)
    return f"the installation failed: its last lines are above, all of it is in {LOG}"


def fingerprint(level: str) -> str:
    """Return what the environment depends on: lock, the project's declaration, place and Python."""
    declared = re.findall(
        r"^\[(?:project|build-system|dependency-groups)\b[^\n]*\n(?:(?!\[)[^\n]*\n)*",
        (ROOT / "pyproject.toml").read_text(encoding="utf-8") + "\n",
        flags=re.MULTILINE,
    )
    lock = (ROOT / LOCKS[level]).read_text(encoding="utf-8")
    return hashlib.sha256("\n".join([home(), lock, *declared]).encode("utf-8")).hexdigest()


def home() -> str:
    """Return what an environment cannot survive a change of: its place and its Python."""
    return "{} {}.{} {}".format(VENV, *sys.version_info[:2], platform.machine())


def read_stamp() -> "dict[str, str]":
    """Read what is installed; nothing when an installation was interrupted."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(stamp) if PYTHON.exists() else {}


def run_checks(
    pytest_arguments: "list[str]",
    checks: "tuple[tuple[str, tuple[str, ...]], ...]" = CHECKS,
    beside: "tuple[str, ...]" = (),
) -> int:
    """Run checks, also after one failed, so that one run tells everything.

    Those named in ``beside`` run beside the others, and are told at the end.
    """
    failed = []
    with ExitStack() as ended:
        waiting = [(n, ended.enter_context(started(c))) for n, c in checks if n in beside]
        for name, arguments in checks:
            if name not in beside:
                say(f"== {name}")
                extra = pytest_arguments if name == "pytest" else []
                if call([PYTHON, *arguments, *extra], ROOT):
                    failed.append(name)
        for name, finish in waiting:
            say(f"== {name}")
            if finish():
                failed.append(name)
    say("== failed: {}".format(", ".join(failed)) if failed else "== all checks passed")
    return 1 if failed else 0


@contextmanager
def started(arguments: "tuple[str, ...]") -> "Iterator[Callable[[], int]]":
    """Start a check; what is returned waits for it, shows what it said, and gives its exit code."""
    command = [str(PYTHON), *arguments]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=str(ROOT), stdout=said, stderr=subprocess.STDOUT)

        def finish() -> int:
            code = process.wait()
            said.seek(0)
            say(said.read().decode("utf-8", "replace").rstrip())
            return code

        try:
            yield finish
        finally:
            if process.poll() is None:  # Ctrl-C
                process.kill()
                process.wait()


def call(command: "list[object]", folder: "Path | None" = None) -> int:
    """Run a command to its end; Ctrl-C reaches it by itself and is waited for."""
    process = subprocess.Popen([str(part) for part in command], cwd=folder and str(folder))
    stopped = False
    while True:
        try:
            code = process.wait()
            break
        except KeyboardInterrupt:
            stopped = True
    if stopped and folder:
        raise KeyboardInterrupt
    return code if code >= 0 else 128 - code


def hand_over(command: "list[object]") -> int:
    """Become the command where the system can do that, else run it."""
    if os.name == "nt":
        return call(command)
    sys.stdout.flush()
    return os.execv(str(command[0]), [str(part) for part in command])


def say(text: str) -> None:
    """Print at once, on standard error: standard output belongs to the verb."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
