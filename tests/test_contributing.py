"""What CONTRIBUTING.md says works, and the picture of the architecture is that of the code."""

from __future__ import annotations

import importlib.util
import re
import sys
import textwrap
from pathlib import Path

import pandas as pd
import pytest

from deep_storm import settings
from deep_storm.cli.app import make_app
from deep_storm.interface.verb import verb_of
from deep_storm.settings import Settings, setting

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def code_blocks():
    return [textwrap.dedent(b) for b in re.findall(r"^ *```python\n(.*?)```", TEXT, re.M | re.S)]


@pytest.fixture
def count(tmp_path, monkeypatch):
    """Return the verb of the example, made as the page says."""
    declared, module = code_blocks()
    names = {"Settings": Settings, "setting": setting, "__name__": "deep_storm.settings.counting"}
    exec(declared, names)
    monkeypatch.setattr(settings, "Counting", names["Counting"], raising=False)
    file = tmp_path / "count.py"
    file.write_text(module)
    spec = importlib.util.spec_from_file_location("count_example", file)
    example = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "count_example", example)
    spec.loader.exec_module(example)
    return example.count


def test_the_example_of_a_verb_is_one(count, capsys):
    table = pd.DataFrame(
        {"frame": [0, 0, 1], "x_nm": 1.0, "y_nm": 1.0, "confidence": [0.9, 0.4, 0.8]}
    )
    assert count(table).summary() == "1.0 localizations per frame"
    assert count(table, min_confidence=0.85).to_json() == {"localizations": 1, "frames": 2}
    make_app([verb_of(count)])(
        ["count", "--help"], exit_on_error=False, result_action="return_value"
    )
    assert "--min-confidence" in capsys.readouterr().out


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_file_that_a_page_names_exists(page):
    package = ROOT / "python" / "deep_storm"
    made_up = ("verbs/count.py", "tests/verbs/test_count.py", "verbs/NAME.py", "camera.toml")
    text = (ROOT / page).read_text(encoding="utf-8")
    folder = package
    for name in re.findall(r"`([a-z][\w./]*(?:/|\.(?:py|md|toml)))`", text):
        if name.endswith(made_up) or name.startswith("results/"):
            continue
        places = [ROOT / name, package / name, ROOT / "docs" / name, folder / name]
        found = [place for place in places if place.exists()]
        assert found, name
        folder = found[0] if name.endswith("/") else found[0].parent  # `b.py` after `a/`


def test_the_picture_of_the_layers_is_that_of_the_code():
    spec = importlib.util.spec_from_file_location("layers", ROOT / "docs" / "layers.py")
    layers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layers)
    picture = (ROOT / "docs" / "images" / "layers.svg").read_text(encoding="utf-8")
    assert picture == layers.drawn(), "run: python docs/layers.py"
