"""Help in Python tells each setting, as the command line's does."""

import inspect
import re

import pytest

from deep_storm.interface.docstrings import with_settings
from deep_storm.interface.registry import NAMES, load


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_in_the_docstring_of_its_verb(name):
    declared = load(name)
    text = with_settings(declared)
    named = re.findall(r"(?m)^(\w+)$", text)
    for parameter, cls in declared.settings.items():
        for setting, field in cls.model_fields.items() if parameter != declared.whole else ():
            assert setting in named
            assert field.description in text
    plain = inspect.getdoc(declared.function)
    assert [line for line in text.splitlines() if line in plain.splitlines()]
    assert text.split("Raises\n------")[1:] == plain.split("Raises\n------")[1:]


def test_help_shows_range_unit_and_default():
    import deep_storm as ds

    text = inspect.getdoc(ds.filter)
    assert text.startswith("Keep the localizations")
    before, after = text.split("\nOther Parameters\n----------------\n")
    assert "\nParameters\n" in before
    assert "[a number greater than 0 and at most 100,000 (nm), default 50.0]" in after
    assert after.index("\nconfig\n") < after.index("\nRaises\n")
