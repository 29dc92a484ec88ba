"""A request carried out in the worker: a verb called, its result written for Fiji.

A result's table and image come back as files of the request's folder, the rest as plain data::

    {"summary": "…", "json": {…}, "written": ["…"], "table": "…/table", "image": "…/image.npy",
     "pixel_size_nm": 12.5}
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.fiji.exchange import Request, error_as_data, write_frame_table
from deep_storm.fiji.worker.frames import RemoteFrames
from deep_storm.interface.registry import Verb, load

if TYPE_CHECKING:
    import pandas as pd

    from deep_storm.fiji.worker.process import Job

Data = dict[str, Any]
KEPT = "keep-what-there-is"
"""Instead of a verb: write the unfinished result of the request before."""
_kept: Callable[[], Data] | None = None


def call_verb(request: Request, job: Job, read_table: Callable[[str], pd.DataFrame]) -> Data:
    """Call the verb of a request; returns its result in plain data.

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
    about, corner = request["frames"], (0, 0)
    if about is not None:
        options[request["frames_as"]] = _stream(request, job)
        corner = about["corner_px"]
    folder = Path(request["folder"])
    _kept = None
    if request["verb"] == "reconstruct":
        return _reconstruct(options, job, folder, corner)
    verb = load(request["verb"])
    if "progress" in verb.parameters:
        options["progress"] = job.progress
    result = verb(**options)
    px = getattr(result, "camera_pixel_size_nm", None)
    shift_nm = (corner[0] * px, corner[1] * px) if px else (0.0, 0.0)
    return as_data(result, folder, shift_nm, camera_nm=px)


def as_data(
    result: Any, folder: Path, shift_nm: tuple[float, float] = (0.0, 0.0), **more: Any
) -> Data:
    """Turn a verb's result into plain data and files; ``shift_nm`` (y, x) moves its table."""
    import numpy as np
    import pandas as pd

    data: Data = {"summary": result.summary(), "written": [str(p) for p in result.written]}
    data["json"] = json.loads(json.dumps(result.to_json(), default=_plain))
    table, image = getattr(result, "table", None), getattr(result, "image", None)
    if isinstance(table, pd.DataFrame):
        data["table"] = write_frame_table(folder / "table", shifted(table, shift_nm))
    if isinstance(image, np.ndarray) and image.ndim == 2:
        np.save(folder / "image.npy", image)
        data["image"] = str(folder / "image.npy")
        holder = getattr(result, "reconstructed", result)
        data["pixel_size_nm"] = float(holder.pixel_size_nm)
    return data | more


def shifted(table: pd.DataFrame, shift_nm: tuple[float, float]) -> pd.DataFrame:
    """Move positions by (y, x) nm: from a part of a frame to the full field."""
    if not any(shift_nm) or "x_nm" not in table.columns:
        return table
    return table.assign(x_nm=table["x_nm"] + shift_nm[1], y_nm=table["y_nm"] + shift_nm[0])


def _stream(request: Request, job: Job) -> RemoteFrames:
    about = request["frames"]
    if about is None or job.block is None:
        raise RuntimeError("a request with frames comes without a block")
    _, height, width = about["shape"]
    import numpy as np

    dtype = np.dtype(about["dtype"])
    size = about["frames_in_block"] * height * width * dtype.itemsize
    frames = job.block[:size].view(dtype).reshape(-1, height, width)
    return RemoteFrames(about, frames, job.fetch)


def _reconstruct(options: Data, job: Job, folder: Path, corner_px: tuple[int, int]) -> Data:
    """Reconstruct: files as the command line does, an open image so that Fiji can ask."""
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.verbs.reconstruct import PartlyReadError

    verb = load("reconstruct")
    options["progress"] = job.progress
    if isinstance(options.get("stack"), FrameStream):
        return _reconstruct_image(verb, options, folder, corner_px)
    try:
        result = verb(**options)
    except PartlyReadError as error:
        return as_data(error.result, folder, complete=False, problem=error_as_data(error))
    single = not hasattr(result, "stacks")  # what became of several stands in their summary
    return as_data(result, folder, complete=result.complete if single else True)


def _reconstruct_image(verb: Verb, options: Data, folder: Path, corner_px: tuple[int, int]) -> Data:
    """Reconstruct an open image; positions are moved to the full field before they are written.

    An unfinished result is not written: Fiji asks the user first.
    """
    global _kept
    from deep_storm.inference.tables import TableRows
    from deep_storm.inputs.camera_maps import corrected_for
    from deep_storm.inputs.models import Expected, load_model, ready_model
    from deep_storm.io.files import check_outputs
    from deep_storm.runs.files import kept_paths, output_paths, write_result
    from deep_storm.settings import Reconstruction
    from deep_storm.verbs.reconstruct import PartlyReadError

    output, overwrite = options.pop("output", None), bool(options.pop("overwrite", False))
    paths = output_paths(output, with_report=not options.pop("no_report", False))
    direct, settings = verb.bind(options)
    with verb.protecting(options, settings):
        check_outputs(paths, overwrite)
    stack, maps = direct.pop("stack"), direct.pop("camera_maps", None)
    given: Data = {name: settings.pop(name, None) for name in Expected.__dataclass_fields__}
    expected, loaded = Expected(**given), load_model(direct.pop("model"))
    frames, said = corrected_for(stack, loaded, expected.camera, maps)
    model, notes = ready_model(loaded, expected, frames)
    try:
        result = verb.function(frames, **direct, model=model, **settings)
    except PartlyReadError as error:
        result = error.result
    px = model.card.camera.pixel_size_nm
    shift_nm = (corner_px[0] * px, corner_px[1] * px)
    done = replace(result.reconstructed, rows=TableRows(shifted(result.table, shift_nm)))
    paths = kept_paths(paths, done.complete)
    result = replace(result, reconstructed=done, written=paths, notes=(*notes, *said))
    given_settings = settings.get("settings")
    used = given_settings if isinstance(given_settings, Reconstruction) else Reconstruction()

    def write() -> Data:
        if paths:
            with verb.protecting(options, settings):
                write_result(result, model, stack, used, overwrite, frames)
        return {"written": [str(path) for path in paths]}

    more: Data = {"corner_nm": shift_nm, "complete": done.complete}
    if done.complete:
        write()
        return as_data(result, folder, **more)
    _kept = write
    if done.problem is not None:
        more["problem"] = error_as_data(done.problem)
    return as_data(replace(result, written=()), folder, **more)


def _plain(value: Any) -> Any:
    """Turn NumPy's scalars and arrays, and paths, into plain data."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
