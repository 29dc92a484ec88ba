"""Every command line of a benchmark that the documentation names is one that the script takes."""

from __future__ import annotations

import argparse
import ast
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
COMMAND = re.compile(r"python (benchmarks/\w+\.py)((?: +[^\s`#&|)]+)*)")


class Parsed(BaseException):
    """The arguments were taken; nothing of the benchmark runs."""


def whole_lines(text):
    """Return a text in which commands that go on in the next line are whole."""
    return re.sub(r" *\\?\n +(?=-)", " ", text)


def commands():
    """Return script and words of each command of the pages and of the scripts' first lines."""
    found = {}
    for page in PAGES:
        for script, words in COMMAND.findall(whole_lines(page.read_text(encoding="utf-8"))):
            found.setdefault((script, words.strip()), page.name)
    for script in sorted((ROOT / "benchmarks").glob("*.py")):
        about = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
        for name, words in COMMAND.findall(whole_lines(about)):
            found.setdefault((name, words.strip()), script.name)
    return sorted(found)


@pytest.mark.parametrize(("script", "words"), commands())
def test_a_benchmark_takes_the_arguments_that_are_named(script, words, monkeypatch):
    def parse(self, args=None, namespace=None):
        plain(self, args, namespace)
        raise Parsed

    plain = argparse.ArgumentParser.parse_args
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    monkeypatch.setattr(sys, "argv", [script, *shlex.split(words)])
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    with pytest.raises(Parsed):
        runpy.run_path(str(ROOT / script), run_name="__main__")
