"""Reconstruct...: the image in front, its ROI, or a file → image, table and files."""

from __future__ import annotations

from typing import Any

from deep_storm.errors import Cancelled
from deep_storm.fiji.commands.generic import run_work, show, work_of
from deep_storm.fiji.jobs import Work
from deep_storm.fiji.requests import KEPT
from deep_storm.fiji.runner import Call, Outcome


def reconstruct(call: Call) -> Outcome:
    """Reconstruct; what was done until it was stopped is offered to the user."""
    work = work_of(call)
    work.keep_when_stopped = True
    result = run_work(call, work)
    if not result["complete"]:
        result = _unfinished(call, work, result)
    name = work.frames.name if work.frames is not None else str(call.values["stack"])
    return show(call, result, name.replace("\\", "/").rpartition("/")[2])


def _unfinished(call: Call, work: Work, result: dict[str, Any]) -> dict[str, Any]:
    """Ask whether to keep what there is; write it then."""
    frames = result["json"]["frames"]
    found = result["json"]["localizations"]
    question = f"Stopped after {frames} frames with {found} localizations. Keep them?"
    if not frames or not call.host.ask("Deep-STORM", question, otherwise=True):
        raise Cancelled(f"Reconstruct was stopped after {frames} frames; nothing was kept")
    written = run_work(call, Work(KEPT, {}, work.title))
    return {**result, **written}
