"""From the verbs' declarations to a program: options, help, and running one verb."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import deep_storm
from deep_storm.cli import endings
from deep_storm.cli.codes import STOPPED, USER
from deep_storm.cli.command import NAME, options_of, signature_of
from deep_storm.cli.output import note, print_result, warnings_on_stderr
from deep_storm.cli.progress import Watch
from deep_storm.compiling import told_to
from deep_storm.imports import uncollected
from deep_storm.interface.declaration import Verb
from deep_storm.interface.registry import NAMES, load
from deep_storm.interface.verb import call

if TYPE_CHECKING:
    from cyclopts import App

DESCRIPTION = """\
Crowded single-molecule frames in, a super-resolution image and a ThunderSTORM table out.

Every verb explains itself: deep-storm VERB --help. See it work: deep-storm demo.
"""


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit code, whatever happens."""
    # TensorFlow says on the terminal what concerns only its makers, and calls some of it errors.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a console without µ is no reason to fail
    chosen = [word for word in arguments[:1] if word in NAMES]
    try:
        with uncollected():
            app = make_app(load(name) for name in chosen or NAMES)
        command, bound, _ = app.parse_args(arguments, exit_on_error=False, print_error=False)
        code = command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - every error ends in one sentence here
        return endings.end(error, debug="--debug" in arguments, verb=chosen)
    return code if isinstance(code, int) else 0


def make_app(verbs: Iterable[Verb]) -> App:
    """Make the program for some verbs."""
    from cyclopts import App, Group

    app = App(
        name=NAME,
        help=DESCRIPTION,
        help_format="plaintext",
        version=_version,
        group_commands=Group("Verbs", sort_key=1),
        group_parameters=Group("Options", sort_key=2),
    )
    for order, verb in enumerate(verbs):
        app.command(_command(verb), name=verb.name, help=_sentence(verb), sort_key=order)
    app["--help"].group = app["--version"].group = (Group("Options", sort_key=2),)
    return app


def _command(verb: Verb) -> Any:
    def command(*positional: Any, **keywords: Any) -> int:
        bound = signature.bind(*positional, **keywords)
        return perform(verb, bound.arguments)

    signature = signature_of(verb)
    command.__dict__["__signature__"] = signature
    return command


def perform(verb: Verb, given: dict[str, Any]) -> int:
    """Call a verb with the parsed arguments, print its result; return the exit code."""
    options = options_of(verb, given)
    _note_what_is_lost(verb, options)
    with warnings_on_stderr(bool(given.get("debug"))), told_to(note):
        if "progress" in verb.parameters:
            with Watch() as watch:
                result = call(verb, **options, progress=watch)
        else:
            result = call(verb, **options)
    print_result(verb.name, result, as_json=bool(given.get("json")))
    if not getattr(result, "complete", True):
        return STOPPED
    return USER if getattr(result, "failed", ()) else 0


def _note_what_is_lost(verb: Verb, options: dict[str, Any]) -> None:
    """Note before long work that its results go nowhere."""
    outputs = [a.name for a in verb.arguments if a.left_out == "noted"]
    if any(options.get(name) is None for name in outputs):
        note("without -o nothing is written")


def _sentence(verb: Verb) -> str:
    return verb.description[:1].upper() + verb.description[1:] + "."


def _version() -> str:
    return deep_storm.__version__
