"""Errors that speak of keywords to who calls a verb from Python."""

import pytest

from deep_storm.errors import SettingsError
from deep_storm.interface.keywords import in_keywords
from deep_storm.interface.registry import load
from deep_storm.interface.verb import Argument, call, verb, verb_of
from deep_storm.settings import DriftCorrection


@verb(
    "complain",
    Argument("from_model", "a model", option="--from"),
    Argument("output", "a file", writes=True),
    Argument("camera", "a file"),
    Argument("beads", "a flag", bool),
    settings=DriftCorrection,
)
def complain(
    *, from_model=None, output=None, camera=None, beads=False, settings=None, overwrite=False
):
    """Raise an error that names what a user types."""
    raise SettingsError("the output exists", "another -o", "allow replacing it with --overwrite")


def test_python_is_told_keywords_and_the_command_line_options():
    with pytest.raises(SettingsError) as from_python:
        complain(output="a.csv")
    with pytest.raises(SettingsError) as from_elsewhere:
        call(verb_of(complain), output="a.csv")
    said = "the output exists; expected another {}: allow replacing it with {}."
    assert str(from_python.value) == said.format("output", "overwrite=True")
    assert from_python.value.advice == "allow replacing it with overwrite=True"
    assert str(from_elsewhere.value) == said.format("-o", "--overwrite")


@pytest.mark.parametrize(
    ("typed", "called"),
    [
        ("give --bins 6", "give bins=6"),
        ("lower --max-drift-nm to 20.", "lower max_drift_nm to 20."),
        ("use --method markers, or none", 'use method="markers", or none'),
        ("--method first", "method first"),
        ("give --camera camera.toml, or a file", 'give camera="camera.toml", or a file'),
        ("--from none", 'from_model="none"'),
        ("the file of --config", "the file of config"),
        ("the same command with --overwrite", "the same command with overwrite=True"),
        ("leave out --beads or --camera", "leave out beads or camera"),
        ("leave --beads out", "leave beads out"),
        ("in the folder /a/--camera", "in the folder /a/--camera"),
        ("/a -o/b.tif", "/a -o/b.tif"),
        ("without -o", "without output"),
        ("dask worker --nthreads 1", "dask worker --nthreads 1"),
        (
            "make them (deep-storm estimate --camera), or",
            "make them (deep-storm estimate --camera), or",
        ),
    ],
)
def test_options_of_the_verb_become_keywords(typed, called):
    assert in_keywords(typed, verb_of(complain)) == called


def test_frames_are_a_text():
    said = in_keywords("take those that are there with --frames 1:20", load("reconstruct"))
    assert said == 'take those that are there with frames="1:20"'
