"""Settings: what they accept, and an error that says something else than what was given."""

from __future__ import annotations

import re

import pytest

from deep_storm.camera import Camera
from deep_storm.errors import SettingsError
from deep_storm.interface.sections import CLASSES
from deep_storm.settings import (
    Duplicates,
    Evaluation,
    Filtering,
    Measurement,
    Reconstruction,
    Rendering,
    Training,
    describe_range,
)

FIELDS = [(cls, name) for cls in CLASSES for name in cls.model_fields]


def pattern_of(cls, name):
    patterns = (getattr(m, "pattern", None) for m in cls.model_fields[name].metadata)
    return next((p for p in patterns if p), None)


def refusal(cls, **values):
    with pytest.raises(SettingsError) as caught:
        cls.parse(values)
    return caught.value


def test_a_number_alone_is_a_list_of_one():
    assert Evaluation.parse({"tolerance_nm": 100}).tolerance_nm == (100.0,)
    assert Evaluation.parse({"tolerance_nm": "50"}).tolerance_nm == (50.0,)
    assert Evaluation(tolerance_nm=(1, 2)).tolerance_nm == (1.0, 2.0)


def test_a_number_is_taken_where_a_text_may_be_one():
    assert Duplicates.parse({"distance": 20}).distance == "20"
    assert Duplicates.parse({"distance": 2.5}).distance == "2.5"
    assert Reconstruction.parse({"frames": 3}).frames == "3"


@pytest.mark.parametrize(
    ("cls", "values", "received", "expected"),
    [
        (
            Filtering,
            {"sigma_nm": "80-180"},
            "sigma_nm is '80-180'",
            "MIN:MAX, such as '80:180' (nm)",
        ),
        (Filtering, {"confidence": 0.5}, "confidence is 0.5", "MIN:MAX, such as '0.5:'"),
        (Rendering, {"field_nm": 5}, "field_nm is 5", "two numbers (nm)"),
        (Rendering, {"field_nm": (5,)}, "field_nm is (5,)", "two numbers (nm)"),
        (Rendering, {"field_nm": (5, 6, 7)}, "field_nm is (5, 6, 7)", "two numbers (nm)"),
        (Evaluation, {"tolerance_nm": ("a", 5)}, "tolerance_nm is 'a'", "one or more numbers (nm)"),
        (
            Rendering,
            {"sigma_nm": float("nan")},
            "sigma_nm is nan",
            "a finite number greater than 0 and at most 10,000 (nm)",
        ),
        (Training, {"steps": 2.5}, "steps is 2.5", "a whole number from 1 to 10,000,000"),
        (Training, {"seed": -1}, "seed is -1", "a whole number from 0 to 2,147,483,647"),
        (
            Duplicates,
            {"distance": True},
            "distance is True",
            "a number (nm) or a formula, such as '20'",
        ),
    ],
)
def test_an_error_does_not_contradict_itself(cls, values, received, expected):
    error = refusal(cls, **values)
    assert (error.received, error.expected) == (received, expected)


@pytest.mark.parametrize(("cls", "name"), FIELDS)
def test_what_a_field_expects_is_said_in_words(cls, name):
    said = describe_range(cls, name)
    assert not re.search(r"tuple|\[|<class|Literal|None|e\+", said)
    if pattern_of(cls, name) is not None:
        assert "text" not in said.split()


@pytest.mark.parametrize(
    ("cls", "name"), [(cls, name) for cls, name in FIELDS if pattern_of(cls, name)]
)
def test_an_example_of_a_text_is_accepted(cls, name):
    example = cls.model_fields[name].json_schema_extra["example"]
    assert re.search(pattern_of(cls, name), cls.model_fields[name].default or example)


@pytest.mark.parametrize("written", ["0,5", "1,500", "1.500,5", "1,500.5", "-0,5"])
def test_a_number_with_a_comma_is_told_how_to_write_it(written):
    with pytest.raises(SettingsError) as caught:
        Camera.parse({"pixel_size_nm": 100, "baseline_adu": 0, "photons_per_adu": written})
    assert caught.value.received == f"photons_per_adu is {written!r}"
    assert caught.value.advice.startswith(
        "write a decimal point and no thousands separator; change photons_per_adu ("
    )


@pytest.mark.parametrize("written", ["x", "a,b", ",", "0.5.1"])
def test_what_is_no_number_at_all_is_only_refused(written):
    with pytest.raises(SettingsError) as caught:
        Camera.parse({"pixel_size_nm": 100, "baseline_adu": 0, "photons_per_adu": written})
    assert caught.value.advice.startswith("change photons_per_adu (")


@pytest.mark.parametrize(
    ("cls", "name", "written"),
    [
        (Measurement, "roi", "10,20"),
        (Rendering, "field_nm", "500,400"),
        (Filtering, "frames", "1,9"),
    ],
)
def test_a_comma_in_what_is_no_number_is_none_of_a_number(cls, name, written):
    assert refusal(cls, **{name: written}).advice.startswith(f"change {name} (")


def test_settings_made_in_python_say_what_is_wrong_in_one_sentence():
    known = {"pixel_size_nm": 100, "baseline_adu": 100}
    with pytest.raises(SettingsError, match=r"pixel_size_nm is -1; expected a number from 0\.1"):
        Camera(**{**known, "pixel_size_nm": -1}, photons_per_adu=0.5)
    with pytest.raises(SettingsError, match=r"is missing; .* give Camera\(…, photons_per_adu=…\)"):
        Camera(**known)
    with pytest.raises(SettingsError, match=r"unknown setting 'gain'; .* did you mean 'em_gain'\?"):
        Camera(**known, photons_per_adu=0.5, gain=3)


@pytest.mark.parametrize("given", [("6",), ("1", "2", "3"), ()])
def test_words_of_the_command_line_are_shown_as_they_were_given(given):
    shown = re.escape(", ".join(given) or "()")
    with pytest.raises(SettingsError, match=rf"field_nm is {shown}; expected two numbers"):
        Rendering(field_nm=given)
