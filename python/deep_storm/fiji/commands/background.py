"""Measure Background...: the verb, its numbers in the Results table, and the camera that gets them.

The image in front is measured where a ROI is drawn, else in its darkest part. What contains light
is worth a measurement, but it goes to the camera only when somebody says so.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from deep_storm.camera import Camera
from deep_storm.errors import StackError
from deep_storm.fiji.camera import remember_camera, remember_values, remembered_camera
from deep_storm.fiji.client.work import Work
from deep_storm.fiji.commands.generic import run_work, source_name, text_of, work_of
from deep_storm.fiji.imagej.images import ImageFrames, roi_rectangle
from deep_storm.fiji.imagej.java import java_class
from deep_storm.fiji.imagej.overlays import area_of, show_area
from deep_storm.fiji.menu.catalog import place_of
from deep_storm.fiji.runner import Call, Outcome
from deep_storm.settings import KnownCamera

Data = dict[str, Any]

MEASURED = ("baseline_adu", "read_noise_adu")
NOT_STORED = "The camera was not changed."


def measure(call: Call) -> Outcome:
    """Measure baseline, read noise and gain, and keep them for the camera if that is wanted."""
    call = _with_known(call)
    work = work_of(call)
    if work.frames is not None:
        _measure_in_roi(call, work)
    result = run_work(call, work)
    if work.frames is not None and "mask" in result:
        show_area(call.image, area_of(result["mask"]), "background")
    found, name = result["json"], source_name(call, work)
    table = _into_results(call, name, found, _area_px(work, result))
    text = text_of(result)
    if call.values["use_for_camera"] or call.values["use_gain"]:
        text += "\n" + _kept(call, name, found)
    asked = call.values["use_for_camera"]  # then a warning stood in the question
    return Outcome(text, table=table, warnings=() if asked else tuple(found["warnings"]))


def _with_known(call: Call) -> Call:
    """Return the call with what is remembered of the camera where the dialog says nothing.

    A gain that is going to be replaced has no part in the measurement.
    """
    camera, values = remembered_camera(call.host), dict(call.values)
    replaced = {"photons_per_adu"} if values["use_gain"] else set()
    for name in KnownCamera.model_fields.keys() - replaced if camera is not None else ():
        if values.get(name) is None:
            values[name] = getattr(camera, name)
    return Call(call.host, call.command, values, call.given_image)


def _measure_in_roi(call: Call, work: Work) -> None:
    """Give the verb the whole frames, which tell the gain and whether the ROI is dark."""
    drawn = roi_rectangle(call.image)
    work.frames = ImageFrames(call.image, use_roi=False)
    if drawn is not None:
        work.options["roi"] = f"{drawn.left},{drawn.top},{drawn.width},{drawn.height}"


def _area_px(work: Work, result: Data) -> float:
    """Return how many pixels were used: those of the mask, or all of a frame."""
    if "mask" in result:
        return float(np.count_nonzero(result["mask"]))
    return math.nan if work.frames is None else float(math.prod(work.frames.shape[1:]))


def _into_results(call: Call, name: str, found: Data, area_px: float) -> Any:
    """Add a row to ImageJ's Results table; what is not known is NaN."""
    gain = found["gain"] or {"value": math.nan, "error": math.nan}
    row = {
        "Area (px)": area_px,
        "Baseline (ADU)": found["baseline_adu"],
        "Read noise (ADU)": found["read_noise_adu"],
        "Photons per ADU": gain["value"],
        "Error of photons per ADU": gain["error"],
    }
    results = java_class("ij.measure.ResultsTable").getResultsTable()
    results.incrementCounter()
    results.addValue("Label", name)
    for label, value in row.items():
        results.addValue(label, value)
    if call.host.windows:
        results.show("Results")
        return None
    return results


def _kept(call: Call, name: str, found: Data) -> str:
    """Keep what was measured for the camera; returns what to say about it.

    A gain that the camera lacks comes with baseline and noise where the verb trusts it; one that
    it has is replaced only where that is wanted.
    """
    camera, gain = remembered_camera(call.host), found["gain"]
    before: Data = {} if camera is None else camera.model_dump()
    notes, changes = [], {}
    if call.values["use_for_camera"] and _wanted(call, name, found):
        changes = dict(found["camera"])
    if call.values["use_gain"] and gain is not None:
        changes["photons_per_adu"] = float(f"{gain['value']:.3g}")
    elif call.values["use_gain"]:
        notes.append("Photons per ADU cannot be determined from the noise of the frames.")
    if not changes:
        return " ".join([*notes, NOT_STORED])
    values = before | changes
    if any(info.is_required() and n not in values for n, info in Camera.model_fields.items()):
        remember_values(call.host, values)
        notes.append("They are in Camera Setup now; enter the rest of the camera there.")
    else:
        remember_camera(call.host, Camera.parse(values))
        notes.append("The camera has these values now.")
    return " ".join(notes)


def _wanted(call: Call, name: str, found: Data) -> bool:
    """Return whether baseline and noise may go to the camera; asked where they may be light.

    Raises
    ------
    StackError
        Nobody can be asked.
    """
    if not found["lit"]:
        return True
    mean, error = found["baseline_adu"], found["baseline"]["error"]
    light = f"what was measured in {name} contains light"
    if found["method"] == "noise":
        light += f", so the baseline of {mean:.2f} ± {error:.2g} ADU comes from the shot noise"
    else:
        light += f", so the baseline is below the {mean:.2f} ADU of its mean"
    if call.host.asks:
        question = f"{light[:1].upper()}{light[1:]}. Use it for the camera anyway?"
        return call.host.ask(f"Deep-STORM: {call.command.title}", question, otherwise=False)
    raise StackError(
        f"{light}; the camera was not changed",
        "the baseline and the noise of a camera in the dark",
        "measure frames that were taken with the shutter closed, draw a ROI in a covered corner, "
        f"or enter baseline and noise in {place_of('camera-setup')}",
    )
