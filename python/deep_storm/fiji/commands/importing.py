"""Import a simulation or a table that ThunderSTORM wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, StackError, TableError
from deep_storm.fiji.camera import camera_values
from deep_storm.fiji.commands.generic import LAST_TABLE, run_work, text_of, work_of
from deep_storm.fiji.imagej.host import table_title
from deep_storm.fiji.imagej.images import pixel_size_nm_of
from deep_storm.fiji.imagej.java import java_class
from deep_storm.fiji.imagej.overlays import show_emitters
from deep_storm.fiji.imagej.tables import to_results
from deep_storm.fiji.menu.parameters import CURRENT
from deep_storm.fiji.runner import Call, Outcome
from deep_storm.io.tables.about import known_of_file, note
from deep_storm.io.tables.files import read_table
from deep_storm.io.tables.labels import label_of
from deep_storm.words import counted


def import_simulation(call: Call) -> Outcome:
    """Check stack and truth, open the stack, draw the emitters over it, say what was found."""
    result = run_work(call, work_of(call))
    found = result["json"].get("camera")
    camera = None if found is None else Camera.parse(found)
    truth = read_table(call.values["truth"], camera, "ground truth")
    stack = call.values["stack"]
    image = call.image if stack == CURRENT else open_stack(stack)
    show_emitters(image, truth, result["json"]["pixel_size_nm"])
    call.host.show_image(image)
    text = text_of(result)
    call.tell(text)
    return Outcome(text, image)


def import_localizations(call: Call) -> Outcome:
    """Open a table in a Results window and, if wanted, draw it over the image in front."""
    path = call.values["table"]
    if path is None:
        raise TableError("no table is given", "a CSV file", "fill in the field 'Table'")
    values = camera_values(call.host, call.values["camera"])
    camera = None if values is None else Camera.parse(values)
    table = read_table(path, camera)
    note(table, known_of_file(path))
    results = call.host.show_table(to_results(table), table_title(path.name))
    call.host.remember(LAST_TABLE, str(path))
    columns = ", ".join(label_of(str(name)) for name in table.columns)
    text = f"{counted(len(table), 'localization')} from {path}: {columns}"
    image = call.image if call.values["overlay"] and call.image_is_open() else None
    if image is not None:
        show_emitters(image, table, _pixel_size_nm(image, camera))
    return Outcome(text, table=results)


def open_stack(path: Path) -> Any:
    """Open a stack with ImageJ, from the disk where it can be left there."""
    if not Path(path).is_file():
        raise StackError(f"there is no file {path}", "a stack (TIFF)", "check the spelling")
    ij = java_class("ij.IJ")
    image = ij.openVirtual(str(path)) or ij.openImage(str(path))
    if image is None:
        raise StackError(f"ImageJ cannot open {path}", "a TIFF", "convert it to TIFF")
    return image


def _pixel_size_nm(image: Any, camera: Camera | None) -> float:
    size = pixel_size_nm_of(image) or (camera.pixel_size_nm if camera is not None else None)
    if size is None:
        raise CameraError(
            f"the pixel size of {image.getTitle()} is unknown",
            "a scale, or a camera",
            "set the scale (Image > Properties...), or enter the camera in Camera Setup",
        )
    return size
