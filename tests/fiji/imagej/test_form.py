"""A dialog that is cancelled, however ImageJ says so."""

from __future__ import annotations

import jpype
import pytest

from deep_storm.errors import SettingsError
from deep_storm.fiji.imagej.form import Form
from deep_storm.fiji.menu.catalog import command_keys


class JavaError(Exception):
    """Stands for an exception of Java's."""


class Dialog:
    """A dialog that ends as it is told to."""

    def __init__(self, ending):
        self.ending = ending

    def showDialog(self):
        """Wait for the user."""

    def wasCanceled(self):
        if isinstance(self.ending, str):
            raise JavaError(self.ending)
        return self.ending


class Field:
    """A text field in which somebody has written."""

    def __init__(self, text):
        self.text = text

    def getText(self):
        return self.text


@pytest.fixture
def form(monkeypatch):
    monkeypatch.setattr(jpype, "JException", JavaError)
    return Form.__new__(Form)


@pytest.mark.parametrize(
    ("ending", "confirmed"),
    [(False, True), (True, False), ("java.lang.RuntimeException: Macro canceled", False)],
)
def test_cancelled_or_confirmed(form, ending, confirmed):
    form._dialog = Dialog(ending)
    assert form.show() is confirmed


@pytest.mark.parametrize(("written", "number"), [("0.5", 0.5), (" 1e3 ", 1000.0), ("", None)])
def test_a_number_in_a_field(form, written, number):
    form._numbers, form._labels = {"gain": Field(written)}, {"gain": "Photons per ADU"}
    assert form.number_of("gain") == number


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("0,5", "write a decimal point and no thousands separator; correct the field 'Photons"),
        ("half", "correct the field 'Photons per ADU'"),
        ("inf", "correct the field 'Photons per ADU'"),
    ],
)
def test_what_is_no_number_in_a_field_is_refused(form, written, advice):
    form._numbers, form._labels = {"gain": Field(written)}, {"gain": "Photons per ADU"}
    with pytest.raises(SettingsError) as caught:
        form.number_of("gain")
    assert caught.value.received == f"Photons per ADU is {written!r}"
    assert caught.value.advice.startswith(advice)


@pytest.mark.parametrize("key", command_keys())
def test_a_dialog_in_which_nothing_is_changed_changes_nothing(screen, key):
    assert screen.ask("changed_by_its_dialog", key=key) == {}


def test_other_exceptions_are_no_cancel(form):
    form._dialog = Dialog("java.lang.NullPointerException")
    with pytest.raises(JavaError):
        form.show()
