"""Reconstruct Stack...: the image in front, its ROI, or a file → image, table and files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from deep_storm.camera import Camera
from deep_storm.errors import (
    CameraDoubtError,
    Cancelled,
    DeepStormError,
    SettingsError,
    StackError,
)
from deep_storm.fiji.camera import remember_camera
from deep_storm.fiji.client.work import Work
from deep_storm.fiji.commands.generic import (
    camera_choice,
    open_report,
    run_work,
    show,
    source_name,
    work_of,
)
from deep_storm.fiji.exchange import KEPT, error_from_data
from deep_storm.fiji.imagej.form import Form
from deep_storm.fiji.menu.catalog import place_of
from deep_storm.fiji.menu.parameters import CURRENT
from deep_storm.fiji.models import remember_model
from deep_storm.fiji.runner import Call, Outcome
from deep_storm.fiji.wording import in_dialog_words
from deep_storm.words import WARNING, counted


def reconstruct(call: Call) -> Outcome:
    """Reconstruct; what was done until it was stopped is offered to the user."""
    work = work_of(call)
    if work.frames is not None and work.options.pop("resume", False):
        raise SettingsError(
            "Resume together with the active image",
            "the file of the stack",
            "give it in the field 'Movie', or leave resume out of the field 'More options'",
        )
    try:
        outcome = reconstructed(call, work)
    except CameraDoubtError as doubt:
        outcome = reconstructed(call, _with_camera_decided(call, work, doubt))
    remember_model(call.host, call.values["model"])
    return outcome


def reconstructed(call: Call, work: Work) -> Outcome:
    """Do the work and show what it gives; what is unfinished is offered first."""
    work.keep_when_stopped = True
    result = run_work(call, work)
    if result["json"].get("failed"):
        raise StackError(result["summary"])
    saved = bool(result["written"])
    if not result["complete"] and not saved:
        result = _unfinished(call, work, result)
    outcome = show(call, result, source_name(call, work))
    if "stacks" not in result["json"]:  # of a sweep, a browser full of reports helps nobody
        open_report(call, result)
    if "problem" in result:
        raise _told_what_is_there(result, saved)
    return replace(outcome, warnings=tuple(warnings_of(result)))


def warnings_of(result: dict[str, Any]) -> Iterator[str]:
    """Give what must not be overlooked: a camera in doubt, and frames that do not fit."""
    about = result["json"]
    for note in about.get("notes", ()):
        if note.startswith(WARNING):
            yield note
    fits = about.get("fits", {})
    if fits.get("causes"):
        yield "\n".join(["The frames do not fit:", *fits["verdict"]])


def _with_camera_decided(call: Call, work: Work, doubt: CameraDoubtError) -> Work:
    """Ask what to do about a camera that contradicts the noise; return the work to be done then.

    Raises
    ------
    CameraDoubtError
        Nobody can be asked.
    Cancelled
        Nothing shall be done.
    """
    if not call.host.asks:
        raise doubt
    camera = work.options.get("camera")
    mends = camera is not None and bool(doubt.setting)
    title, go_on = f"Deep-STORM: {call.command.title}", "Continue as it is"
    use = f"Use {doubt.value:g}" if mends else go_on
    form = Form(title, use, other=go_on if mends else "")
    form.say(in_dialog_words(str(doubt), call.command))
    in_setup = mends and camera_choice(call.values) == CURRENT
    if in_setup:
        form.say(f"{use} also enters it in {place_of('camera-setup')}")
    if not form.show():
        raise Cancelled(f"{call.command.title} was stopped; the camera was not changed")
    if not mends or form.other_pressed():
        work.options["trust_camera"] = True
        return work
    work.options["camera"] = {**work.options["camera"], doubt.setting: doubt.value}
    if in_setup:
        remember_camera(call.host, Camera.parse(work.options["camera"]))
    return work


def _unfinished(call: Call, work: Work, result: dict[str, Any]) -> dict[str, Any]:
    """Ask whether to keep what there is; write it then."""
    frames = result["json"]["frames"]
    found = result["json"]["localizations"]
    problem = error_from_data(result["problem"]) if "problem" in result else None
    done = f"{counted(frames, 'frame')} with {counted(found, 'localization')}"
    question = f"Stopped after {done}. Keep them?"
    if problem is not None:
        question = f"{problem}\n{question}"
    question = in_dialog_words(question, call.command)
    if not frames or not call.host.offer("Deep-STORM", question, keep="Keep", drop="Discard"):
        if problem is not None:
            raise problem
        raise Cancelled(
            f"Reconstruct was stopped after {counted(frames, 'frame')}; nothing was kept"
        )
    if work.frames is None:
        return result
    written = run_work(call, Work(KEPT, {}, work.title))
    return {**result, **written}


def _told_what_is_there(result: dict[str, Any], saved: bool) -> DeepStormError:
    """Return the error that ended it, with what was kept; a file's error names it already."""
    problem = error_from_data(result["problem"])
    if saved:
        return problem
    kept = f"what the {counted(result['json']['frames'], 'frame')} before gave is kept"
    if result["written"]:
        kept += f" in {result['written'][0]} and beside it"
    advice = f"{problem.advice}; {kept}" if problem.advice else kept
    return StackError(problem.received, problem.expected, advice)
