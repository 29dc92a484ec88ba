"""Any verb as a command: values → keywords, the worker, and its result shown."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, SettingsError, StackError, TableError
from deep_storm.fiji.camera import camera_values
from deep_storm.fiji.client.jobs import Job
from deep_storm.fiji.client.work import Work
from deep_storm.fiji.commands.beforehand import check_without_worker
from deep_storm.fiji.imagej.host import NO_TABLE, TABLE_TITLE, table_title
from deep_storm.fiji.imagej.images import ImageFrames, to_image
from deep_storm.fiji.imagej.tables import from_results, to_results
from deep_storm.fiji.imagej.window import ProgressWindow
from deep_storm.fiji.menu.catalog import place_of
from deep_storm.fiji.menu.declared import pair_names
from deep_storm.fiji.menu.entry import MATCHED_TO, NEEDED_BY_CHOICE
from deep_storm.fiji.menu.labels import label_of
from deep_storm.fiji.menu.parameters import CURRENT, GENERAL, IMAGES, NONE
from deep_storm.fiji.runner import Call, Outcome
from deep_storm.interface.declaration import Argument, Verb
from deep_storm.settings import Background, Emitters, Network, Psf

LAST_TABLE = "last.table"
_DONE = {
    "filter": "filtered",
    "correct-drift": "drift corrected",
    "merge": "merged",
    "remove-duplicates": "without duplicates",
    "cluster": "clustered",
}
"""What a verb has done to a table, for the title of the new one."""
_MOLECULES = (Psf, Emitters, Background)


def perform(call: Call) -> Outcome:
    """Call the command's verb in the worker and show what it gives."""
    work = work_of(call)
    result = run_work(call, work)
    outcome = show(call, result, source_name(call, work))
    if work.frames is not None and work.titles:  # which need not belong together
        outcome = replace(outcome, text=f"{outcome.text}\n{_together(work)}")
    if not {"image", "table"} & result.keys():
        call.tell(outcome.text)
        return outcome
    return replace(outcome, warnings=tuple(result["json"].get("warnings", ())))


def _together(work: Work) -> str:
    """Say which image and table were taken, as they were in front."""
    name = "" if work.frames is None else work.frames.name
    return f"Taken: the image {name} and the table {', '.join(work.titles.values())}"


def source_name(call: Call, work: Work) -> str:
    """Return the name of the image or table that a command works on; the command's for none."""
    if work.frames is not None:
        return work.frames.name
    given = [*work.titles.values(), *(call.values.get(name) for name in ("stack", "table"))]
    named = next((str(value) for value in given if value not in (None, CURRENT)), "")
    return named.replace("\\", "/").rpartition("/")[2] or call.command.title


def run_work(call: Call, work: Work, *, finish: bool = False) -> dict[str, Any]:
    """Do some work, with a window that can stop it where there are windows."""
    window: ProgressWindow | None = None
    if call.host.windows:
        window = ProgressWindow(call.command.title, finish=finish)
    try:
        return Job(call.host, work, window).run()
    finally:
        if window is not None:
            window.close()


def work_of(call: Call) -> Work:
    """Collect what the worker has to know: keywords, frames, tables.

    Where a verb takes both the image and the table in front, one of them is enough.

    Raises
    ------
    SettingsError
        Something that the verb needs is not given.
    CameraError
        The general model, or a simulation, has no camera.
    StackError, TableError
        No image or table is open where one is meant, or it does not suit.
    """
    verb = _verb_of(call)
    values = dict(call.values)
    labels = {p.name: p.label for p in call.command.everything}
    _choose_simulation(values, verb, labels)
    check_without_worker(values, verb, labels)
    work = Work(verb.name, {}, call.command.title, tensorflow=call.command.tensorflow)
    if "camera" in verb.settings and "camera" in values:
        camera = camera_values(call.host, camera_choice(values))
        if camera is not None:
            work.options["camera"] = camera
    _add_arguments(call, work, verb, values)
    for name in verb.fields:
        if values.get(name) is not None:
            work.options[name] = values[name]
    if values.get("config") is not None:
        work.options["config"] = str(values["config"])
    if values.get("overwrite"):
        work.options["overwrite"] = True
    _check_camera(call, work, verb)
    return work


def _add_arguments(call: Call, work: Work, verb: Verb, values: dict[str, Any]) -> None:
    """Add the arguments of the verb; of image and table in front, one is enough."""
    in_front = [a.name for a in verb.arguments if values.get(a.name) == CURRENT]
    both = len(in_front) > 1
    for argument in verb.arguments:
        try:
            _add_argument(call, work, verb, argument, values)
        except (StackError, TableError) as error:
            in_front.remove(argument.name)
            if isinstance(error, StackError) and call.image_is_open():
                raise
            if not in_front and both and error.received == NO_TABLE:
                raise StackError(
                    "neither an image nor a localization table is open",
                    "one of them, or a file",
                    f"open one (File > Open..., or {place_of('import-localizations')}), or give "
                    "its file",
                ) from error
            if not in_front:
                raise
            call.host.log(f"{call.command.title}: {argument.name} is left out: {error}")


def _check_camera(call: Call, work: Work, verb: Verb) -> None:
    """Complain about a camera that is missing before the worker and TensorFlow are started."""
    if not {"camera", "config"}.isdisjoint(work.options) or "camera" not in verb.parameters:
        return
    values = call.values
    without = ""
    if str(values.get("model")) == GENERAL:
        without = "the general model"
    elif values.get("matched_to") == MATCHED_TO[0] and values.get("from_model") in (None, NONE):
        without = "a simulation"
    if without:
        raise CameraError(
            f"{without} without a camera",
            "the camera that took the stack",
            "give --camera camera.toml" + (", or train a model" if "model" in values else ""),
        )


def camera_choice(values: Mapping[str, Any]) -> Any:
    """Return what the field ``camera`` means: left to us, the general model needs the user's."""
    choice = values["camera"]
    if choice is None and str(values.get("model")) == GENERAL:
        return CURRENT
    return None if choice == NONE else choice


def show(call: Call, result: dict[str, Any], title: str = "") -> Outcome:
    """Show image and table of a result, say what was written."""
    name = title or call.command.title
    picture = call.command.title if TABLE_TITLE in name else name
    image = table = None
    if "image" in result:
        image = to_image(
            result["image"],
            f"{picture} - Deep-STORM",
            result["pixel_size_nm"],
            tuple(result.get("corner_nm", (0.0, 0.0))),
            result.get("slice_nm"),
        )
        image = call.host.show_image(image)
    if "table" in result:
        title = table_title(name, _DONE.get(call.command.key, ""))
        table = call.host.show_table(to_results(result["table"]), title)
    for path in result["written"]:
        if path.endswith(".csv"):
            call.host.remember(LAST_TABLE, path)
    return Outcome(text_of(result), image, table)


def text_of(result: dict[str, Any]) -> str:
    """Return a result's summary and the files that were written."""
    lines = [result["summary"]]
    if result["written"]:
        lines.append("Written: " + ", ".join(result["written"]))
    return "\n".join(lines)


def open_report(call: Call, result: dict[str, Any]) -> None:
    """Open the report that a verb has written, if any: a file, or in a model folder."""
    for path in map(Path, result["written"]):
        report = path / "report.html" if path.is_dir() else path
        if report.name.endswith("report.html") and report.is_file():
            call.host.open_page(report)


def frames_of(call: Call) -> ImageFrames:
    """Return the frames of the image in front, or of its ROI."""
    return ImageFrames(call.image)


def _verb_of(call: Call) -> Verb:
    if call.command.verb is None:
        raise TypeError(f"{call.command.key} is not a verb")
    return call.command.verb


def _add_argument(
    call: Call, work: Work, verb: Verb, argument: Argument, values: dict[str, Any]
) -> None:
    """Add one argument of the verb to the work."""
    if get_origin(argument.kind) is tuple and set(get_args(argument.kind)) == {Path}:
        pair = [values.get(name) for name in pair_names(argument)]
        if all(path is not None for path in pair):
            work.options[argument.name] = [str(path) for path in pair]
        return
    value = values.get(argument.name)
    if value == CURRENT and argument.name in IMAGES:
        work.frames, work.frames_as = frames_of(call), argument.name
    elif value == CURRENT:
        results, title = call.host.table()
        camera = work.options.get("camera")
        known = None if camera is None else Camera.parse(camera)
        work.tables[argument.name] = from_results(results, title, known)
        work.titles[argument.name] = title
    elif value is not None:
        work.options[argument.name] = str(value) if isinstance(value, Path) else value
    elif verb.parameters[argument.name].default is inspect.Parameter.empty:
        raise SettingsError(
            f"the field {argument.label or label_of(argument.name)!r} is empty",
            argument.description,
            "fill it in",
        )


def _choose_simulation(values: dict[str, Any], verb: Verb, labels: dict[str, str]) -> None:
    """Leave out what the choice ``matched_to`` leaves out, and complain about what it needs."""
    choice = values.pop("matched_to", None)
    if choice is None:
        return
    fields, _, imported, start = MATCHED_TO
    pair = [n for a in verb.arguments if get_origin(a.kind) is tuple for n in pair_names(a)]
    for name in NEEDED_BY_CHOICE.get(choice, ()):
        if values.get(name) is None:
            label = labels.get(name, name)
            raise SettingsError(
                f"the simulation is matched to the {choice}, but {label} is not given",
                "",
                f"fill in the field {label!r}, or match it to the {fields}",
            )
    dropped: tuple[type, ...] = () if choice == fields else _MOLECULES
    if choice == start:
        dropped = (*dropped, Network)
    for name, parameter in verb.fields.items():
        if verb.settings[parameter] in dropped:
            values.pop(name, None)
    if choice != imported:
        for name in pair:
            values.pop(name, None)
