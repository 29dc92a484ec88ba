"""Images of ImageJ: made for a test, described, and read as the commands read them."""

from __future__ import annotations

import jpype
import numpy as np

from .session import KEPT, asked, java


@asked
def keep_image(name, **image):
    """Make an image and keep it under a name."""
    KEPT[name] = make_image(**image)


def make_image(
    array=None, file=None, virtual=False, title="test", pixel=None, roi=None, axes="t", signed=False
):
    """Make an ImagePlus from an array (t, y, x) or (y, x), or open a file."""
    if file is not None:
        imp = java("ij.IJ").openVirtual(file) if virtual else java("ij.IJ").openImage(file)
    else:
        frames = array if array.ndim == 3 else array[None]
        height, width = frames.shape[1:]
        stack = java("ij.ImageStack")(width, height)
        for frame in frames:
            stack.addSlice(processor(frame))
        imp = java("ij.ImagePlus")(title, stack)
        if axes == "t" and len(frames) > 1:
            imp.setDimensions(1, 1, len(frames))
        if axes == "channels":
            imp.setDimensions(len(frames), 1, 1)
        if axes == "zt":
            imp.setDimensions(1, 2, len(frames) // 2)
        if axes == "c":
            imp.setDimensions(2, 1, len(frames) // 2)
    calibration = imp.getCalibration()
    if pixel is not None:
        calibration.pixelWidth = calibration.pixelHeight = pixel[0]
        calibration.setUnit(pixel[1])
    if signed:
        calibration.setSigned16BitCalibration()
    if roi is not None:
        imp.setRoi(java("ij.gui.Roi")(*[jpype.JInt(n) for n in roi]))
    return imp


def processor(frame):
    height, width = frame.shape
    if frame.dtype == np.uint8:
        pixels = jpype.JArray(jpype.JByte)(frame.view(np.int8).ravel())
        return java("ij.process.ByteProcessor")(width, height, pixels)
    if frame.dtype == np.uint16:
        pixels = jpype.JArray(jpype.JShort)(frame.view(np.int16).ravel())
        return java("ij.process.ShortProcessor")(width, height, pixels, None)
    if frame.dtype == np.int32:  # RGB
        return java("ij.process.ColorProcessor")(
            width, height, jpype.JArray(jpype.JInt)(frame.ravel())
        )
    pixels = jpype.JArray(jpype.JFloat)(np.float32(frame).ravel())
    return java("ij.process.FloatProcessor")(width, height, pixels)


def describe_image(imp):
    calibration = imp.getCalibration()
    values = np.array(imp.getProcessor().convertToFloatProcessor().getPixels(), np.float32)
    return {
        "title": str(imp.getTitle()),
        "array": values.reshape(int(imp.getHeight()), int(imp.getWidth())),
        "frames": int(imp.getStackSize()),
        "slices": (int(imp.getNSlices()), round(float(calibration.pixelDepth), 6)),
        "unit": str(calibration.getUnit()),
        "pixel": float(calibration.pixelWidth),
        "origin": (float(calibration.xOrigin), float(calibration.yOrigin)),
        "range": (float(imp.getDisplayRangeMin()), float(imp.getDisplayRangeMax())),
        "colours": [color_at(imp, level) for level in (0, 85, 170, 255)],
        "overlay": describe_overlay(imp),
    }


def color_at(imp, level):
    """Return red, green and blue of a level of an image's look-up table."""
    word = int(imp.getProcessor().getLut().getRGB(jpype.JInt(level)))
    return tuple(word >> shift & 255 for shift in (16, 8, 0))


def describe_overlay(imp):
    overlay = imp.getOverlay()
    if overlay is None:
        return []
    found = []
    for index in range(overlay.size()):
        roi = overlay.get(index)
        bounds = roi.getFloatBounds()
        box = (float(bounds.x), float(bounds.y), float(bounds.width), float(bounds.height))
        frame = max(int(roi.getPosition()), int(roi.getTPosition()))
        found.append({"name": str(roi.getName()), "box": box, "frame": frame,
                      "points": int(roi.size())})  # fmt: skip
    return found


@asked
def overlay(name):
    """Return what is drawn over an image that is kept."""
    return describe_overlay(KEPT[name])


@asked
def image_of(values, pixel_size_nm, corner_nm=(0.0, 0.0)):
    """Make an image from an array and describe it."""
    from deep_storm.fiji.imagej.images import to_image

    return describe_image(to_image(values, "made", pixel_size_nm, corner_nm))


@asked
def read_image(image, use_roi=True, start=0, stop=None, close_first=False):
    """Read an image as the commands do."""
    from deep_storm.errors import DeepStormError
    from deep_storm.fiji.imagej.images import ImageFrames

    imp = KEPT[image] if isinstance(image, str) else make_image(**image)
    try:
        frames = ImageFrames(imp, use_roi=use_roi)
        if close_first:
            imp.flush()
        values = frames.read(start, frames.shape[0] if stop is None else stop)
    except DeepStormError as error:
        return str(error)
    return {
        "values": values,
        "shape": frames.shape,
        "dtype": str(frames.dtype),
        "name": frames.name,
        "pixel_size_nm": frames.pixel_size_nm,
        "corner": (frames.rectangle.left, frames.rectangle.top),
    }


@asked
def change_while_reading(image):
    """Read an image's frames, change a pixel, and ask whether it is unchanged."""
    from deep_storm.errors import StackError
    from deep_storm.fiji.imagej.images import ImageFrames

    imp = make_image(**image)
    frames = ImageFrames(imp)
    imp.getStack().getProcessor(1).set(0, 0, 77)
    try:
        frames.check_unchanged()
    except StackError as error:
        return str(error)
    return "unchanged"


@asked
def stack_sum(image, block_frames):
    """Read a whole stack in blocks; returns its sum and this process's memory growth in bytes."""
    import psutil

    from deep_storm.fiji.imagej.images import ImageFrames

    frames = ImageFrames(make_image(**image))
    process = psutil.Process()
    before, most, total = process.memory_info().rss, 0, 0
    block = np.empty((block_frames, *frames.shape[1:]), frames.dtype)
    for start in range(0, frames.shape[0], block_frames):
        stop = min(start + block_frames, frames.shape[0])
        frames.read_into(start, stop, block[: stop - start])
        total += int(block[: stop - start, 0, 0].sum())
        most = max(most, process.memory_info().rss - before)
    return frames.shape, total, most
