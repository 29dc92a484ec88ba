"""Preview Current Frame...: the localizations of the frame in view, drawn over it.

With windows the preview goes on: it follows the slider until its small window is closed.
"""

from __future__ import annotations

from typing import Any

from deep_storm.errors import SettingsError
from deep_storm.fiji.client.work import Work
from deep_storm.fiji.commands.generic import run_work, show, source_name, work_of
from deep_storm.fiji.commands.live import LINES, LivePreview
from deep_storm.fiji.imagej.form import Form
from deep_storm.fiji.imagej.images import frame_in_view
from deep_storm.fiji.imagej.overlays import show_localizations
from deep_storm.fiji.menu.parameters import CURRENT
from deep_storm.fiji.runner import Call, Outcome


def preview(call: Call) -> Outcome:
    """Localize the emitters of one frame and draw them, coloured by their confidence."""
    values = dict(call.values)
    in_front = values["stack"] == CURRENT
    follows = values["frame"] in (None, CURRENT)
    if follows:
        values["frame"] = frame_in_view(call.image) if in_front else 1
    values["frame"] = _number(values["frame"])
    call = Call(call.host, call.command, values, call.given_image)
    work = work_of(call)
    result = run_work(call, work)
    outcome = show(call, result, f"{source_name(call, work)} frame {values['frame']}")
    if in_front:
        pixel_size_nm = result["camera_pixel_size_nm"]
        show_localizations(call.image, result["table"], pixel_size_nm, values["frame"])
        if follows and call.host.asks:
            _follow(call, work.options, result["summary"])
    return outcome


def _number(frame: Any) -> int:
    try:
        return int(frame)
    except ValueError as error:
        raise SettingsError(
            f"frame is {str(frame)!r}",
            "a whole number from 1 on",
            "correct it in the field 'Frame'",
        ) from error


def _follow(call: Call, first: dict[str, Any], summary: str) -> None:
    """Follow the slider until the window is closed; what was drawn last stays."""
    form = Form(call.command.title, "Close", stays=True, cancel=False)
    form.say(f"Move the slider of {call.image.getTitle()}: each frame is previewed.")
    form.room(LINES)
    form.change(summary.partition("\n")[0])

    def work(frame: int) -> Work:
        values = {**call.values, "frame": frame, "output": None}
        return work_of(Call(call.host, call.command, values, call.given_image))

    def tell(text: str) -> None:
        form.change(text.partition("\n")[0])

    live = LivePreview(call.host, call.image, work, tell, {**first, "output": None})
    live.start()
    try:
        form.show()
    finally:
        live.close(clean=False)
