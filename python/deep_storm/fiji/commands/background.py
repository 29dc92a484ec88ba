"""Measure Background...: the ROI, or what lies below ImageJ's automatic threshold."""

from __future__ import annotations

from typing import Any

from deep_storm.camera import Camera
from deep_storm.errors import StackError
from deep_storm.fiji.camera import remember_camera, remembered_camera
from deep_storm.fiji.imagej.images import ImageFrames
from deep_storm.fiji.imagej.java import java_class
from deep_storm.fiji.imagej.overlays import show_area
from deep_storm.fiji.runner import Call, Outcome

METHOD = "Default"
"""ImageJ's threshold method; without "dark" it selects the dark part."""
NOISES = 4.0
"""A frame without molecules is cut in two by the threshold as well: its whole noise is dark."""


def measure(call: Call) -> Outcome:
    """Measure mean and standard deviation of the dark part, as a person does by hand."""
    image = call.image
    ImageFrames(image, use_roi=False)  # refuses colours and the like
    roi, how = image.getRoi(), "ROI"
    if roi is None or not roi.isArea():
        roi, how = _dark_part(image), "below ImageJ's automatic threshold"
    mean, deviation, pixels = _statistics(image, roi)
    if deviation == 0:
        raise StackError(
            f"the {pixels} pixels of {image.getTitle()} ({how}) are all {mean:g}",
            "dark pixels of a camera, which vary with its noise",
            "draw a ROI on the background of raw frames",
        )
    if how == "ROI":
        _check_dark(image, mean)
    show_area(image, roi, "background")
    table = _into_results(call, image, mean, deviation, pixels)
    text = (
        f"Background {mean:.2f} ± {deviation:.2f} ADU ({pixels} pixels, {how})\n"
        f"Baseline {mean:.2f} ADU, read-out noise {deviation:.2f} ADU"
    )
    if call.values["use_for_camera"]:
        text += "\n" + _offer(call, mean, deviation)
    return Outcome(text, table=table)


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
