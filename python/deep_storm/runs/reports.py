"""Reports of earlier work: a run record with the tables derived from its table, or a model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.camera import Camera
from deep_storm.errors import ModelError, PsfError, SettingsError
from deep_storm.inputs.images import Picture, draw_table
from deep_storm.inputs.tables import check_pixel_sizes, table_of
from deep_storm.io.config import load_toml
from deep_storm.io.foreign import check_regular, damage_as
from deep_storm.io.images import read_image
from deep_storm.io.marks import is_ours
from deep_storm.io.model_folder import HISTORY_FILE, PSF_FILE
from deep_storm.io.outputs import Outputs
from deep_storm.io.psf_files import read_psf
from deep_storm.io.psf_sources import load_psf
from deep_storm.io.pyramid import read_smaller
from deep_storm.io.stacks.frames import open_frames
from deep_storm.io.tables.about import noted_shared_frames, record_beside, shares_frames
from deep_storm.io.tables.drift_files import read_drift
from deep_storm.model_card import read_card
from deep_storm.psf.table import PsfTable
from deep_storm.quality.drift import DriftCurve
from deep_storm.quality.stack_look import StackLook, look_at
from deep_storm.quality.suspicions import TrainedFor
from deep_storm.report.gathering import gathered, write_training_report
from deep_storm.report.page import write_page
from deep_storm.report.reconstruction import reconstruction_page
from deep_storm.report.record import first_frame, stem_of
from deep_storm.report.run import Run, Step
from deep_storm.report.training import training_suspicions
from deep_storm.runs.table import DRIFT_FILE
from deep_storm.settings import Background, Emitters, Psf

Record = dict[str, dict[str, Any]]
Image = npt.NDArray[Any]
NO_RECORDS = frozenset({".csv", ".tif", ".tiff", ".html", ".png", ".txt", ".hdf5", ".json"})
"""Endings of other files of a run: their text is not read as a record with mistakes."""
MAX_DRAWN_PX = 2048
MAX_HISTORY_BYTES = 1 << 26


def write_report(
    source: Path, tables: Sequence[Path], drift: Path | None, outputs: Outputs
) -> tuple[str, ...]:
    """Write the report of a record or a model folder; parameters and errors as for the verb.

    Returns
    -------
    What is suspicious, as the report says it.
    """
    if source.is_dir():
        return _of_model(source, outputs)
    with damage_as(partial(_not_a_record, source)):
        run = _run(source, _read(source), tables)
        taken = drift if drift is not None else _drift_of(tables)
        if taken is not None:
            run = replace(run, corrected=_drift_file(taken, run.camera))
        page = reconstruction_page(run)
    with outputs.writing("report") as path:
        write_page(path, page, outputs.overwrite)
    return page.suspicions


def _of_model(folder: Path, outputs: Outputs) -> tuple[str, ...]:
    """Write the report of a model folder again."""
    card = read_card(folder)
    file = folder / HISTORY_FILE
    history = pd.DataFrame()
    if os.path.lexists(file):
        check_regular(file, ModelError, "a table of the training", MAX_HISTORY_BYTES)
        with damage_as(partial(_no_history, file)):
            history = pd.read_csv(file)
    name, overwrite = folder.resolve().name, outputs.overwrite
    with outputs.writing("report") as path:
        table = read_psf(folder / PSF_FILE) if card.psf.psf_file else None
        write_training_report(path, card, history, name, overwrite=overwrite, table=table)
    return tuple(training_suspicions(card, history))


def _read(source: Path) -> Record:
    """Read a run record."""
    beside = record_beside(source)
    if source.suffix.lower() != ".toml" and beside.is_file():
        raise SettingsError(
            f"{source} is not a run record", "the record beside it", f"give {beside}"
        )
    if source.suffix.lower() in NO_RECORDS and source.is_file():
        raise _not_a_record(source)
    record = {k: v for k, v in load_toml(source).items() if isinstance(v, dict)}
    if record.get("run", {}).get("verb") != "reconstruct":
        raise _not_a_record(source)
    return record


def _not_a_record(source: Path, reason: str = "") -> SettingsError:
    return SettingsError(
        f"{source} is not the run record of a reconstruction" + (f" ({reason})" if reason else ""),
        "NAME-run.toml, as `deep-storm reconstruct` writes it, or a model folder",
        "give that file",
    )


def _no_history(file: Path, reason: str) -> ModelError:
    return ModelError(
        f"{file} is damaged ({reason})", "the table of a training", "remove it, or copy it again"
    )


def _run(source: Path, record: Record, tables: Sequence[Path]) -> Run:
    """Collect what still exists."""
    table = _file(source, record, "table", ".csv")
    picture = _file(source, record, "image", ".tif")
    camera, trained = _expected(source, record)
    check_pixel_sizes([table, *tables])
    own = table_of(table, camera=camera)
    shown, steps = own, [Step(table.name, len(own))]
    for path in tables:
        shown = table_of(path, camera=camera)
        steps.append(_step(path, len(shown)))
    frames = int(record.get("results", {}).get("frames", 0)) or None
    image = _image(picture) if picture.is_file() else (None, None)
    whole = image[0], image[1] or 1.0
    first = first_frame(record)
    run = gathered(
        stem_of(source),
        record,
        [shown],
        len(shown),
        (first, frames),
        _drawn(shown, *whole) if tables else whole,
        _stack(source, record, picture, first, frames),
        trained,
        camera,
        bool(noted_shared_frames(tables[-1]) if tables else shares_frames(record)),
    )
    named = "the last table, drawn" if tables else run.image_name
    return replace(run, steps=tuple(steps), image_name=named)


def _image(path: Path) -> tuple[Image, float | None]:
    """Read an image; of one too large for memory, a smaller level that is enough for a page."""
    smaller = read_smaller(path, MAX_DRAWN_PX) if is_ours(path) else None
    return read_image(path) if smaller is None else smaller


def _drawn(table: pd.DataFrame, image: Image | None, image_nm: float) -> tuple[Image | None, float]:
    """Draw a table on the field of the image that it replaces, no finer than a page shows."""
    if image is None or not len(table):
        return image, image_nm
    size_nm = max(image_nm, max(image.shape) * image_nm / MAX_DRAWN_PX)
    height, width = (max(1, round(edge * image_nm / size_nm)) for edge in image.shape)
    field = np.broadcast_to(np.float32(0), (height, width))
    return draw_table(table, Picture(field, size_nm, "field"), 1).pixels, size_nm


def _step(table: Path, rows: int) -> Step:
    """Return the step that made a table, from the record beside it."""
    file = record_beside(table)
    if not file.is_file():
        return Step(table.name, rows)
    record = load_toml(file)
    verb, said = (record.get(s, {}).get(k) for s, k in (("run", "verb"), ("results", "summary")))
    lines = tuple(map(str, said)) if isinstance(said, list) else ()
    return Step(table.name, rows, str(verb or ""), lines)


def _drift_of(tables: Sequence[Path]) -> Path | None:
    """Return the drift that was subtracted from the last table with a drift file beside it."""
    files = [table.parent / f"{table.stem}{DRIFT_FILE}" for table in tables]
    return next((file for file in reversed(files) if file.is_file()), None)


def _file(source: Path, record: Record, name: str, ending: str) -> Path:
    """Return the image or table beside the record, by the record's name or by the name in it."""
    named = Path(str(record.get("outputs", {}).get(name, ""))).name
    names = [stem_of(source) + ending, named]
    paths = [source.parent / name for name in names if name]
    return next((path for path in paths if path.is_file()), paths[0])


def _expected(source: Path, record: Record) -> tuple[Camera | None, TrainedFor]:
    """Return camera and molecules from the record."""
    inputs, results = record.get("inputs", {}), record.get("results", {})
    parts: dict[str, Any] = {
        name: cls.parse(inputs[name], str(source)) if name in inputs else None
        for name, cls in (
            ("camera", Camera),
            ("psf", Psf),
            ("emitters", Emitters),
            ("background", Background),
        )
    }
    camera = parts.pop("camera")
    return camera, TrainedFor(
        **parts,
        table=_psf_table(source, inputs, parts["psf"], camera),
        threshold=results.get("threshold"),
        densest_per_um2=float(inputs.get("densest_per_um2", 0.0)),
    )


def _psf_table(
    source: Path, inputs: dict[str, Any], psf: Psf | None, camera: Camera | None
) -> PsfTable | None:
    """Return the PSF that the record names: in its place, in the model, or beside the record."""
    if psf is None or camera is None or not psf.psf_file:
        return None
    folders = Path(str(inputs.get("model", ""))), source.parent
    found = next((f for f in (folder / psf.psf_file for folder in folders) if f.is_file()), None)
    try:
        return None if found is None else load_psf(found, camera.pixel_size_nm)
    except (PsfError, SettingsError):
        return None  # as where it is not there any more


def _stack(
    source: Path, record: Record, image: Path, first: int, frames: int | None
) -> StackLook | None:
    """Examine the stack, if it is still in its place, or beside the record.

    The reconstructed image, which often has the stack's name, is not taken for it.
    """
    named = Path(str(record.get("inputs", {}).get("stack", "")))
    places = [place for place in (named, source.parent / named.name) if place.is_file()]
    not_image = (p for p in places if not (image.is_file() and p.samefile(image)))
    found = next(not_image, None)
    if found is None:
        return None
    with open_frames(found) as stream:
        stop = stream.shape[0] if frames is None else first + frames
        return look_at(stream, first, stop) if stop <= stream.shape[0] else None


def _drift_file(path: Path, camera: Camera | None) -> DriftCurve:
    """Read the curve in a drift file."""
    return DriftCurve.of(read_drift(path, camera))
