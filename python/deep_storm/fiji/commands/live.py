"""A preview that follows the slider: the frame in view is localized again whenever it changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deep_storm.errors import Cancelled, DeepStormError
from deep_storm.fiji.client.jobs import Job
from deep_storm.fiji.imagej.images import frame_in_view
from deep_storm.fiji.imagej.overlays import clear, show_localizations

if TYPE_CHECKING:
    from deep_storm.fiji.client.work import Work
    from deep_storm.fiji.imagej.host import Host

LOOK_SECONDS = 0.1
LINES = 3
"""Lines of a dialog that the text of a preview takes."""


class LivePreview(threading.Thread):
    """Localizes the frame in view and draws it, until it is closed.

    Parameters
    ----------
    host
        ImageJ.
    image
        The movie.
    work
        Returns what to ask the worker for a frame (counted from 1), None for no preview. Two that
        are alike have the same options: then nothing is asked again.
    told
        Called with what was found, or what went wrong.
    shown
        Options of the work whose result is drawn already.
    """

    def __init__(
        self,
        host: Host,
        image: Any,
        work: Callable[[int], Work | None],
        told: Callable[[str], None],
        shown: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(daemon=True, name="live preview")
        self._host, self._image = host, image
        self._work, self._told = work, told
        self._ended = threading.Event()
        self._shown: object = None if shown is None else _plain(shown)

    def run(self) -> None:
        """Look whether something changed, and follow it."""
        shown = self._shown
        while not self._ended.wait(LOOK_SECONDS):
            if self._image.getWindow() is None:
                return
            try:
                work = self._work(frame_in_view(self._image))
            except DeepStormError as error:
                shown = self._say_once(shown, str(error))
                continue
            wanted = None if work is None else _plain(work.options)
            if wanted == shown:
                continue
            shown = wanted
            if work is None:
                clear(self._image)
                self._told("")
            else:
                self._show(work)

    def close(self, *, clean: bool = True) -> None:
        """End it, and take away what was drawn; a frame that is being looked at is let go."""
        self._ended.set()
        if clean:
            clear(self._image)

    def _say_once(self, shown: object, text: str) -> object:
        if shown != text:
            self._told(text)
        return text

    def _show(self, work: Work) -> None:
        self._told("looking...")
        try:
            result = Job(self._host, work).run()
        except Cancelled:
            return
        except DeepStormError as error:
            self._told(str(error))
            return
        if self._ended.is_set():
            return
        pixel_size_nm = result["camera_pixel_size_nm"]
        show_localizations(self._image, result["table"], pixel_size_nm, work.options["frame"])
        self._told(result["summary"])


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Return what was asked for, without what is not given."""
    return {name: value for name, value in options.items() if value is not None}
