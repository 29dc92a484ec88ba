"""Super-Resolve This Stack...: look at the movie, say what was found, preview it, run.

It is made for the first day: nothing is asked that the movie tells, and what it does not tell is
asked once, in words. Everything else is in Reconstruct Stack...
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deep_storm.camera import Camera
from deep_storm.errors import Cancelled, DeepStormError, SettingsError, StackError
from deep_storm.fiji.camera import remember_camera, remembered_camera
from deep_storm.fiji.client.work import Work
from deep_storm.fiji.commands.generic import run_work
from deep_storm.fiji.commands.live import LINES, LivePreview
from deep_storm.fiji.commands.reconstruction import reconstructed
from deep_storm.fiji.exchange import LOOK
from deep_storm.fiji.imagej.form import Form
from deep_storm.fiji.imagej.images import ImageFrames
from deep_storm.fiji.menu.catalog import place_of
from deep_storm.fiji.menu.parameters import GENERAL
from deep_storm.fiji.runner import Call, Outcome

_LABELS = {
    "pixel_size_nm": ("Pixel size", "nm"),
    "baseline_adu": ("Baseline", "ADU"),
    "photons_per_adu": ("Photons per ADU", ""),
}
"""What the dialog asks of the camera; the rest is in Camera Setup."""


@dataclass(frozen=True)
class Choice:
    """What was confirmed: the camera, and where the results go (None: nowhere).

    ``seen``: whether somebody was told of all doubts before.
    """

    camera: Camera
    output: Path | None
    seen: bool = False


def super_resolve(call: Call) -> Outcome:
    """Look at the image in front, let the user confirm what was found, and reconstruct it.

    Without windows and in a macro what was found is taken as it is, and no files are written.

    Raises
    ------
    DeepStormError
        The image does not suit, or something is missing that only the user knows.
    """
    frames = ImageFrames(call.image)
    entered = remembered_camera(call.host)
    options = {} if entered is None else {"camera": entered.model_dump()}
    look = run_work(call, Work(LOOK, options, call.command.title, frames=frames))
    camera = {**({} if entered is None else entered.model_dump()), **look["json"]["camera"]}
    if call.host.asks:
        choice = _confirmed(call, frames, look, camera)
        remember_camera(call.host, choice.camera)
    else:
        choice = Choice(_complete(camera), None)
    work = _work("reconstruct", call, frames, choice.camera, trust_camera=choice.seen)
    if choice.output is not None:
        work.options["output"] = str(choice.output)
    outcome = reconstructed(call, work)
    call.tell(outcome.text)
    return Outcome(f"{outcome.text}\n{look['summary']}", outcome.image, outcome.table)


def _work(verb: str, call: Call, frames: ImageFrames, camera: Camera, **options: Any) -> Work:
    """Return what is asked of the worker, with the general model and this camera."""
    frames.pixel_size_nm = camera.pixel_size_nm  # confirmed, whatever the image's scale says
    told = {"model": GENERAL, "camera": camera.model_dump(exclude_none=True), **options}
    return Work(verb, told, call.command.title, frames=frames, tensorflow=True)


def _complete(camera: dict[str, Any]) -> Camera:
    """Return the camera; complain about what is missing.

    Raises
    ------
    SettingsError
        Something is missing, or cannot be.
    """
    missing = [label for name, (label, _) in _LABELS.items() if camera.get(name) is None]
    if missing:
        raise SettingsError(
            f"the movie does not show {' and '.join(missing)}",
            "pixel size, baseline and photons per ADU of the camera",
            "enter the pixel size in Image > Properties..., and the camera in "
            f"{place_of('camera-setup')} (baseline and photons per ADU are in its data sheet)",
        )
    return Camera.parse({name: value for name, value in camera.items() if value is not None})


def _confirmed(
    call: Call, frames: ImageFrames, look: dict[str, Any], camera: dict[str, Any]
) -> Choice:
    """Show what was found, with a preview, until it is complete and confirmed."""
    values, folder = dict(camera), _folder(frames)
    while True:
        asked = _Asked(call, frames, look, values, folder)
        if not asked.confirmed():
            raise Cancelled(f"{call.command.title} was stopped; nothing was changed")
        try:
            values, folder = asked.values(), asked.form.text_of("folder")
            return Choice(_complete(values), _output(folder, frames.name), seen=True)
        except DeepStormError as error:
            call.host.complain(f"Deep-STORM: {call.command.title}", str(error))


class _Asked:
    """The dialog, and the preview that goes with it."""

    def __init__(
        self,
        call: Call,
        frames: ImageFrames,
        look: dict[str, Any],
        camera: dict[str, Any],
        folder: str,
    ) -> None:
        self._call, self._frames, self._camera = call, frames, camera
        self._look = look["json"]
        self.form = Form(call.command.title, "Run", stays=True)
        self.form.say(f"What {frames.name} shows, and how certain it is:")
        for doubtful, lines in _paragraphs(self._look):
            self.form.say("\n".join(lines), warning=doubtful)
        for name, (label, unit) in _LABELS.items():
            self.form.number(name, label, camera.get(name), unit)
        self.form.folder("folder", "Save results in", folder)
        self.form.box("preview", "Preview the frame in view", False)
        self.form.room(LINES)

    def confirmed(self) -> bool:
        """Show the dialog until Run or Cancel is pressed."""
        live = LivePreview(self._call.host, self._call.image, self._preview, self._tell)
        live.start()
        try:
            return self.form.show()
        finally:
            live.close()

    def values(self) -> dict[str, Any]:
        """Return the camera's values as they stand in the dialog."""
        return {**self._camera, **{name: self.form.number_of(name) for name in _LABELS}}

    def _tell(self, text: str) -> None:
        self.form.change(text.partition("\n")[0])

    def _preview(self, frame: int) -> Work | None:
        """Return the work of a preview of a frame, with the values that stand in the dialog."""
        if not self.form.ticked("preview"):
            return None
        camera = _complete(self.values())
        options: dict[str, Any] = {"frame": frame, "trust_camera": True}
        if all(self._look["camera"].get(name) == getattr(camera, name) for name in _LABELS):
            options |= self._look["sections"]
        frames = ImageFrames(self._call.image)
        return _work("preview", self._call, frames, camera, **options)


def _paragraphs(look: dict[str, Any]) -> Iterator[tuple[bool, list[str]]]:
    """Give the lines of what was found, those that are doubtful by themselves."""
    lines = [
        (f["sure"] in ("unsure", "unknown"), f"{f['what']}: {f['text']} ({f['sure']})")
        for f in look["findings"]
    ]
    lines += [(True, note) for note in look["notes"]]
    for doubtful, group in itertools.groupby(lines, key=lambda line: line[0]):
        yield doubtful, [text for _, text in group]


def _folder(frames: ImageFrames) -> str:
    """Return the folder of the movie, where one can write; else nothing."""
    folder = Path(frames.file).parent if frames.file else None
    return str(folder) if folder is not None and folder.is_dir() else ""


def _output(folder: str, name: str) -> Path:
    """Return a name for the results that is not taken; for no folder, in one for the moment.

    Raises
    ------
    StackError
        There is no such folder.
    """
    if not folder:
        place = Path(tempfile.mkdtemp(prefix="deep-storm-"))
    else:
        place = Path(folder)
        if not place.is_dir():
            raise StackError(f"there is no folder {folder}", "a folder", "choose one, or none")
    stem = f"{Path(name).stem}-deep-storm"
    there = {path.name for path in place.iterdir()}
    names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
    return place / next(one for one in names if f"{one}.csv" not in there)
