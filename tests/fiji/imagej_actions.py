"""What the tests may ask ImageJ's process to do; see ``imagej_host.py``."""

from __future__ import annotations

import importlib
import logging
import re
import sys
import time
from pathlib import Path

import jpype
import numpy as np

from deep_storm.fiji import runner

ASKED = {}
STATUS = []
KEPT = {}
ENDED = {}


def asked(function):
    """Let the test process call a function."""
    ASKED[function.__name__] = function
    return function


def use(host):
    """Take note of the host that is running."""
    global HOST
    HOST = host
    runner.LOGGER.addHandler(EndedHandler())
    runner.LOGGER.setLevel(logging.INFO)


def java(name):
    return jpype.JClass(name)


@asked
def run(script, image=None, wait=True, **inputs):
    """Run a script to its end; returns its outputs as plain data."""
    forget_inputs(script)
    values = java("java.util.HashMap")()
    for name, value in inputs.items():
        values.put(name, value)
    imp = None
    if image is not None:
        imp = KEPT.get(image) if isinstance(image, str) else make_image(**image)
        KEPT["last"] = imp
        values.put("image", imp)
    began = time.monotonic()
    module = HOST.scripts.run(java("java.io.File")(script), True, values).get()
    outputs = {str(e.getKey()): e.getValue() for e in module.getOutputs().entrySet()}
    language = module.getInfo().getLanguage().getLanguageName()
    data = {"status": status_of(script, outputs), "language": str(language)}
    data["seconds"] = (began, time.monotonic())
    data["inputs"] = {str(e.getKey()): str(e.getValue()) for e in module.getInputs().entrySet()}
    if outputs.get("result_image") is not None:
        data["image"] = describe_image(outputs["result_image"])
    if outputs.get("result_table") is not None:
        data["table"] = describe_table(outputs["result_table"])
    if imp is not None:
        data["overlay"] = describe_overlay(imp)
    return data


def status_of(script, outputs):
    """Return a command's status: its output, or with windows, where Fiji would show it, the log."""
    if outputs.get("status") is not None:
        assert not plain_host().windows, "a text output opens a window"
        return str(outputs["status"])
    text = Path(script).read_text(encoding="ascii")
    return ENDED.pop(re.search(r'run\("([a-z-]+)", globals', text)[1])


class EndedHandler(logging.Handler):
    """Notes with which status a command ended."""

    def emit(self, record):
        if record.msg == runner.ENDED:
            key, status = record.args
            ENDED[key] = status


def forget_inputs(script):
    """Forget what SciJava remembers of the last time: each test starts from the defaults."""
    prefs = HOST.context.service("org.scijava.prefs.PrefService")
    nobody = jpype.JObject(None, java("java.lang.Class"))
    for item in HOST.scripts.getScript(java("java.io.File")(script)).inputs():
        if item.getPersistKey():
            prefs.remove(nobody, item.getPersistKey())


@asked
def run_without_package(script):
    """Run a script where Deep-STORM cannot be imported."""
    name = "deep_storm.fiji"
    package, sys.modules[name] = sys.modules.get(name), None
    try:
        return run(script)
    finally:
        if package is None:
            del sys.modules[name]
        else:
            sys.modules[name] = package


@asked
def replace(module, name, value):
    """Set a variable of a module; returns what it was."""
    owner = importlib.import_module(module)
    before = getattr(owner, name)
    setattr(owner, name, value)
    return before


@asked
def parameters(script):
    """Return what SciJava's parser makes of a script's header."""
    info = HOST.scripts.getScript(java("java.io.File")(script))
    found = {}
    for item in info.inputs():
        found[str(item.getName())] = {
            "type": str(item.getType().getSimpleName()),
            "label": str(item.getLabel()),
            "description": str(item.getDescription()),
            "default": plain(item.getDefaultValue()),
            "minimum": plain(item.getMinimumValue()),
            "maximum": plain(item.getMaximumValue()),
            "choices": [str(c) for c in item.getChoices() or ()],
            "key": str(item.getPersistKey() or ""),
            "persisted": bool(item.isPersisted()),
        }
    return (
        found,
        str(info.getLanguage().getLanguageName()),
        [str(o.getName()) for o in info.outputs()],
    )


@asked
def menu():
    """Return the menu path of each script that SciJava finds."""
    return sorted(str(info.getMenuPath().getMenuString()) for info in HOST.scripts.getScripts())


@asked
def menu_tree(path):
    """Return the labels of SciJava's own menu below a path, and whether each is a command."""
    shadow = HOST.context.service("org.scijava.menu.MenuService").getMenu()
    for label in path:
        (shadow,) = [item for item in shadow.getChildren() if str(item.getName()) == label]
    return [(str(item.getName()), bool(item.isLeaf())) for item in shadow.getChildren()]


@asked
def status(clear=True):
    """Return what the status bar was told: (time, value, maximum, words)."""
    lines = list(STATUS)
    if clear:
        STATUS.clear()
    return lines


@asked
def call(function, **keywords):
    """Call a function of the package in this process: ``module:name``."""
    module, _, name = function.partition(":")
    return plain(getattr(importlib.import_module(module), name)(**keywords))


@asked
def evaluate(text, **names):
    """Evaluate an expression in this process."""
    return plain(eval(text, {**globals(), **names}))


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


def describe_table(results):
    names = [str(h) for h in results.getHeadings()]
    columns = {}
    for name in names:
        index = results.getColumnIndex(name)
        columns[name] = (
            np.array(results.getColumnAsDoubles(index), np.float64) if index >= 0 else None
        )
    return columns


def plain(value):
    """Turn Java's values into Python's."""
    if isinstance(value, jpype.JString):
        return str(value)
    if isinstance(value, jpype.java.io.File):
        return str(value)
    if isinstance(value, jpype.java.lang.Boolean):
        return bool(value)
    if isinstance(value, jpype.java.lang.Number):
        return float(value.doubleValue())
    if isinstance(value, jpype.JInt | jpype.JLong | jpype.JShort):
        return int(value)
    return value


def modal_loops():
    """Return how many modal dialogs wait for their end by now.

    A click that comes before ends a dialog whose waiting only begins then, and never ends.
    """
    loops = 0
    for entry in java("java.lang.Thread").getAllStackTraces().entrySet():
        if str(entry.getKey().getName()).startswith("AWT-EventQueue"):
            frames = [(str(f.getClassName()), str(f.getMethodName())) for f in entry.getValue()]
            loops += sum("WaitDispatchSupport" in c and m in ("run", "enter") for c, m in frames)
    return loops


@asked
def dialogs():
    """Return title, texts and buttons of the dialogs that are open, and hear of a click."""
    found = []
    shown = [
        window
        for window in java("java.awt.Window").getWindows()
        if window.isVisible() and isinstance(window, java("java.awt.Dialog"))
    ]
    if sum(bool(window.isModal()) for window in shown) > modal_loops():
        return []
    for window in shown:
        if window.isVisible():
            parts = list(components(window))
            written = (java("java.awt.Label"), java("java.awt.TextArea"))
            texts = [str(t.getText()) for t in parts if isinstance(t, written)]
            texts += [
                line for t in parts if type(t).__name__ == "ij.gui.MultiLineLabel"
                for line in multiline(t)
            ]  # fmt: skip
            buttons = [str(b.getLabel()) for b in parts if isinstance(b, java("java.awt.Button"))]
            found.append((str(window.getTitle()), " ".join(texts), buttons))
    return found


def multiline(label):
    field = label.getClass().getDeclaredField("lines")
    field.setAccessible(True)
    return [str(line) for line in field.get(label) or ()]


@asked
def cut_off(title):
    """Return the texts in a dialog or window that are larger than the room that they have."""
    found = []
    for window in java("java.awt.Window").getWindows():
        if not window.isVisible() or str(getattr(window, "getTitle", str)()) != title:
            continue
        for part in components(window):
            if type(part).__name__ == "ij.gui.MultiLineLabel":
                size, words = part.getMinimumSize(), " ".join(multiline(part))
            elif isinstance(part, java("java.awt.Label")):
                size, words = part.getMinimumSize(), str(part.getText())
            elif isinstance(part, java("java.awt.Button")):
                size, words = part.getMinimumSize(), str(part.getLabel())
            else:
                continue
            room = part.getSize()
            fits = room.height >= size.height and room.width >= size.width
            if words.strip() and not fits:
                found.append((words, (int(room.width), int(room.height))))
    return found


@asked
def bar(title):
    """Return whether a window's progress bar is indeterminate, and its value from 0 to 1."""
    for frame in java("java.awt.Frame").getFrames():
        if frame.isVisible() and str(frame.getTitle()) == title:
            for part in components(frame):
                if isinstance(part, java("javax.swing.JProgressBar")):
                    return bool(part.isIndeterminate()), float(part.getPercentComplete())
    return None


@asked
def click(label):
    """Press a button in any window; returns whether there was one."""
    for window in java("java.awt.Window").getWindows():
        if not window.isVisible():
            continue
        for part in components(window):
            if isinstance(part, java("java.awt.Button")) and re.fullmatch(
                label, str(part.getLabel()).strip()
            ):
                press(part)
                return True
    return False


@asked
def close(title):
    """Close a window by its cross."""
    for window in java("java.awt.Window").getWindows():
        if window.isVisible() and str(getattr(window, "getTitle", str)()) == title:
            event = java("java.awt.event.WindowEvent")
            closing = event(window, event.WINDOW_CLOSING)
            java("java.awt.Toolkit").getDefaultToolkit().getSystemEventQueue().postEvent(closing)


@asked
def pages():
    """Return the texts of the help windows that are open."""
    shown = [w for w in java("java.awt.Window").getWindows() if is_page(w)]
    parts = [part for window in shown for part in components(window)]
    panes = [part for part in parts if isinstance(part, java("javax.swing.JEditorPane"))]
    return [
        " ".join(str(p.getDocument().getText(0, p.getDocument().getLength())).split())
        for p in panes
    ]


@asked
def close_pages():
    """Close the help windows."""
    for window in java("java.awt.Window").getWindows():
        if is_page(window):
            window.dispose()


def is_page(window):
    return window.isVisible() and isinstance(window, java("ij.gui.HTMLDialog"))


@asked
def tick(label, on=True):
    """Tick a box in any window."""
    for window in java("java.awt.Window").getWindows():
        for part in components(window) if window.isVisible() else ():
            if isinstance(part, java("java.awt.Checkbox")) and str(part.getLabel()) == label:
                part.setState(on)
                return True
    return False


@asked
def fields(title):
    """Return the fields of a dialog: what stands in texts and choices, and the boxes' labels."""
    found = []
    for window in java("java.awt.Window").getWindows():
        if not (window.isVisible() and isinstance(window, java("java.awt.Dialog"))):
            continue
        for part in components(window) if str(window.getTitle()) == title else ():
            if isinstance(part, java("java.awt.TextField")):
                found.append(str(part.getText()))
            elif isinstance(part, java("java.awt.Choice")):
                found.append(str(part.getSelectedItem()))
            elif isinstance(part, java("java.awt.Checkbox")):
                found.append(str(part.getLabel()))
    return found


@asked
def lists(title):
    """Return the drop-down lists of a dialog."""
    return [
        [str(choice.getItem(number)) for number in range(int(choice.getItemCount()))]
        for choice in choices(title)
    ]


@asked
def choose(title, number, text):
    """Choose in one of a dialog's drop-down lists, counted from 0."""
    choices(title)[number].select(jpype.JString(text))


def choices(title):
    for window in java("java.awt.Window").getWindows():
        if window.isVisible() and str(getattr(window, "getTitle", str)()) == title:
            return [p for p in components(window) if isinstance(p, java("java.awt.Choice"))]
    return []


@asked
def enter(title, number, text):
    """Write into a dialog's text field, counted from 0."""
    for window in java("java.awt.Window").getWindows():
        if window.isVisible() and str(getattr(window, "getTitle", str)()) == title:
            parts = [p for p in components(window) if isinstance(p, java("java.awt.TextField"))]
            parts[number].setText(text)
            return True
    return False


@asked
def overlay(name):
    """Return what is drawn over an image that is kept."""
    return describe_overlay(KEPT[name])


def press(button):
    """Press a button, on the thread that presses buttons."""
    event = java("java.awt.event.ActionEvent")
    pressed = event(button, event.ACTION_PERFORMED, str(button.getLabel()))
    runnable = jpype.JProxy(
        "java.lang.Runnable", dict={"run": lambda: button.dispatchEvent(pressed)}
    )
    java("java.awt.EventQueue").invokeLater(runnable)


def components(container):
    for part in container.getComponents():
        yield part
        if isinstance(part, java("java.awt.Container")):
            yield from components(part)


@asked
def windows():
    """Return titles of visible frames."""
    frames = java("java.awt.Frame").getFrames()
    return [str(f.getTitle()) for f in frames if f.isVisible()]


@asked
def rows(title):
    """Return the cells of a Results window, row by row."""
    table = java("ij.measure.ResultsTable").getResultsTable(title)
    columns = [str(heading) for heading in table.getHeadings()]
    return [
        [str(table.getStringValue(column, row)) for column in columns]
        for row in range(int(table.size()))
    ]


@asked
def images():
    """Return the titles of the images in windows."""
    manager = java("ij.WindowManager")
    return [str(manager.getImage(int(n)).getTitle()) for n in manager.getIDList() or ()]


@asked
def arrange(title, x, y, width=None, height=None):
    """Move a window."""
    titled = (java("java.awt.Frame"), java("java.awt.Dialog"))
    for frame in java("java.awt.Window").getWindows():
        if not (frame.isVisible() and isinstance(frame, titled)):
            continue
        if str(frame.getTitle()).startswith(title):
            frame.setLocation(x, y)
            if width:
                frame.setSize(width, height)
                frame.validate()
            frame.toFront()
            time.sleep(0.3)  # it is drawn in another thread
            return True
    return False


@asked
def screenshot(path, x=0, y=0, width=None, height=None):
    """Take a picture of the screen."""
    size = java("java.awt.Toolkit").getDefaultToolkit().getScreenSize()
    box = java("java.awt.Rectangle")(x, y, width or int(size.width), height or int(size.height))
    picture = java("java.awt.Robot")().createScreenCapture(box)
    java("javax.imageio.ImageIO").write(picture, "png", java("java.io.File")(path))


@asked
def close_all():
    """Close images, tables and dialogs, when what was pressed has had its effect.

    A window that two threads close at the same moment makes both wait for ever.
    """
    nothing = jpype.JProxy("java.lang.Runnable", dict={"run": lambda: None})
    java("java.awt.EventQueue").invokeAndWait(nothing)
    for window in java("java.awt.Window").getWindows():
        if isinstance(window, (java("java.awt.Dialog"), java("javax.swing.JFrame"))):
            window.dispose()
    for identity in list(java("ij.WindowManager").getIDList() or ()):
        image = java("ij.WindowManager").getImage(int(identity))
        image.changes = False
        image.close()
    for window in list(java("ij.WindowManager").getNonImageWindows() or ()):
        java("ij.WindowManager").removeWindow(window)
        window.dispose()


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


@asked
def table_round_trip(table):
    """Turn a table into ImageJ's and back; returns ImageJ's columns and what came back."""
    from deep_storm.fiji.imagej.tables import from_results, to_results

    results = to_results(table)
    return describe_table(results), from_results(results, "the table")


@asked
def table_through_a_window(table, called):
    """Show a table, call its window something else, and read it as the table in front."""
    from deep_storm.fiji.imagej.tables import from_results, to_results

    host = plain_host()
    host.show_table(to_results(table), "movie localizations")
    java("ij.IJ").renameResults("movie localizations", called)
    return from_results(*host.table())


@asked
def changed_by_its_dialog(key):
    """Return the further options that a dialog changes in which nobody changed anything."""
    from deep_storm.fiji.imagej.form import Form
    from deep_storm.fiji.menu.catalog import command
    from deep_storm.fiji.values import _add, _read

    form, further = Form("none"), command(key).further
    for parameter in further:
        _add(form, parameter)
    texts = {parameter.name: _read(form, parameter) for parameter in further}
    return {p.name: texts[p.name] for p in further if texts[p.name] != p.shown}


@asked
def table_from_columns(columns):
    """Make a ResultsTable by hand and read it; returns the error's text if it is refused."""
    from deep_storm.errors import TableError
    from deep_storm.fiji.imagej.tables import from_results

    results = java("ij.measure.ResultsTable")()
    for name, values in columns.items():
        results.setValues(name, jpype.JArray(jpype.JDouble)(values))
    try:
        return from_results(results, "the table 'Results'")
    except TableError as error:
        return str(error)


@asked
def image_of(values, pixel_size_nm, corner_nm=(0.0, 0.0)):
    """Make an image from an array and describe it."""
    from deep_storm.fiji.imagej.images import to_image

    return describe_image(to_image(values, "made", pixel_size_nm, corner_nm))


@asked
def work(verb, options):
    """Hand work to the worker as a command does; returns the error's text."""
    from deep_storm.errors import DeepStormError
    from deep_storm.fiji.client.jobs import Job
    from deep_storm.fiji.client.work import Work

    try:
        return Job(plain_host(), Work(verb, options, "Work")).run()
    except DeepStormError as error:
        return str(error)


@asked
def add_command(name, macro):
    """Put a command into ImageJ's menus that runs a macro file."""
    known = java("ij.Menus").getCommands()
    if macro is None:
        known.remove(name)
    else:
        known.put(name, f'ij.plugin.Macro_Runner("{macro}")')


@asked
def open_swing_table(title, rows):
    """Open a window with a Swing table, as ThunderSTORM's results are."""
    swing = java("javax.swing.JTable")(java("javax.swing.table.DefaultTableModel")(rows, 2))
    frame = java("javax.swing.JFrame")(title)
    frame.add(java("javax.swing.JScrollPane")(swing))
    frame.pack()
    frame.setVisible(True)


@asked
def set_preference(key, value):
    """Set one of ImageJ's own preferences."""
    java("ij.Prefs").set(key, value)


@asked
def camera():
    """Return the camera that Camera Setup keeps."""
    from deep_storm.fiji.camera import remembered_camera

    found = remembered_camera(plain_host())
    return None if found is None else found.model_dump()


@asked
def forget(key):
    """Forget a preference of ours."""
    plain_host().remember(key, "")


def plain_host():
    from deep_storm.fiji.imagej.host import Host

    return Host({"prefs": HOST.context.service("org.scijava.prefs.PrefService")})


@asked
def modules(words):
    """Return which of some modules are imported in this process."""
    return [word for word in words if word in sys.modules]
