"""Windows and dialogs: what they show, and what a user does with them."""

from __future__ import annotations

import re
import time

import jpype

from .session import asked, java


def visible():
    """Return the windows, dialogs too, that are shown."""
    return [window for window in java("java.awt.Window").getWindows() if window.isVisible()]


def title_of(window):
    """Return a window's title; nothing for one that cannot have any."""
    return str(getattr(window, "getTitle", str)())


def titled(title):
    return [window for window in visible() if title_of(window) == title]


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
    shown = [window for window in visible() if isinstance(window, java("java.awt.Dialog"))]
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
    for window in titled(title):
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
    for window in titled(title):
        for part in components(window):
            if isinstance(part, java("javax.swing.JProgressBar")):
                return bool(part.isIndeterminate()), float(part.getPercentComplete())
    return None


@asked
def click(label):
    """Press a button in any window; returns whether there was one."""
    for window in visible():
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
    for window in titled(title):
        event = java("java.awt.event.WindowEvent")
        closing = event(window, event.WINDOW_CLOSING)
        java("java.awt.Toolkit").getDefaultToolkit().getSystemEventQueue().postEvent(closing)


@asked
def pages():
    """Return the texts of the help windows that are open."""
    shown = filter(is_page, visible())
    parts = [part for window in shown for part in components(window)]
    panes = [part for part in parts if isinstance(part, java("javax.swing.JEditorPane"))]
    return [
        " ".join(str(p.getDocument().getText(0, p.getDocument().getLength())).split())
        for p in panes
    ]


@asked
def close_pages():
    """Close the help windows."""
    for window in filter(is_page, visible()):
        window.dispose()


def is_page(window):
    return isinstance(window, java("ij.gui.HTMLDialog"))


@asked
def tick(label, on=True):
    """Tick a box in any window."""
    for window in visible():
        for part in components(window):
            if isinstance(part, java("java.awt.Checkbox")) and str(part.getLabel()) == label:
                part.setState(on)
                return True
    return False


@asked
def fields(title):
    """Return the fields of a dialog: what stands in texts and choices, and the boxes' labels."""
    found = []
    for window in titled(title):
        for part in components(window) if isinstance(window, java("java.awt.Dialog")) else ():
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
    for window in titled(title):
        return [p for p in components(window) if isinstance(p, java("java.awt.Choice"))]
    return []


@asked
def enter(title, number, text):
    """Write into a dialog's text field, counted from 0."""
    for window in titled(title):
        parts = [p for p in components(window) if isinstance(p, java("java.awt.TextField"))]
        parts[number].setText(text)
        return True
    return False


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
def images():
    """Return the titles of the images in windows."""
    manager = java("ij.WindowManager")
    return [str(manager.getImage(int(n)).getTitle()) for n in manager.getIDList() or ()]


@asked
def arrange(title, x, y, width=None, height=None):
    """Move a window."""
    for frame in visible():
        if title_of(frame).startswith(title):
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
def open_swing_table(title, rows):
    """Open a window with a Swing table, as ThunderSTORM's results are."""
    swing = java("javax.swing.JTable")(java("javax.swing.table.DefaultTableModel")(rows, 2))
    frame = java("javax.swing.JFrame")(title)
    frame.add(java("javax.swing.JScrollPane")(swing))
    frame.pack()
    frame.setVisible(True)


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
