"""Files of a reconstruction: their names, and how they are written."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deep_storm.camera import PartialCamera
from deep_storm.errors import was_interrupted
from deep_storm.io.config import write_config
from deep_storm.io.files import sha256
from deep_storm.io.foreign import reason_of
from deep_storm.io.images import write_image
from deep_storm.io.marks import is_our_page
from deep_storm.io.outputs import Outputs, name_of
from deep_storm.io.tables.about import RECORD
from deep_storm.io.tables.protocol import PROTOCOL, write_protocol
from deep_storm.packages import versions
from deep_storm.report.record import ENDING, densest

LIVE_ENDING, WORK_ENDING = "-live.tif", ".running"

if TYPE_CHECKING:
    from deep_storm.inputs.expected import Expected
    from deep_storm.io.stacks.stream import FrameStream
    from deep_storm.model import Model
    from deep_storm.runs.result import Common, ReconstructResult


def outputs_of(
    output: Path | str | None,
    stack: object,
    *,
    with_report: bool = True,
    grows: bool = False,
    overwrite: bool = False,
) -> Outputs:
    """Choose the names of the files of a reconstruction.

    Parameters
    ----------
    output
        As the caller gave it; None where nothing is to be written.
    stack
        What it is made from: in a folder the files are named after it.
    with_report
        Whether there is a report.
    grows
        Whether an image is written while the movie grows, which goes at the end.
    overwrite
        Whether existing files may be replaced.

    Returns
    -------
    ``image``, ``table``, ``protocol``, ``record``; ``report`` and ``live`` as far as wanted.
    """
    endings = {"image": ".tif", "table": ".csv", "protocol": PROTOCOL, "record": RECORD}
    endings |= {"report": ENDING} if with_report else {}
    endings |= {"live": LIVE_ENDING} if grows else {}
    name = name_of(stack, "reconstruction")
    return Outputs.of(output, endings, name=name, tail="reconstructed", overwrite=overwrite)


def beside(outputs: Outputs, ending: str) -> Path:
    """Return a file or folder named as the results, with another ending."""
    image = outputs["image"]
    return image.with_name(image.stem + ending)


def write_result(
    result: ReconstructResult,
    outputs: Outputs,
    model: Model,
    stack: object,
    common: Common,
    frames: FrameStream | None = None,
) -> None:
    """Write image, table, protocol, report and run record; they appear together.

    A report that cannot be made is no reason to lose the rest: it is left out, with a warning.

    Parameters
    ----------
    result
        Image and table. Who stops a run does not want to wait for its report.
    outputs
        Where they go.
    model, stack, common
        Where they come from, and what was given beside them.
    frames
        Shown in the report.

    Raises
    ------
    OutputError
        A file exists already or cannot be written.
    """
    from deep_storm.io.tables.writer import write_pieces  # pandas

    done = result.reconstructed
    report = ["report"] if "report" in outputs and result.complete else []
    about = _record(result, model, stack, common)
    with outputs.writing_together("image", "table", "protocol", *report, "record") as staged:
        write_image(staged["image"], done.image, done.pixel_size_nm)
        write_pieces(staged["table"], done.rows.pieces())
        write_protocol(staged["protocol"], model.card.camera)
        if report:
            _try_report(staged["report"], result, model, frames, about)
        made = {name: path.name for name, path in staged.items() if path.exists()}
        write_config(
            staged["record"], {**about, "outputs": made | {"record": staged["record"].name}}
        )
    old = beside(outputs, ENDING)
    if "report" not in outputs.names_written and outputs.overwrite and is_our_page(old):
        old.unlink()  # a report of other results would lie


def _try_report(
    path: Path,
    result: ReconstructResult,
    model: Model,
    frames: FrameStream | None,
    about: dict[str, dict[str, Any]],
) -> None:
    """Write the report; a failure becomes a warning."""
    try:
        from deep_storm.report.gathering import write_run_report  # matplotlib, numba, pandas, scipy

        picture = None if result.fits is None else result.fits.picture
        done, table = result.reconstructed, model.table
        write_run_report(path, done, model.card, frames, about, table=table, residuals=picture)
    except Exception as error:
        if was_interrupted(error):
            raise
        path.unlink(missing_ok=True)
        record = path.name.replace(ENDING, RECORD)
        reason = reason_of(error).replace(str(path), path.name)  # it lay in a folder of ours
        warnings.warn(
            f"the report could not be made ({reason}); the other files are complete, and "
            f"`deep-storm report {record}` tries again",
            stacklevel=2,
        )


def _record(
    result: ReconstructResult, model: Model, stack: object, common: Common
) -> dict[str, dict[str, Any]]:
    """Return the run record without outputs: settings (for ``--config``), inputs, results."""
    # In full: the record is read from other folders than the one in which the run began.
    is_path = isinstance(stack, (str, Path))
    named = str(Path(str(stack)).absolute()) if is_path else getattr(stack, "name", "array")
    inputs: dict[str, Any] = {"stack": named, "frames_sha256": result.reconstructed.content}
    if isinstance(stack, (str, Path)):
        try:
            inputs |= {"stack_bytes": Path(stack).stat().st_size}
            if result.complete:  # who stops a run does not want to wait until a movie is read
                inputs |= {"stack_sha256": sha256(stack)}
        except OSError as error:
            warnings.warn(
                f"{stack} can no longer be read ({reason_of(error)}): the run record does not "
                "have its checksum",
                stacklevel=2,
            )
    if model.path is not None:
        inputs |= {"model": str(model.path.absolute())}
    inputs |= {"weights_sha256": [w.sha256 for w in model.card.weights]}
    inputs["densest_per_um2"] = densest(model.card)
    for name in ("camera", "psf", "emitters", "background"):
        inputs[name] = getattr(model.card, name).model_dump(mode="json")
    results = result.to_json()
    seconds = {k: results.pop(k) for k in ("seconds", "network_seconds", "frames_per_second")}
    return {
        "reconstruction": common.settings.model_dump(),
        **_given(common.expected),
        "run": {"verb": "reconstruct"},
        "inputs": inputs,
        "results": results,
        "timings": seconds,
        "versions": versions(),
    }


def _given(expected: Expected) -> dict[str, dict[str, Any]]:
    """Return what the caller said of the experiment, so that ``--config`` says it again.

    What was not said is found again in the same frames.
    """
    given: dict[str, dict[str, Any]] = {}
    for name, value in vars(expected).items():
        if isinstance(value, PartialCamera):
            given[name] = dict(value.values)
        elif value is not None:
            given[name] = value.model_dump(exclude_unset=True)
    if given.get("psf", {}).get("psf_file"):
        given["psf"]["psf_file"] = str(Path(given["psf"]["psf_file"]).absolute())
    return {name: values for name, values in given.items() if values}
