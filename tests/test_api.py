import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import deep_storm as ds
from deep_storm import settings
from deep_storm.errors import SettingsError
from deep_storm.fiji.menu.entries import ENTRIES
from deep_storm.interface.declaration import Shown
from deep_storm.interface.registry import load
from deep_storm.names import OTHERS, SETTINGS, VERBS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]


def test_every_public_name_is_there():
    for name in ds.__all__:
        assert getattr(ds, name) is not None
        assert name in dir(ds)


@pytest.mark.parametrize("name", [name.replace("-", "_") for name in VERBS])
def test_every_verb_can_be_called_also_after_everything_was_imported(name):
    import deep_storm.fiji.exchange
    import deep_storm.report.page  # noqa: F401

    verb = getattr(ds, name)
    assert callable(verb)
    declared = load(name.replace("_", "-"))
    assert {*declared.parameters, *declared.fields} <= inspect.signature(verb).parameters.keys()


def test_a_package_with_the_name_of_a_verb_does_what_the_verb_does(tmp_path):
    import deep_storm.report.page as page

    assert ds.report.page is page
    with pytest.raises(SettingsError, match="no file"):
        ds.report(tmp_path / "none-run.toml")
    with pytest.raises(SettingsError, match="no folder"):
        ds.fiji("install", app=tmp_path / "none")


def test_type_checkers_see_what_is_there():
    tree = ast.parse(Path(ds.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: node.module
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    packages = {"fiji", "report"}  # and verbs, which are found in their modules
    names = {name.replace("-", "_") for name in VERBS} | {*SETTINGS, *OTHERS}
    assert seen.keys() == names - packages


def test_every_settings_class_is_found_and_documented():
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert re.findall(r"^::settings (\w+)$", page, flags=re.M) == list(SETTINGS)
    assert all(hasattr(settings, name) or name == "Camera" for name in SETTINGS)
    written = {
        name for name, value in vars(settings).items() if inspect.isclass(value) and name[0] != "_"
    }
    assert written - {"Settings", "Domain", "Pupil", "TheoryPsf"} == SETTINGS.keys() - {"Camera"}


def test_every_settings_class_may_be_a_default():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    calls = project["tool"]["ruff"]["lint"]["flake8-bugbear"]["extend-immutable-calls"]
    known = {f"deep_storm.settings.{name}" for name in SETTINGS}
    assert set(calls) <= known
    defaults = {
        f"deep_storm.settings.{type(parameter.default).__name__}"
        for name in VERBS
        for parameter in load(name).parameters.values()
        if isinstance(parameter.default, settings.Settings)
    }
    assert defaults <= set(calls)


def test_every_verb_has_a_place_in_fiji_or_needs_none():
    assert VERBS.keys() - ENTRIES.keys() == {
        "report",
        "benchmark",
        "demo",
        "fiji",
    }


def test_a_misspelt_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Camra"):
        _ = ds.Camra  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import deep_storm", ("numpy", "pydantic", "pandas", "rich")),
        (
            "from deep_storm.cli import main; main(['train', '--help']); main(['--help'])",
            ("pandas", "scipy", "numba", "matplotlib", "tensorflow", "keras", "jpype"),
        ),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code, heavy):
    program = f"import sys\n{code}\nsys.exit(' '.join(set({heavy!r}) & sys.modules.keys()) or 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", VERBS)
def test_a_result_shows_itself_as_on_the_command_line(name):
    import deep_storm.runs.evaluation  # noqa: F401 - which its verb imports when it is called

    names = load(name).function.__annotations__["return"].split(" | ")
    shown = {kind.__name__: kind for kind in _all_below(Shown)}
    for kind in names:
        assert shown[kind].__repr__ is Shown.__repr__


def _all_below(kind):
    return [below for one in kind.__subclasses__() for below in (one, *_all_below(one))]


def test_a_shown_result_names_its_files(tmp_path):
    table = pd.DataFrame({"frame": [0, 1], "x_nm": [1.0, 2.0], "y_nm": [3.0, 4.0]})
    shown = repr(ds.filter(table, "x > 1", output=tmp_path / "kept.csv"))
    assert shown.splitlines()[0] == "1 of 2 localizations kept (50.0%)"
    assert f"Wrote {tmp_path / 'kept.csv'}" in shown
