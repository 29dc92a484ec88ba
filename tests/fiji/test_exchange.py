"""The messages that are documented can be read, and have the keys of the code."""

from __future__ import annotations

import inspect
import json
import re

from deep_storm.fiji import exchange
from deep_storm.fiji.exchange import Frames, Request, error_from_data
from deep_storm.fiji.worker import process, requests, task

BEGIN = re.compile(r'^    \{"task"', flags=re.M)


def examples():
    """Return the messages that stand in the module's description."""
    text = exchange.__doc__
    decoder = json.JSONDecoder()
    return [decoder.raw_decode(text, found.start() + 4)[0] for found in BEGIN.finditer(text)]


def test_every_example_is_a_message_of_appose():
    assert len(examples()) == 11
    for message in examples():
        assert ("requestType" in message) != ("responseType" in message)


def test_a_request_is_documented_as_it_is():
    (asked,) = (m["inputs"] for m in examples() if "inputs" in m)
    assert asked.keys() == {"request", "control", "block"}
    assert asked["request"].keys() == Request.__annotations__.keys()
    assert asked["request"]["frames"].keys() == Frames.__annotations__.keys()
    frames, block = asked["request"]["frames"], asked["block"]["shape"]
    _, height, width = frames["shape"]
    assert block == [frames["frames_in_block"] * height * width * 2]


def test_what_the_worker_tells_is_what_it_says_in_the_code():
    told = {key for m in examples() for key in m.get("info", {})}
    source = inspect.getsource(task) + inspect.getsource(process)
    assert told == set(re.findall(r"\.say\((\w+)=", source))


def test_every_answer_is_documented():
    answers = [m["outputs"]["answer"] for m in examples() if "outputs" in m]
    source = inspect.getsource(process)
    assert {key for a in answers for key in a} == {
        "restart", *re.findall(r'return \{"(\w+)":', source)
    } - {"answer"}  # fmt: skip
    (error,) = (a["error"] for a in answers if "error" in a)
    assert str(error_from_data(error)).endswith("\n  x > \n     ^")
    (result,) = (a["result"] for a in answers if "result" in a)
    data = inspect.getsource(requests)
    named = set(re.findall(r'data\["(\w+)"\] =', data)) | {"summary", "written"}
    assert set(result) <= named
    assert all(f"``{name}``" in exchange.__doc__ for name in named)
