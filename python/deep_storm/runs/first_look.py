"""A first look at a movie: its properties, and how certain they are, in plain words.

Nothing is decided here: who asks is shown each number with where it comes from, and may change it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from deep_storm.camera import Camera, PartialCamera
from deep_storm.errors import CameraError, DeepStormError, StackError
from deep_storm.estimation.quantity import Quantity
from deep_storm.estimation.result import Estimate
from deep_storm.estimation.screening.examination import Examination, examine
from deep_storm.estimation.stack import estimate_stack
from deep_storm.estimation.transfer.check import doubt_camera
from deep_storm.inputs.movie import complete_camera
from deep_storm.io.camera_files import check_camera
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent

Sure = Literal["sure", "fairly sure", "unsure", "unknown"]

SAME_PIXELS = 0.01
"""Pixel sizes that differ by less are the same."""
SURE, FAIRLY_SURE = 0.05, 0.2
"""Relative errors up to which a number is called so."""
MEASURED = ("photons_per_adu", "baseline_adu")


class Finding(NamedTuple):
    """One property that was found.

    Attributes
    ----------
    what, text
        What it is, and its value with where it comes from.
    sure
        How sure it is.
    """

    what: str
    text: str
    sure: Sure

    def sentence(self) -> str:
        """Return one line of text."""
        return f"{self.what}: {self.text} ({self.sure})"


@dataclass(frozen=True)
class Look:
    """Properties of a movie found in its frames and file.

    Attributes
    ----------
    camera
        Values of the camera as far as they are known, by the names of its settings.
    findings
        What was found, in the order of a user's questions.
    notes
        What else should be said, each a sentence.
    sections
        PSF, emitters and background as settings, by the names that verbs give them; empty where
        they could not be estimated.
    """

    camera: dict[str, float]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    sections: dict[str, dict[str, Any]] | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Settings of the camera that have to be entered."""
        required = [name for name, info in Camera.model_fields.items() if info.is_required()]
        return tuple(name for name in required if name not in self.camera)

    def summary(self) -> str:
        """Return a line for each finding and note."""
        return "\n".join([*(f.sentence() for f in self.findings), *self.notes])

    def to_json(self) -> dict[str, Any]:
        """Return all findings as plain data."""
        return {
            "camera": self.camera,
            "missing": list(self.missing),
            "findings": [finding._asdict() for finding in self.findings],
            "notes": list(self.notes),
            "sections": self.sections or {},
        }

    @property
    def written(self) -> tuple[()]:
        """Nothing is written."""
        return ()


def look_at(
    stream: FrameStream, entered: Camera | None = None, progress: Progress = silent
) -> Look:
    """Examine a movie.

    Parameters
    ----------
    stream
        Raw frames in ADU.
    entered
        The camera that its owner entered, if any.
    progress
        Called while frames are read.

    Raises
    ------
    StackError
        The frames cannot be read, or nothing can be made of them whatever their camera is.
    """
    found = examine(stream, progress)
    camera: dict[str, float] = {}
    if entered is not None:
        camera = entered.model_dump(exclude_none=True, exclude={"pixel_size_nm"})
    pixel = _pixel_size(stream, entered)
    if pixel is not None:
        camera["pixel_size_nm"] = pixel[0]
    findings = [_about_pixels(pixel), *_about_camera(found, entered, stream, camera)]
    estimate, problem = _estimate(stream, camera, found, progress)
    notes = list(found.sentences())
    sections: dict[str, dict[str, Any]] = {}
    if estimate is not None:
        findings += _about_molecules(estimate)
        parts = {"psf": estimate.psf, "emitters": estimate.emitters}
        parts |= {"background": estimate.background}  # type: ignore[dict-item]
        sections = {name: one.model_dump(exclude_unset=True) for name, one in parts.items()}
    elif problem:
        notes.append(problem)
    return Look(camera, tuple(findings), tuple(notes), sections)


def sure_of(quantity: Quantity) -> Sure:
    """Describe how certain a measured number is."""
    relative = quantity.error / abs(quantity.value) if quantity.value else 1.0
    if relative <= SURE and not quantity.warnings:
        return "sure"
    return "fairly sure" if relative <= FAIRLY_SURE else "unsure"


def _pixel_size(stream: FrameStream, entered: Camera | None) -> tuple[float, str, Sure] | None:
    """Return the pixel size, its source, and how certain it is; None where it is unknown."""
    image = stream.pixel_size_nm
    if image is None:
        if entered is None:
            return None
        return entered.pixel_size_nm, "as entered in Camera Setup", "fairly sure"
    if entered is None:
        return image, "from the image's scale", "sure"
    if abs(image / entered.pixel_size_nm - 1.0) <= SAME_PIXELS:
        return image, "from the image's scale and Camera Setup", "sure"
    other = f"from the image's scale; Camera Setup has {entered.pixel_size_nm:g} nm"
    return image, other, "unsure"


def _about_pixels(pixel: tuple[float, str, Sure] | None) -> Finding:
    if pixel is None:
        return Finding("Pixel size", "neither the image nor Camera Setup has it", "unknown")
    return Finding("Pixel size", f"{pixel[0]:.4g} nm, {pixel[1]}", pixel[2])


def _about_camera(
    found: Examination, entered: Camera | None, stream: FrameStream, camera: dict[str, float]
) -> Iterator[Finding]:
    """Describe where the camera's values come from, and what the noise says about them."""
    if entered is not None:
        doubt = (
            None if found.transfer is None else doubt_camera(found.transfer, entered, stream.name)
        )
        values = f"{entered.photons_per_adu:g} photons per ADU, baseline {entered.baseline_adu:g}"
        text = f"{values} ADU, as entered in Camera Setup"
        if doubt is not None:
            yield Finding("Camera", f"{text}, but {doubt.sentence()}", "unsure")
        else:
            told = found.transfer is not None and found.transfer.slope is not None
            more = "; the noise of the frames agrees" if told else ""
            yield Finding("Camera", text + more, "sure" if told else "fairly sure")
        return
    try:
        whole, note = complete_camera(PartialCamera({"pixel_size_nm": 100.0}), stream, found)
    except CameraError as error:
        yield Finding("Camera", f"{error.received}; it was not entered", "unknown")
        return
    camera |= {name: getattr(whole, name) for name in MEASURED}
    values = note.partition(": ")[2].replace("enter em_gain", "enter it in Camera Setup")
    yield Finding("Camera", f"derived from the noise of the frames: {values}", "fairly sure")


def _estimate(
    stream: FrameStream, camera: dict[str, float], found: Examination, progress: Progress
) -> tuple[Estimate | None, str]:
    """Estimate properties of the molecules, or say why that fails and whether the camera is why."""
    if not {"pixel_size_nm", *MEASURED} <= camera.keys():
        return None, "What the molecules look like can be seen once the camera is known."
    try:
        known = Camera.parse(dict(camera))
        check_camera(known, stream)
        screened = found.screened(stream)
        return estimate_stack(screened, known, examination=found, progress=progress), ""
    except StackError:
        raise
    except CameraError as error:
        return None, f"The camera does not match the movie: {error}"
    except DeepStormError as error:
        return None, f"The molecules could not be seen: {error}"


def _about_molecules(estimate: Estimate) -> Iterator[Finding]:
    quantities = estimate.quantities
    worded = {
        "sigma": ("PSF", "sigma {0:.0f} nm"),
        "photons": ("Photons", "{0:,.0f} per molecule and frame"),
        "background": ("Background", "{0:.3g} photons per pixel"),
        "density": ("Density", "{0:.2g} molecules per µm² and frame"),
    }
    for name, (what, words) in worded.items():
        quantity = quantities[name]
        relative = quantity.error / abs(quantity.value) if quantity.value else 1.0
        text = f"{words.format(quantity.value)} (± {max(relative, 0.01):.0%})"
        yield Finding(what, text, sure_of(quantity))
