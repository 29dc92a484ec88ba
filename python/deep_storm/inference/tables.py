"""From candidates to a localization table, with calibrated confidence and uncertainty."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.store import Store
from deep_storm.io.tables.reader import read_table
from deep_storm.model_card import ModelCard


class Rows(ABC):
    """Localizations by frame, which need not all be in memory."""

    count: int

    @abstractmethod
    def pieces(self) -> Iterator[pd.DataFrame]:
        """Yield tables of whole frames, in order; at least one."""

    def table(self) -> pd.DataFrame:
        """Return all of them in one table."""
        return pd.concat(list(self.pieces()), ignore_index=True)

    def beginning(self, most: int) -> pd.DataFrame:
        """Return the rows of the first frames, whole ones: at most so many, but one frame's."""
        found: list[pd.DataFrame] = []
        for piece in self.pieces():
            found.append(piece)
            if sum(map(len, found)) > most:
                break
        table = pd.concat(found, ignore_index=True)
        if len(table) <= most:
            return table
        frame = table["frame"]
        return table[frame < max(frame.iloc[most], frame.iloc[0] + 1)]


class FoundRows(Rows):
    """Localizations of a network, calibrated when they are read."""

    def __init__(self, store: Store, card: ModelCard) -> None:
        self.store = store
        self.card = card
        self.count = store.count

    def pieces(self) -> Iterator[pd.DataFrame]:
        """Yield the pieces of the store as tables."""
        for candidates in self.store.pieces():
            yield localizations_from(candidates, self.card)


class TableRows(Rows):
    """A table in memory."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.held = table
        self.count = len(table)

    def pieces(self) -> Iterator[pd.DataFrame]:
        """Yield the table."""
        yield self.held


@dataclass
class WrittenRows(Rows):
    """A table too long for memory, read again from its file (five decimals)."""

    path: Path
    count: int

    def pieces(self) -> Iterator[pd.DataFrame]:
        """Read the file."""
        yield read_table(self.path)


class MovedRows(Rows):
    """Localizations of a part of the field, moved to their position in the whole field."""

    def __init__(self, rows: Rows, shift_nm: tuple[float, float]) -> None:
        self.rows = rows
        self.shift_nm = shift_nm
        self.count = rows.count

    def pieces(self) -> Iterator[pd.DataFrame]:
        """Yield the pieces, moved by (y, x)."""
        y_nm, x_nm = self.shift_nm
        for table in self.rows.pieces():
            yield table.assign(x_nm=table["x_nm"] + x_nm, y_nm=table["y_nm"] + y_nm)


def localizations_from(candidates: Candidates, card: ModelCard) -> pd.DataFrame:
    """Return the localization table of all candidates.

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
        background = candidates.background * np.float32(card.unit_background_photon)
        columns |= {
            "sigma_nm": candidates.sigma * np.float32(scales.sigma_px * camera.pixel_size_nm),
            "intensity_photon": candidates.photons * np.float32(card.unit_photon),
            "background_photon": background,
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
    if candidates.z_px.size == candidates.frame.size:
        nm = np.float32(camera.pixel_size_nm)
        columns |= {
            "z_nm": candidates.z_px * nm,
            "uncertainty_z_nm": (
                candidates.z_spread_px * nm * calibration.depth_factor_of(candidates.score)
            ).astype(np.float32),
        }
    return pd.DataFrame(columns)
