"""The scripts in the menu: written from the settings, and understood by SciJava's own parser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deep_storm.camera import Camera
from deep_storm.errors import OutputError
from deep_storm.fiji.menu import catalog, entries, entry
from deep_storm.fiji.menu.headers import (
    MACROS_BEGIN,
    MARK,
    MENU,
    scripts,
    with_macros,
    write_scripts,
)
from deep_storm.interface.registry import NAMES

ROOT = Path(__file__).resolve().parents[3] / "fiji-scripts"


def test_scripts_are_what_the_settings_say():
    stale = "run: python -m deep_storm.fiji.menu.headers"
    there = {p.relative_to(ROOT): p.read_text(encoding="ascii") for p in ROOT.rglob("*.py")}
    assert there == scripts(), stale


def test_every_verb_has_a_menu_item_or_is_named_as_having_none():
    in_menu = {k for k in entries.ENTRIES if not entries.ENTRIES[k].description}
    undecided = set(NAMES) - in_menu - entry.NOT_IN_MENU - set(entries.ENTRIES)
    assert not undecided


def test_writing_twice_changes_nothing(tmp_path):
    assert write_scripts(tmp_path)
    assert write_scripts(tmp_path) == []
    (tmp_path / MENU / "Gone....py").write_text(f"#!Python\n{MARK}.headers; of a version before")
    assert [p.name for p in write_scripts(tmp_path)] == ["Gone....py"]


def test_a_script_of_somebody_else_is_neither_removed_nor_replaced(tmp_path):
    write_scripts(tmp_path)
    own = tmp_path / MENU / "My_Own.py"
    own.write_text("print('mine')")
    assert write_scripts(tmp_path) == []
    assert own.read_text() == "print('mine')"
    taken = tmp_path / next(iter(scripts()))
    taken.write_text("print('mine, too')")
    with pytest.raises(OutputError, match="not written by Deep-STORM"):
        write_scripts(tmp_path)
    assert taken.read_text() == "print('mine, too')"


def test_macro_forms_in_the_documentation_are_what_the_settings_say():
    page = (ROOT.parent / "docs" / "fiji.md").read_text(encoding="utf-8")
    assert page == with_macros(page), "run: python -m deep_storm.fiji.menu.headers"
    for key in catalog.command_keys():
        assert f"\n{catalog.command(key).macro()}\n" in page


def test_macros_in_the_documentation_give_every_parameter():
    # what is left out opens a dialog
    page = (ROOT.parent / "docs" / "fiji.md").read_text(encoding="utf-8")
    calls = re.findall(r'^ *run\("(.+?)", "(.*)"\);$', page.split(MACROS_BEGIN)[0], flags=re.M)
    labels = {made.menu[-1]: made for made in map(catalog.command, catalog.command_keys())}
    ours = [(label, options) for label, options in calls if label in labels]
    assert len(ours) >= 3
    for label, options in ours:
        given = re.findall(r"(\w+)=(?:\[[^\]]*\]|\S+)", options)
        assert given == [p.name for p in labels[label].parameters], label


def test_fiji_puts_every_script_into_the_menu():
    # Fiji leaves a script whose name has no "_" out, and shows one of two with the same label
    files = [path.name for path in scripts()]
    assert [name for name in files if "_" not in name.strip("_")] == []
    labels = [name.removesuffix(".py").replace("_", " ") for name in files]
    assert sorted(set(labels)) == sorted(labels)
    assert set(labels) == {catalog.command(key).menu[-1] for key in catalog.command_keys()}


STEPS = ["1 Set Up", "2 Measure", "3 Train", "4 Reconstruct", "5 Post-Process", "6 Check"]


def test_the_menu_is_in_working_order_where_it_is_sorted_by_label():
    # imagej-legacy sorts by weight, which a script cannot have, then by the labels of the path
    paths = sorted(catalog.command(key).menu for key in catalog.command_keys())
    assert list(dict.fromkeys(path[0] for path in paths)) == [*STEPS, "Super-Resolve This Stack..."]
    assert {len(path) for path in paths} == {1, 2}


def test_the_page_shows_the_menu():
    page = (ROOT.parent / "docs" / "fiji.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d [^|]+|) ?\| (.+) \|$", page, flags=re.M)
    shown = {step.strip(): commands.split(", ") for step, commands in rows}
    for step in STEPS:
        there = [catalog.command(key).menu for key in catalog.command_keys()]
        assert shown[step] == sorted(menu[1] for menu in there if menu[0] == step)


def test_the_menu_of_scijava_is_in_working_order(imagej):
    found = imagej.ask("menu_tree", path=["Plugins", "Deep-STORM"])
    assert found == [*((step, False) for step in STEPS), ("Super-Resolve This Stack...", True)]
    reconstruct = imagej.ask("menu_tree", path=["Plugins", "Deep-STORM", "4 Reconstruct"])
    assert reconstruct == [("Preview Current Frame...", True), ("Reconstruct Stack...", True)]


def test_every_key_belongs_to_its_command():
    for key in catalog.command_keys():
        made = catalog.command(key)
        names = [p.name for p in made.parameters]
        assert len(set(names)) == len(names)
        for parameter in made.parameters:
            line = parameter.line(key)
            assert (
                f'persistKey="deepstorm.{key}.{parameter.name}"' in line or "persist=false" in line
            )
            assert line.isascii()


MAX_FIELDS = 9


def test_a_dialog_fits_the_screen():
    for key in catalog.command_keys():
        assert len(catalog.command(key).parameters) <= MAX_FIELDS, key


def test_what_a_dialog_does_not_show_is_among_its_further_options():
    for key in catalog.command_keys():
        made = catalog.command(key)
        assert ("more" in [p.name for p in made.parameters]) == bool(made.further)
        names = [p.name for p in made.everything]
        assert len(set(names)) == len(names)
        if made.further:
            described = made.parameters[-1].description
            assert all(p.name in described for p in made.further)


def test_labels_are_declared_with_settings_and_arguments():
    for key in catalog.command_keys():
        made = catalog.command(key)
        offered = {p.name for p in made.everything}
        if made.verb is None:
            continue
        for name, cls in made.verb.settings.items():
            for setting, field in cls.model_fields.items():
                labelled = field.json_schema_extra["label"]
                assert labelled or name == "camera" or setting not in offered, (key, setting)
        for argument in made.verb.arguments:
            assert argument.label or argument.name not in offered, (key, argument.name)


def test_labels_of_a_dialog_differ():
    for key in catalog.command_keys():
        labels = [p.label for p in catalog.command(key).everything]
        assert len(set(labels)) == len(labels), key


def test_a_share_is_a_slider():
    shares = [
        (key, p)
        for key in catalog.command_keys()
        for p in catalog.command(key).parameters
        if p.kind == "Double" and (p.minimum, p.maximum) == (0, 1)
    ]
    assert {p.name for _, p in shares} >= {"quantum_efficiency"}
    assert all('style="slider,' in p.line(key) for key, p in shares)


def test_words_have_one_meaning():
    for key in catalog.command_keys():
        for parameter in catalog.command(key).everything:
            if parameter.value == "auto":
                assert "= no limit" not in parameter.description
            if parameter.value == "all":
                assert parameter.read({}) is None


def test_no_value_is_empty():
    # a macro recorder drops empty values, and a missing one opens a dialog
    for key in catalog.command_keys():
        assert all(str(p.value) for p in catalog.command(key).parameters)


@pytest.mark.parametrize("key", catalog.command_keys())
def test_parser_understands_the_header(imagej, key):
    made = catalog.command(key)
    found, language, outputs = imagej.ask("parameters", script=str(ROOT / MENU / made.script))
    assert language == "Python"
    assert outputs == ["result_image", "result_table", "status"]
    for parameter in made.parameters:
        item = found[parameter.name]
        assert item["label"] == parameter.label
        assert item["type"] == parameter.kind
        assert item["choices"] == list(parameter.choices)
        assert item["minimum"] == parameter.minimum
        assert item["maximum"] == parameter.maximum
        value = (
            float(parameter.value) if parameter.kind in ("Integer", "Double") else parameter.value
        )
        assert item["default"] == value
        assert item["description"]


def test_a_range_comes_from_the_settings_class(imagej):
    found, _, _ = imagej.ask(
        "parameters", script=str(ROOT / MENU / catalog.command("camera-setup").script)
    )
    assert found["quantum_efficiency"]["maximum"] == 1.0
    assert found["pixel_size_nm"]["label"] == "Pixel size (nm)"
    assert set(Camera.model_fields) - {"response_std"} <= set(found)
    assert "response_std" in found["more"]["description"]


def test_scijava_finds_the_commands_where_the_menu_says(imagej):
    wanted = {
        " > ".join(("Plugins", "Deep-STORM", *catalog.command(k).menu))
        for k in catalog.command_keys()
    }
    assert wanted <= set(imagej.ask("menu"))


def test_where_files_go_is_said_in_full(tmp_path, monkeypatch):
    """In Fiji nobody knows the folder that it was started in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    (output,) = (p for p in catalog.command("reconstruct").parameters if p.name == "output")
    assert output.read({"output": "kept"}) == tmp_path / "kept"
    assert output.read({"output": "~/kept"}) == tmp_path / "home" / "kept"
    assert output.read({"output": "none"}) is None
    (model,) = (p for p in catalog.command("reconstruct").parameters if p.name == "model")
    assert str(model.read({"model": "general"})) == "general"
    assert model.read({"model": "~/mine"}) == tmp_path / "home" / "mine"
