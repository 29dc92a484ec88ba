"""Frames of an sCMOS camera, corrected as if all its pixels were alike."""

from __future__ import annotations

import numpy as np

from deep_storm.camera import Camera
from deep_storm.camera_maps import CameraMaps, check_maps, left_noise, photons_from
from deep_storm.io.stacks.stream import Frames, FrameStream, WrappedFrames


class CorrectedFrames(WrappedFrames):
    """A stack in which every pixel's baseline and gain are brought to the camera's.

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
        super().__init__(stream)
        self._camera, self._maps = camera, maps
        self.dtype = np.dtype(np.float32)
        self.noise = left_noise(maps, camera)

    def _read(self, start: int, stop: int) -> Frames:
        raw = self._stream.read(start, stop)
        adu = self._camera.adu(photons_from(raw, self._camera, self._maps)).astype(np.float32)
        if raw.dtype.kind in "ui":
            adu[raw == np.iinfo(raw.dtype).max] = np.nan
        lowest = raw.min(axis=(1, 2))
        dead = lowest == raw.max(axis=(1, 2))
        adu[dead] = lowest[dead, None, None]
        return adu
