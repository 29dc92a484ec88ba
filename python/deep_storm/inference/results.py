"""Results of a reconstruction: of a chunk of frames, and of the whole stack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from deep_storm.errors import DaskError, StackError
from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.drawing import Drawing
from deep_storm.inference.fits import CheckedFrame
from deep_storm.inference.overlap import ONE_EACH, Threads
from deep_storm.inference.tables import Rows

Float32 = npt.NDArray[np.float32]


class Found(NamedTuple):
    """Result of a chunk: what is drawn of its frames, and the candidates above the threshold.

    ``drawing`` is what they add to the image: what the reader keeps of the network's answer, or of
    refined frames all candidates. ``samples`` are by frame; ``digests`` are checksums of the frames
    as they were read; ``bright`` counts very bright objects.
    """

    start: int
    dead: npt.NDArray[np.bool_]
    replaced: int
    drawing: Drawing
    candidates: Candidates
    network_seconds: float
    samples: dict[int, CheckedFrame]
    digests: list[bytes]
    bright: int = 0


@dataclass(frozen=True)
class Reconstructed:
    """Result of a reconstruction.

    Attributes
    ----------
    rows
        Localizations above the threshold, by frame: counted, in pieces, or as one :attr:`table`.
    image
        Super-resolution image, float32 ``(y, x)``, in emitters per super-resolution pixel.
    pixel_size_nm
        Of the image.
    shape
        Frames used, height, width of the stack.
    threshold
        Confidence that localizations needed.
    dead_frames
        0-based frames without any usable pixel value.
    replaced_pixels
        Invalid or saturated pixels that were filled from their neighbours.
    bright_things
        Beads, debris and the like, in all frames together.
    seconds
        Whole time, and time in the network.
    complete
        False when the work was stopped early; then ``shape`` counts the frames done.
    problem
        The error that stopped the work, such as a file that is cut off in the middle.
    content
        SHA-256 over the checksums of the frames in their order, as they were read.
    samples
        Of some frames, to see whether they fit the model.
    threads
        Threads that read and that read out, as chosen for this stack.
    stage_seconds
        Processor time of each stage over all threads of this process.
    """

    rows: Rows
    image: Float32
    pixel_size_nm: float
    shape: tuple[int, int, int]
    threshold: float
    dead_frames: tuple[int, ...]
    replaced_pixels: int
    seconds: float
    network_seconds: float
    precision: str
    complete: bool = True
    problem: StackError | DaskError | None = None
    bright_things: int = 0
    content: str = ""
    samples: tuple[CheckedFrame, ...] = ()
    threads: Threads = ONE_EACH
    stage_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """All localizations in memory (see :mod:`deep_storm.localizations`)."""
        return self.rows.table()
