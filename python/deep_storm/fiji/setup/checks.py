"""Fiji's part of ``doctor``: Java, PyImageJ, the Fiji that was installed into, the worker."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from deep_storm import packages
from deep_storm.errors import DeepStormError
from deep_storm.fiji.client.service import Worker
from deep_storm.fiji.setup.install import remembered_app
from deep_storm.fiji.setup.state import OLDEST_JAVA, check_app

PACKAGES = ("appose", "pyimagej", "scyjava", "jpype1")
INSIDE_WORKER = "DEEP_STORM_WORKER"
"""Set in the worker's environment: it need not start another one to see that it starts."""
_SECONDS = 20


def fiji_findings(problems: list[str]) -> dict[str, str]:
    """Return what is there for Fiji, a line for each subject.

    Parameters
    ----------
    problems
        What is missing is added here, with what to do about it. Who does not use Fiji needs
        none of it, so nothing is a problem as long as no Fiji was installed into.
    """
    ours: list[str] = []
    there = packages.installed(PACKAGES, packages.install_command("fiji"), ours)
    findings = {"PyImageJ": ", ".join(there) or "not installed", "Worker": _worker(ours)}
    if os.environ.get(INSIDE_WORKER):  # Fiji runs, whichever Fiji it is
        problems += ours
        return findings
    app = remembered_app()
    findings = {"Java": _java(ours), **findings}
    if app is not None:
        state = check_app(app)
        findings["Fiji"] = state.summary_line()
        ours += state.problems
        problems += ours
    else:
        findings["Fiji"] = "none yet (deep-storm fiji install --app DIR)"
    return findings


def _java(problems: list[str]) -> str:
    """Return the Java that Python would start; Fiji has its own."""
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if program is None or not shutil.which(program):
        return "none on this computer (Fiji brings its own; PyImageJ downloads one)"
    try:
        done = subprocess.run(
            [program, "-version"], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{program} does not start ({error})"
    first = (done.stderr or done.stdout).partition("\n")[0].strip()
    digits = "".join(c if c.isdigit() else " " for c in first).split()
    if digits and int(digits[0]) < OLDEST_JAVA:
        problems.append(
            f"{first} is too old for Fiji's Python mode; use Java {OLDEST_JAVA} or newer"
        )
    return f"{first} ({program})"


def _worker(problems: list[str]) -> str:
    """Start a worker and end it again."""
    if os.environ.get(INSIDE_WORKER):
        return "runs (these lines come from it)"
    try:
        began = time.monotonic()
        worker = Worker.start()
        worker.kill()
    except (DeepStormError, ImportError) as error:
        problems.append(f"the worker process for Fiji does not start: {error}")
        return "does not start"
    return f"starts in {time.monotonic() - began:.1f} s"
