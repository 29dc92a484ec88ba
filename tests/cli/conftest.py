"""What the tests of the command line share."""

import functools

import pytest

from deep_storm.cli.app import make_app
from deep_storm.interface.registry import load


@functools.cache
def _options(verb):
    arguments = make_app([load(verb)])[verb].assemble_argument_collection()
    return {n for a in arguments for n in a.names if n.startswith("--")} | {"--help"}


@pytest.fixture(scope="session")
def options_of():
    """Return a function that gives the options of a verb, as they are typed."""
    return _options
