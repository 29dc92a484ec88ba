"""Preview Current Frame...: the localizations of the frame in view, drawn over it."""

from __future__ import annotations

from deep_storm.fiji.commands.generic import run_work, show, source_name, work_of
from deep_storm.fiji.imagej.images import frame_in_view
from deep_storm.fiji.imagej.overlays import show_localizations
from deep_storm.fiji.menu.parameters import CURRENT
from deep_storm.fiji.runner import Call, Outcome


def preview(call: Call) -> Outcome:
    """Localize the emitters of one frame and draw them, coloured by their confidence."""
    values = dict(call.values)
    in_front = values["stack"] == CURRENT
    if values["frame"] is None or values["frame"] == CURRENT:
        values["frame"] = frame_in_view(call.image) if in_front else 1
    values["frame"] = int(values["frame"])
    call = Call(call.host, call.command, values, call.given_image)
    work = work_of(call)
    result = run_work(call, work)
    outcome = show(call, result, f"{source_name(call, work)} frame {values['frame']}")
    if in_front:
        pixel_size_nm = result["camera_pixel_size_nm"]
        show_localizations(call.image, result["table"], pixel_size_nm, values["frame"])
    return outcome
