"""The baseline that follows from the noise of illuminated frames.

Shot noise grows with the light above the baseline, whatever the baseline is called: with the
camera's gain and read-out noise known, the frames themselves tell how many of their ADU are light.
No pixel needs to be dark for it, but a wrong gain gives a wrong baseline.
"""

from __future__ import annotations

import numpy as np

from deep_storm.camera import Camera
from deep_storm.estimation.blind.crowd import measure_crowd
from deep_storm.estimation.quantity import Quantity
from deep_storm.estimation.sampling import draw_sample
from deep_storm.estimation.trust import hidden_baseline
from deep_storm.io.stacks.stream import FrameStream
from deep_storm.progress import Progress, silent

ROUNDS = 3
CLOSE_ADU = 0.1


def baseline_by_noise(
    stream: FrameStream, camera: Camera, *, progress: Progress = silent
) -> Quantity:
    """Find the baseline at which the frames' noise is the shot noise of their light.

    Parameters
    ----------
    stream
        Raw frames with blinking emitters.
    camera
        Gain and read-out noise must be right; its baseline is where the search begins.
    progress
        Called while frames are read.

    Returns
    -------
    Quantity
        The baseline in ADU.

    Raises
    ------
    StackError
        Too few or constant frames, values that are not numbers, or nothing blinks.
    """
    electrons = camera.photons_per_count * camera.quantum_efficiency
    read_variance = (camera.read_noise_adu**2 + 1.0 / 12.0) * electrons**2
    baseline, error = camera.baseline_adu, np.inf
    sample = draw_sample(stream, camera, progress=progress)
    for _ in range(ROUNDS):
        crowd = measure_crowd(sample, camera, read_variance, stream.name)
        step = crowd.baseline_error / electrons
        baseline += step
        error = crowd.baseline_uncertainty / electrons
        if abs(step) < CLOSE_ADU:
            break
        shift = np.float32(crowd.baseline_error)
        sample = sample._replace(
            blocks=[block - shift for block in sample.blocks],
            mean_photon=sample.mean_photon - shift / camera.quantum_efficiency,
            halves_photon=sample.halves_photon - shift / camera.quantum_efficiency,
        )
    warnings = hidden_baseline(float(error))
    return Quantity(float(baseline), "ADU", float(error), None, sample.frames, warnings=warnings)
