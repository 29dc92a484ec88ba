"""Frames of an sCMOS camera as if all its pixels were alike."""

from __future__ import annotations

import numpy as np

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, check_maps, left_noise, photons_from
from deep_storm.io.stacks.stream import Frames, FrameStream


class CorrectedFrames(FrameStream):
    """A stack with baseline and gain of every pixel brought to the camera's.

    Whoever reads it needs to know nothing of maps. Saturated pixels become NaN, and a frame whose
    pixels are all equal (dropped, or without a camera behind it) stays so.

    Parameters
    ----------
    stream
        Frames in ADU. It is closed with this one.
    camera, maps
        Who took them.

    Raises
    ------
    CameraError
        The maps do not have the frames' size.
    """

    def __init__(self, stream: FrameStream, camera: Camera, maps: CameraMaps) -> None:
        check_maps(maps, *stream.shape[1:])
        self._stream, self._camera, self._maps = stream, camera, maps
        self.shape = stream.shape
        self.dtype = np.dtype(np.float32)
        self.pixel_size_nm = stream.pixel_size_nm
        self.name = stream.name
        self.grows = stream.grows
        self.files = stream.files
        self.corner_px = stream.corner_px
        self.noise = left_noise(maps, camera)
        self.notes = stream.notes
        self.cut_off = stream.cut_off

    def _read(self, start: int, stop: int) -> Frames:
        raw = self._stream.read(start, stop)
        adu = self._camera.adu(photons_from(raw, self._camera, self._maps)).astype(np.float32)
        if raw.dtype.kind in "ui":
            adu[raw == np.iinfo(raw.dtype).max] = np.nan
        lowest = raw.min(axis=(1, 2))
        dead = lowest == raw.max(axis=(1, 2))
        adu[dead] = lowest[dead, None, None]
        return adu

    def available(self, wanted: int) -> tuple[int, bool]:
        """Ask the stack."""
        answer = self._stream.available(wanted)
        self.shape = self._stream.shape
        return answer

    def end(self, last: int) -> int:
        """Ask the stack."""
        return self._stream.end(last)

    def stop(self) -> None:
        """Tell the stack."""
        self._stream.stop()

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()
