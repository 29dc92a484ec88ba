"""From candidates to a localization table, with calibrated confidence and uncertainty."""

from __future__ import annotations

import numpy as np
import pandas as pd

from deep_storm.extraction.candidates import Candidates
from deep_storm.model import ModelCard


def localizations_from(candidates: Candidates, card: ModelCard) -> pd.DataFrame:
    """Return the localization table of candidates, all of them.

    Parameters
    ----------
    candidates
        In frame order.
    card
        Calibration, camera and scales of the model that found them.

    Returns
    -------
    Table as in :mod:`deep_storm.localizations`; columns that the network does not state are left
    out. ``bkgstd_photon`` is √(background + read-out noise²), as in a ground truth.
    """
    camera, scales, calibration = card.camera, card.scales, card.calibration
    columns = {
        "frame": candidates.frame,
        "x_nm": candidates.x_px * np.float32(camera.pixel_size_nm),
        "y_nm": candidates.y_px * np.float32(camera.pixel_size_nm),
    }
    if candidates.photons.size == candidates.frame.size:
        background = candidates.background * np.float32(scales.background_scale_photon)
        columns |= {
            "sigma_nm": candidates.sigma * np.float32(scales.sigma_px * camera.pixel_size_nm),
            "intensity_photon": candidates.photons * np.float32(scales.intensity_photon),
            "offset_photon": background,
            "bkgstd_photon": np.sqrt(background + np.float32(camera.read_noise_photon**2)),
        }
    factor = calibration.spread_factor_of(candidates.score)
    columns |= {
        "detections": np.ones(candidates.frame.size, np.int64),
        "confidence": calibration.confidence_of(candidates.score).astype(np.float32),
        "uncertainty_xy_nm": (candidates.spread_px * factor * camera.pixel_size_nm).astype(
            np.float32
        ),
    }
    return pd.DataFrame(columns)
