"""What the actions share: the host that is running, what they keep, and values of Java."""

from __future__ import annotations

import jpype

ASKED = {}
"""What the test process may call, by name."""
STATUS = []
KEPT = {}
"""Images by name."""
HOST = None


def asked(function):
    """Let the test process call a function."""
    ASKED[function.__name__] = function
    return function


def java(name):
    return jpype.JClass(name)


def plain(value):
    """Turn Java's values into Python's."""
    if isinstance(value, jpype.JString):
        return str(value)
    if isinstance(value, jpype.java.io.File):
        return str(value)
    if isinstance(value, jpype.java.lang.Boolean):
        return bool(value)
    if isinstance(value, jpype.java.lang.Number):
        return float(value.doubleValue())
    if isinstance(value, jpype.JInt | jpype.JLong | jpype.JShort):
        return int(value)
    return value


def plain_host():
    from deep_storm.fiji.imagej.host import Host

    return Host({"prefs": HOST.context.service("org.scijava.prefs.PrefService")})
