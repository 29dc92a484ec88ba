"""``fiji check``: whether a Fiji is ready for the commands, seen from outside."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from deep_storm.fiji.menu.catalog import place_of
from deep_storm.fiji.models import FOLDER
from deep_storm.fiji.setup.installation import Installation, Part
from deep_storm.fiji.setup.provider_jar import JAR, jar_file
from deep_storm.fiji.setup.state import OLDEST_JAVA, check_app, thunderstorm_jar
from deep_storm.io.model_folder import CARD_FILE

NEEDS_CLASS_FROM = 13
"""The first Java without the class that ThunderSTORM needs."""
_SECONDS = 180
_JAVA_VERSION = re.compile(r'^JAVA_VERSION="(?:1\.)?(\d+)([^"]*)"', re.MULTILINE)


def check_fiji(app: Path) -> Installation:
    """Look at a Fiji's folder, its Python, the worker, Java, ThunderSTORM and models.

    Parameters
    ----------
    app
        Fiji's folder.
    """
    state = check_app(app)
    parts = [
        *state.parts,
        *_python_parts(state.python or Path(sys.executable)),
        _java(app),
        _thunderstorm(app),
        Part("Camera", f"kept in Fiji: {place_of('camera-setup')}", optional=True),
        _models(app),
    ]
    return Installation(tuple(parts), f"Start Fiji and run {place_of('super-resolve')}")


def _python_parts(python: Path) -> list[Part]:
    """Let a Python start a worker and load TensorFlow."""
    try:
        done = subprocess.run(
            [str(python), "-m", "deep_storm", "doctor", "--json"],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        found: dict[str, Any] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        what = f"`{python} -m deep_storm doctor` does not work ({type(error).__name__})"
        return [Part("Worker", "not tried", what, "run it to see why")]
    seen, problems = found["findings"], found["problems"]
    return [_worker(seen, problems), _tensorflow(seen, problems)]


def _worker(seen: dict[str, str], problems: list[str]) -> Part:
    ours = [text for text in problems if "worker process" in text or " is not installed" in text]
    if not ours:
        return Part("Worker", seen["Worker"])
    said, _, advice = ours[0].partition("; ")
    return Part("Worker", seen["Worker"], said, advice)


def _tensorflow(seen: dict[str, str], problems: list[str]) -> Part:
    wrong = next((text for text in problems if text.startswith("TensorFlow")), "")
    said, _, advice = wrong.partition("; ")
    version = re.search(r"tensorflow ([^ ,]+)", seen["Packages"])
    about = f"{version[1] if version else '?'}, GPUs: {seen.get('GPUs', 'none seen')}"
    return Part("TensorFlow", about, said, advice)


def _java_version(app: Path) -> tuple[int, str] | None:
    """Return the Java that lies in a Fiji, the newest of several."""
    found = []
    for file in (app / "java").rglob("release"):
        match = _JAVA_VERSION.search(file.read_text(encoding="utf-8", errors="replace"))
        if match is not None:
            found.append((int(match[1]), match[1] + match[2]))
    return max(found, default=None)


def _java(app: Path) -> Part:
    found = _java_version(app)
    if found is None:
        return Part("Java", "none in Fiji's folder: it takes the computer's", optional=True)
    if found[0] < OLDEST_JAVA:
        what = f"Fiji's Java {found[1]} is too old for its Python mode"
        return Part("Java", found[1], what, f"use a Fiji with Java {OLDEST_JAVA} or newer")
    return Part("Java", f"{found[1]} (in Fiji's folder)")


def _thunderstorm(app: Path) -> Part:
    name = "ThunderSTORM"
    jar = thunderstorm_jar(app)
    if jar is None:
        return Part(name, "not installed: tables open in ImageJ's own windows", optional=True)
    java, provider = _java_version(app), app / "jars" / JAR
    if provider.is_file() and provider.read_bytes() == jar_file():
        return Part(name, f"{jar.name}, with the class that new Java lacks")
    if java is not None and java[0] < NEEDS_CLASS_FROM:
        return Part(name, jar.name)
    what = f"{jar.name} cannot open its results window on Java {NEEDS_CLASS_FROM} and later"
    return Part(name, jar.name, what, f"run `deep-storm fiji install --app {app}`")


def _models(app: Path) -> Part:
    own = sorted(path.parent.name for path in (app / FOLDER).glob(f"*/{CARD_FILE}"))
    return Part("Models", ", ".join(dict.fromkeys(["general", *own])))
