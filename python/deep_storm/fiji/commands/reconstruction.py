"""Reconstruct Stack...: the image in front, its ROI, or a file → image, table and files."""

from __future__ import annotations

from typing import Any

from deep_storm.errors import Cancelled, DeepStormError, SettingsError, StackError
from deep_storm.fiji.client.work import Work
from deep_storm.fiji.commands.generic import open_report, run_work, show, source_name, work_of
from deep_storm.fiji.exchange import KEPT, error_from_data
from deep_storm.fiji.models import remember_model
from deep_storm.fiji.runner import Call, Outcome
from deep_storm.words import counted


def reconstruct(call: Call) -> Outcome:
    """Reconstruct; what was done until it was stopped is offered to the user."""
    work = work_of(call)
    if work.frames is not None and work.options.pop("resume", False):
        raise SettingsError(
            "Resume together with the active image",
            "the file of the stack",
            "give it in the field 'Movie', or leave resume out of the field 'More options'",
        )
    outcome = reconstructed(call, work)
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
    return outcome


def _unfinished(call: Call, work: Work, result: dict[str, Any]) -> dict[str, Any]:
    """Ask whether to keep what there is; write it then."""
    frames = result["json"]["frames"]
    found = result["json"]["localizations"]
    problem = error_from_data(result["problem"]) if "problem" in result else None
    done = f"{counted(frames, 'frame')} with {counted(found, 'localization')}"
    question = f"Stopped after {done}. Keep them?"
    if problem is not None:
        question = f"{problem}\n{question}"
    if not frames or not call.host.ask("Deep-STORM", question, otherwise=True):
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
