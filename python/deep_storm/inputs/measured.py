"""The PSF of a movie, measured once and kept for the next run with the same movie.

To measure it takes longer than all else before the first frame. It depends on the frames that are
looked at, the camera and the maps, so these are its key (:mod:`deep_storm.inputs.remembered`); that
a movie cannot tell its PSF is kept, too.
"""

from __future__ import annotations

import base64
from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np

from deep_storm.estimation.movie_psf import Attempt, scenes_of, try_to_measure
from deep_storm.estimation.psf.field import OverField
from deep_storm.estimation.psf.light import MovieLight
from deep_storm.estimation.psf.over_depth import OverDepth
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.estimation.psf.scenes import Scenes
from deep_storm.inputs.remembered import key_of, learnt_once
from deep_storm.progress import Progress, silent
from deep_storm.psf.table import PsfTable
from deep_storm.settings import Pupil

if TYPE_CHECKING:
    import numpy.typing as npt

    from deep_storm.camera import Camera
    from deep_storm.io.stacks.stream import FrameStream

NUMBERS = ("noise", "photons", "background", "level", "chi2", "difference")
COUNTS = ("molecules", "frames", "rounds")
ABOUT_TABLE = ("pixel_size_nm", "samples_per_px", "source", "uncertainty")


def measured_psf(
    stream: FrameStream,
    camera: Camera,
    progress: Progress = silent,
    used: npt.NDArray[np.bool_] | None = None,
) -> Attempt:
    """Measure the PSF in a movie, if the movie allows it and no earlier run has.

    Parameters
    ----------
    stream, camera, used
        As :func:`deep_storm.estimation.movie_psf.scenes_of` takes them.
    progress
        Called with the share that is done; cancels by raising.

    Raises
    ------
    StackError
        The movie cannot be read.
    """
    scenes = scenes_of(stream, camera, used)
    if isinstance(scenes, Attempt):
        return scenes
    key = _key(scenes, camera)
    learnt = learnt_once(key, lambda: try_to_measure(scenes, progress), _to_json, _of_json)
    attempt: Attempt = learnt.value
    said = learnt.said("That was", "movie and camera")
    return attempt._replace(notes=(*attempt.notes, *said))


def _key(scenes: Scenes, camera: Camera) -> str:
    """Return what a measurement depends on."""
    windows = [astuple(window) for window in scenes.windows]
    parts = ["PSF of a movie", camera.model_dump(mode="json"), windows]
    arrays = scenes.photons, scenes.variance, scenes.frame, scenes.window, scenes.view
    return key_of(parts, arrays)


def _to_json(attempt: Attempt) -> Any:
    found = attempt.found
    if found is None:
        return {"notes": attempt.notes, "found": None}
    over = found.over_depth
    values: dict[str, Any] = {
        **{name: float(getattr(found, name)) for name in NUMBERS},
        **{name: int(getattr(found, name)) for name in COUNTS},
        "table": _of_table(found.table),
        "left_over": found.left_over.tolist(),
        "notes": found.notes,
        "light": None if found.light is None else found.light._asdict(),
        "over_depth": None,
        "over_field": found.over_field,
    }
    if over is not None:
        pupil = over.pupil.model_dump(mode="json", exclude_unset=True)
        values["over_depth"] = [_of_table(over.table), over.depth_std_nm, pupil, over.misfit]
    return {"notes": attempt.notes, "found": values}


def _of_json(values: Any) -> Attempt:
    notes, found = tuple(map(str, values["notes"])), values["found"]
    if found is None:
        return Attempt(None, notes)
    over = None
    if found["over_depth"] is not None:
        table, depth_std_nm, pupil, misfit = found["over_depth"]
        over = OverDepth(_table(table), float(depth_std_nm), Pupil.parse(pupil), float(misfit))
    numbers: dict[str, Any] = {
        **{name: float(found[name]) for name in NUMBERS},
        **{name: int(found[name]) for name in COUNTS},
        "left_over": np.array(found["left_over"], np.float64),
        "notes": tuple(map(str, found["notes"])),
        "light": None if found["light"] is None else MovieLight(**found["light"]),
        "over_field": OverField(*map(float, found["over_field"])),
    }
    return Attempt(MeasuredPsf(_table(found["table"]), over_depth=over, **numbers), notes)


def _of_table(table: PsfTable) -> dict[str, Any]:
    return {
        "values": base64.b64encode(table.values.tobytes()).decode(),
        "edge": table.values.shape[-1],
        "z_nm": table.z_nm.tolist(),
        **{name: getattr(table, name) for name in ABOUT_TABLE},
    }


def _table(values: Any) -> PsfTable:
    flat = np.frombuffer(base64.b64decode(values["values"]), np.float32)
    planes = flat.reshape(-1, values["edge"], values["edge"])
    about: dict[str, Any] = {name: values[name] for name in ABOUT_TABLE}
    return PsfTable(planes, np.array(values["z_nm"], np.float64), **about)
