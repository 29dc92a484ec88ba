"""Carries out a request in the worker: calls a verb, and writes its result for Fiji.

A result's table, image and mask come back as files of the request's folder, the rest as plain
data::

    {"summary": "…", "json": {…}, "written": ["…"], "table": "…/table", "image": "…/image.npy",
     "pixel_size_nm": 12.5}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deep_storm.camera import Camera
from deep_storm.fiji.exchange import KEPT, LOOK, Request, error_as_data, write_frame_table
from deep_storm.fiji.worker.frames import RemoteFrames
from deep_storm.inputs.tables import table_of
from deep_storm.interface.declaration import Verb
from deep_storm.interface.options import bind
from deep_storm.interface.protection import protecting
from deep_storm.interface.registry import load
from deep_storm.interface.verb import call
from deep_storm.interrupts import held_back
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.io.tables.about import known_of_file, note
from deep_storm.runs.result import Common, PartlyReadError
from deep_storm.settings import Reconstruction
from deep_storm.verbs.preview import PreviewResult, check_frame

if TYPE_CHECKING:
    import pandas as pd

    from deep_storm.fiji.worker.task import Task

Data = dict[str, Any]
_kept: Callable[[], Data] | None = None


def call_verb(request: Request, task: Task, read_table: Callable[[str], pd.DataFrame]) -> Data:
    """Call the verb of a request; return its result in plain data.

    Raises
    ------
    DeepStormError
        As the verb does.
    """
    global _kept
    if request["verb"] == KEPT:
        write, _kept = _kept, None
        return write() if write is not None else {}
    options = dict(request["options"])
    options |= {name: read_table(path) for name, path in request["tables"].items()}
    if request["frames"] is not None:
        options[request["frames_as"]] = _stream(request, task)
    folder = Path(request["folder"])
    _kept = None
    if request["verb"] == LOOK:
        from deep_storm.runs.first_look import look_at  # numba, pandas, scipy

        camera = options.get("camera")
        entered = None if camera is None else Camera.parse(camera)
        return as_data(look_at(options["stack"], entered, task.progress), folder)
    verb = load(request["verb"])
    if isinstance(options.get("table"), str) and "output" not in options:
        options["table"] = _in_memory(Path(options["table"]), options.get("camera"))
    if "progress" in verb.parameters:
        options["progress"] = task.progress
    if verb.name == "reconstruct":
        return _reconstruct(verb, options, folder)
    if verb.name == "preview" and isinstance(options.get("stack"), FrameStream):
        return _preview(verb, options, task, folder)
    return as_data(call(verb, **options), folder)


def as_data(result: Any, folder: Path, **more: Any) -> Data:
    """Turn a verb's result into plain data and files; a stop comes too late for that."""
    with held_back():
        return _as_data(result, folder) | more


def _as_data(result: Any, folder: Path) -> Data:
    import pandas as pd

    data: Data = {"summary": result.summary(), "written": [str(p) for p in result.written]}
    data["json"] = json.loads(json.dumps(result.to_json(), default=_plain))
    table, image = getattr(result, "table", None), getattr(result, "image", None)
    if isinstance(table, pd.DataFrame):
        data["table"] = write_frame_table(folder / "table", table)
    if isinstance(image, np.ndarray) and image.ndim in (2, 3):
        np.save(folder / "image.npy", image)
        data["image"] = str(folder / "image.npy")
        holder = getattr(result, "reconstructed", result)
        data["pixel_size_nm"] = float(holder.pixel_size_nm)
        if image.ndim == 3:
            data["slice_nm"] = float(holder.slice_nm)
    mask = getattr(result, "mask", None)
    if isinstance(mask, np.ndarray):
        np.save(folder / "mask.npy", mask)
        data["mask"] = str(folder / "mask.npy")
    if hasattr(result, "camera_pixel_size_nm"):
        data["camera_pixel_size_nm"] = float(result.camera_pixel_size_nm)
    return data


def _in_memory(file: Path, given: Data | None) -> pd.DataFrame:
    """Read a table of which no new file is wanted: from its file a verb would write one beside it.

    What stands beside the file is known of it all the same.
    """
    table = table_of(file, camera=None if given is None else Camera.parse(given))
    note(table, known_of_file(file))
    return table


def _stream(request: Request, task: Task) -> RemoteFrames:
    about = request["frames"]
    if about is None or task.block is None:
        raise RuntimeError("a request with frames comes without a block")
    _, height, width = about["shape"]

    dtype = np.dtype(about["dtype"])
    size = about["frames_in_block"] * height * width * dtype.itemsize
    frames = task.block[:size].view(dtype).reshape(-1, height, width)
    return RemoteFrames(about, frames, task.fetch)


def _reconstruct(verb: Verb, options: Data, folder: Path) -> Data:
    """Reconstruct: files as on the command line, an open image so that Fiji can ask."""
    if isinstance(options.get("stack"), FrameStream):
        return _reconstruct_image(verb, options, folder)
    try:
        result = call(verb, **options)
    except PartlyReadError as error:
        return as_data(error.result, folder, complete=False, problem=error_as_data(error))
    single = not hasattr(result, "stacks")  # what became of several stands in their summary
    return as_data(result, folder, complete=result.complete if single else True)


def _reconstruct_image(verb: Verb, options: Data, folder: Path) -> Data:
    """Reconstruct an open image; Fiji asks before an unfinished result is written."""
    from deep_storm.runs.stack import reconstruct_stack  # numba, pandas, scipy

    given, settings = bind(verb, options)

    def hold(write: Callable[[], tuple[Path, ...]]) -> None:
        def kept() -> Data:
            with protecting(verb, options, settings):
                return {"written": [str(path) for path in write()]}

        global _kept
        _kept = kept

    common = Common.given(given | settings)
    overwrite = bool(given.get("overwrite"))
    with protecting(verb, options, settings):
        try:
            result = reconstruct_stack(
                given["stack"],
                given.get("output"),
                common,
                overwrite=overwrite,
                progress=given["progress"],
                hold=hold,
            )
        except PartlyReadError as error:
            result = error.result
    more: Data = {"corner_nm": result.corner_nm, "complete": result.complete}
    problem = result.reconstructed.problem
    if problem is not None:
        more["problem"] = error_as_data(problem)
    return as_data(result, folder, **more)


def _preview(verb: Verb, options: Data, task: Task, folder: Path) -> Data:
    """Preview a frame of an open image with a model that is kept for the next one."""
    from deep_storm.fiji.worker.warm import prepared_for  # keras, numba, tensorflow
    from deep_storm.runs.preview import preview_frame  # keras, numba, tensorflow

    given, settings = bind(verb, options)
    frame = int(given.get("frame", 1))
    if given.get("output") is not None:  # which draws a picture too
        return as_data(call(verb, **options), folder)
    stream = given["stack"]
    check_frame(frame, stream)
    chosen = {name: given[name] for name in ("threshold", "refine") if given.get(name) is not None}
    common = replace(Common.given(given | settings), settings=Reconstruction.parse(chosen))
    prepared = prepared_for(stream, common, task.progress)
    done = preview_frame(stream, prepared, common, frame)
    return as_data(PreviewResult.of(frame, done), folder)


def _plain(value: Any) -> Any:
    """Convert NumPy's scalars and arrays, and paths, to plain data."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
