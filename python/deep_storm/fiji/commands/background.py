"""Measure Background...: the ROI, or what lies below ImageJ's automatic threshold.

In a crowded movie the darkest part holds the light between the molecules. That is worth a
measurement, but it is not the camera: it goes there only when the frames do not speak against it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.camera import Camera
from deep_storm.errors import StackError
from deep_storm.estimation.camera.light import traces_of_light
from deep_storm.estimation.sampling import MIN_FRAMES
from deep_storm.fiji.camera import remember_camera, remembered_camera
from deep_storm.fiji.imagej.images import ImageFrames
from deep_storm.fiji.imagej.java import java_class
from deep_storm.fiji.imagej.overlays import show_area
from deep_storm.fiji.runner import Call, Outcome
from deep_storm.words import counted

Values = npt.NDArray[np.intp]

METHOD = "Default"
"""ImageJ's threshold method; without "dark" it selects the dark part."""
ROI_DRAWN = "ROI"
NOT_STORED = "The camera was not changed."
MAX_FRAMES, MAX_PIXELS = 100, 20_000
"""Of these, light in what was measured is looked for."""
NOISES = 4.0
"""A frame without molecules is cut in two by the threshold as well: its whole noise is dark."""


def measure(call: Call) -> Outcome:
    """Measure mean and standard deviation of the dark part, as a person does by hand."""
    image = call.image
    ImageFrames(image, use_roi=False)  # refuses colours and the like
    roi, how = image.getRoi(), ROI_DRAWN
    if roi is None or not roi.isArea():
        roi, how = _dark_part(image), "below ImageJ's automatic threshold"
    mean, deviation, pixels = _statistics(image, roi)
    if deviation == 0:
        raise StackError(
            f"the {pixels} pixels of {image.getTitle()} ({how}) are all {mean:g}",
            "dark pixels of a camera, which vary with its noise",
            "draw a ROI on the background of raw frames",
        )
    if how == ROI_DRAWN:
        _check_dark(image, mean)
    show_area(image, roi, "background")
    table = _into_results(call, image, mean, deviation, pixels)
    text = (
        f"Background {mean:.2f} ± {deviation:.2f} ADU ({pixels} pixels, {how})\n"
        f"Baseline {mean:.2f} ADU, read-out noise {deviation:.2f} ADU"
    )
    if call.values["use_for_camera"]:
        light = _light(image, roi, how)
        text += "\n" + (_offer(call, mean, deviation) if _wanted(call, light) else NOT_STORED)
    return Outcome(text, table=table)


def _light(image: Any, roi: Any, how: str) -> str:
    """Say why what was measured may be light, not the camera; empty when nothing speaks for it."""
    frames = ImageFrames(image, use_roi=False)
    count = frames.shape[0]
    if count < MIN_FRAMES:
        if how == ROI_DRAWN:
            return ""
        return (
            f"{counted(count, 'frame')} of {image.getTitle()} cannot show whether its darkest part "
            "is without light"
        )
    rows, columns = _pixels(roi, frames.shape[1:])
    chosen = np.unique(np.linspace(0, count - 1, min(count, MAX_FRAMES)).round().astype(int))
    values = np.stack([frames.read(t, t + 1)[0][rows, columns] for t in chosen.tolist()])
    traces = traces_of_light(values)
    return f"what was measured in {image.getTitle()} holds light: {traces[0]}" if traces else ""


def _pixels(roi: Any, shape: tuple[int, int]) -> tuple[Values, Values]:
    """Return rows and columns of pixels of a ROI, so many that they show light."""
    height, width = shape
    bounds, mask = roi.getBounds(), roi.getMask()
    part = np.ones((int(bounds.height), int(bounds.width)), dtype=bool)
    if mask is not None:
        part = np.frombuffer(memoryview(mask.getPixels()), dtype=np.uint8).reshape(part.shape) != 0
    rows, columns = np.nonzero(part)
    rows, columns = rows + int(bounds.y), columns + int(bounds.x)
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    step = max(1, int(inside.sum()) // MAX_PIXELS)
    return rows[inside][::step], columns[inside][::step]


def _wanted(call: Call, light: str) -> bool:
    """Return whether the values may go to the camera; who sits there is asked if it is light.

    Raises
    ------
    StackError
        Nobody can be asked.
    """
    if not light:
        return True
    if call.host.asks:
        question = f"{light[:1].upper()}{light[1:]}. Use it for the camera all the same?"
        return call.host.ask(f"Deep-STORM: {call.command.title}", question, otherwise=False)
    raise StackError(
        f"{light}; the camera was not changed",
        "the baseline and the noise of a camera in the dark",
        "measure frames that were taken with the shutter closed, draw a ROI in a covered corner, "
        "or enter baseline and noise in Plugins > Deep-STORM > Camera Setup...",
    )


def _check_dark(image: Any, mean: float) -> None:
    """Refuse a ROI that is brighter than the dark part of the frame and its noise."""
    dark_mean, dark_deviation, _ = _statistics(image, _dark_part(image))
    limit = max(_threshold(image), dark_mean + NOISES * dark_deviation)
    if mean > limit:
        raise StackError(
            f"the ROI has no dark pixels: its mean is {mean:.1f}, and the dark part of "
            f"{image.getTitle()} ends at {limit:.1f} ADU",
            "a ROI on background without molecules",
            "draw it elsewhere, or remove it (Edit > Selection > Select None) to let the "
            "threshold find the dark part",
        )


def _threshold(image: Any) -> float:
    """Return the upper end of the dark part on the frame in view, in ADU."""
    processor = image.getProcessor().duplicate()
    processor.setAutoThreshold(METHOD)
    return float(processor.getMaxThreshold()) - _signed(image)


def _dark_part(image: Any) -> Any:
    """Threshold → create selection."""
    processor = image.getProcessor().duplicate()
    processor.setAutoThreshold(METHOD)
    roi = java_class("ij.plugin.filter.ThresholdToSelection")().convert(processor)
    if roi is None:
        raise StackError(
            f"{image.getTitle()} has no dark part that ImageJ's threshold finds",
            "pixels without light",
            "draw a ROI on the background",
        )
    return roi


def _statistics(image: Any, roi: Any) -> tuple[float, float, int]:
    """Measure the ROI on the frame in view."""
    processor = image.getProcessor().duplicate()
    processor.setRoi(roi)
    statistics = processor.getStatistics()
    if int(statistics.pixelCount) < 2:
        raise StackError("the ROI has fewer than two pixels", "an area", "draw a larger one")
    mean = float(statistics.mean) - _signed(image)
    return mean, float(statistics.stdDev), int(statistics.pixelCount)


def _signed(image: Any) -> float:
    """Return what ImageJ adds to the pixels of a signed 16-bit image."""
    return 32768.0 if image.getCalibration().isSigned16Bit() else 0.0


def _into_results(call: Call, image: Any, mean: float, deviation: float, pixels: int) -> Any:
    """Add a row to ImageJ's Results table."""
    results = java_class("ij.measure.ResultsTable").getResultsTable()
    results.incrementCounter()
    results.addValue("Label", str(image.getTitle()))
    results.addValue("Area (px)", float(pixels))
    results.addValue("Mean", mean)
    results.addValue("StdDev", deviation)
    if call.host.windows:
        results.show("Results")
        return None
    return results


def _offer(call: Call, mean: float, deviation: float) -> str:
    """Keep the values for the camera."""
    camera = remembered_camera(call.host)
    if camera is None:
        call.host.remember("camera-setup.baseline_adu", f"{mean:.4f}")
        call.host.remember("camera-setup.read_noise_adu", f"{deviation:.4f}")
        return "They stand in Camera Setup now; enter the rest of the camera there."
    values = camera.model_dump() | {"baseline_adu": mean, "read_noise_adu": deviation}
    remember_camera(call.host, Camera.parse(values))
    return "The camera has them now."
