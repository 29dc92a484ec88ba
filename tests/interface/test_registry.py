import inspect
import re
from pathlib import Path

import pytest

import deep_storm
from deep_storm.interface.declaration import Argument
from deep_storm.interface.registry import NAMES, load
from deep_storm.interface.sections import CLASSES
from deep_storm.interface.verb import verb, verb_of
from deep_storm.settings import Evaluation, Rendering, Settings, Simulation, Training, setting


def test_every_module_of_a_verb_is_listed():
    folder = Path(deep_storm.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*.py")]
    declared = [
        re.search(r"^def (\w+)\(", text[found.end() :], flags=re.M)
        for text in texts
        for found in re.finditer(r"^@verb\(", text, flags=re.M)
    ]
    assert {name.replace("-", "_") for name in NAMES} == {found[1] for found in declared if found}


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_is_declared_under_its_name_and_described(name):
    declared = load(name)
    assert declared.name == name
    assert declared.description
    assert not declared.description.endswith(".")
    assert all(a.description for a in declared.arguments)
    assert set(declared.settings.values()) <= set(CLASSES)


def test_sections_of_a_settings_file_are_unambiguous():
    assert len({cls.__name__.lower() for cls in CLASSES}) == len(CLASSES)


def test_a_parameter_must_be_declared():
    with pytest.raises(TypeError, match="does not declare table"):

        @verb("draw")
        def draw(table): ...


def test_a_declaration_must_be_a_parameter():
    with pytest.raises(TypeError, match="declares tabel"):

        @verb("draw", Argument("table", "a table"), Argument("tabel", "a table"))
        def draw(table): ...


def test_two_settings_of_one_verb_must_not_have_the_same_name():
    with pytest.raises(TypeError, match=r"Training.seed has the same name as one of Simulation"):

        @verb("learn", simulation=Simulation, training=Training)
        def learn(*, simulation=Simulation(), training=Training()): ...


def test_a_setting_must_not_have_the_name_of_an_argument():
    with pytest.raises(TypeError, match=r"Evaluation.frames"):

        @verb("score", Argument("frames", "which"), settings=Evaluation)
        def score(frames, *, settings=Evaluation()): ...


def test_a_setting_must_not_have_the_name_of_a_common_option():
    class Talk(Settings):
        """Talk."""

        debug: int = setting(1, "how much")

    with pytest.raises(TypeError, match=r"Talk.debug"):

        @verb("talk", talk=Talk)
        def talk(*, talk=Talk()): ...


def test_the_function_shows_its_settings_one_by_one():
    @verb("draw", Argument("table", "a table"), settings=Rendering)
    def draw(table, *, settings=Rendering()):
        """Draw it."""

    names = list(inspect.signature(draw).parameters)
    assert names == ["table", "settings", *Rendering.model_fields, "config"]
    assert draw.__doc__.startswith("Draw it.\n\nOther Parameters\n")
    assert verb_of(draw).name == "draw"
