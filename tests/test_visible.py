"""What others wrote into names never commands a terminal."""

from __future__ import annotations

import json
import os

import pytest

from deep_storm.cli import main
from deep_storm.errors import StackError
from deep_storm.visible import visible, visible_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("movie µ–σ 日本.tif", "movie µ–σ 日本.tif"),
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("\x9b2Jgone", r"\x9b2Jgone"),
        ("a\nb\r", r"a\nb\r"),
        ("\u202etxt.exe", r"\u202etxt.exe"),
        ("\udcff.tif", r"\xff.tif"),
        ("\U000e0041", r"\U000e0041"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_written_out(text, shown):
    assert visible(text) == shown
    assert visible(text).isprintable()
    assert json.loads(visible_json(json.dumps(text, ensure_ascii=False))) == text


def test_lines_stay_where_they_are_ours():
    assert visible("a\nb\x1b", keep_lines=True) == "a\nb\\x1b"


def test_long_texts_are_cut_off():
    assert visible("x" * 10_000_000).endswith("x…")
    assert len(visible("x" * 10_000_000)) == 2000
    assert len(str(StackError("\x1b" * 10_000_000))) < 10_000


@pytest.mark.skipif(os.name != "posix", reason="names of POSIX")
def test_the_terminal_gets_no_command_of_a_file_name(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name = "a\x1b]0;gone\x07\u202e.csv"
    (tmp_path / name).write_text('"frame","x\x1b[31m","y [nm]"\n1,2,3\n')
    for arguments in ([name], ["none\x1b[2J.csv"], ["--colour", "\x1b[5m", name]):
        assert main(["render", *arguments, "-o", "out"]) == 2
    (tmp_path / name).write_text('"frame","x [nm]","y [nm]"\n1,2,3\n')
    assert main(["filter", name, "x > 1", "-o", "b\x1b[2J"]) == 0
    assert main(["filter", name, "x > 1", "-o", "c\x9b2J", "--json"]) == 0
    (tmp_path / "\x1b[1m.toml").write_text('["\\u001b[31m"]\n')
    assert main(["render", name, "--config", "\x1b[1m.toml", "-o", "out"]) == 2
    talk = capsys.readouterr()
    assert (talk.out + talk.err).replace("\n", "").isprintable()
