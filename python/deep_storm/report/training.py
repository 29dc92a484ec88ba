"""The report of a training: purpose of the model, course of the training, quality."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure

from deep_storm.model_card import ModelCard
from deep_storm.report.figures import BLUE, GREY, new_figure, style_axes
from deep_storm.report.page import Page, Section
from deep_storm.report.pictures import example_frames
from deep_storm.report.plots import loss_curve
from deep_storm.report.style import styled
from deep_storm.report.words import rows_in, rows_of, shown
from deep_storm.words import duration

Frames = npt.NDArray[Any]

GOOD_JACCARD, GOOD_CALIBRATION = 0.5, 0.1
OVERFITTED = 1.1
STILL_FALLING = 0.02


def training_page(
    name: str,
    card: ModelCard,
    history: pd.DataFrame,
    simulated: Frames | None = None,
    real: Frames | None = None,
) -> Page:
    """Compose a report.

    Parameters
    ----------
    name
        Of the model.
    card
        Settings, calibration, scores.
    history
        Losses by step.
    simulated, real
        (n, y, x) in ADU: frames as the network saw them in training, and of the imported stack or
        of the movie that the simulation is matched to.
    """
    pictures: list[tuple[str, Figure]] = []
    if simulated is not None and len(simulated):
        caption = "Simulated patches"
        if real is not None:
            caption += " above real frames, and how often each pixel value occurs in them"
        pictures.append((caption, example_frames(simulated, real, card.camera.pixel_size_nm)))
    curves = (("Loss", loss_curve(history)),) if "loss" in history and len(history) else ()
    molecules = (
        *rows_of(card.psf, "PSF:"),
        *rows_of(card.emitters, "emitters:"),
        *rows_of(card.background, "background:"),
    )
    training = dict(card.training)
    if "seconds" in training:
        training["seconds"] = duration(float(training["seconds"]), 1)
    return Page(
        title=f"Model {name}",
        subtitle=f"{card.network.network} network, ×{card.network.upsampling}, trained for a PSF "
        f"of {card.psf.sigma_nm:g} nm, {card.emitters.intensity_photon:g} photons and "
        f"{card.emitters.density_per_um2:g} emitters per µm²",
        suspicions=tuple(training_suspicions(card, history)),
        sections=(
            Section("How good it is, on simulated frames that it has not seen", (), _scores(card)),
            Section("Training", (), rows_in(training), curves),
            Section("What it was trained on", (), (), tuple(pictures)),
            Section("Confidence and uncertainty", (), (), (_calibration(card),)),
            Section("Camera", (), rows_of(card.camera)),
            Section("Molecules", (), molecules),
            Section("Versions", (), rows_in(card.versions)),
        ),
    )


def training_suspicions(card: ModelCard, history: pd.DataFrame) -> list[str]:
    """Return what looks suspicious about a training, in plain words."""
    said = []
    jaccard = card.scores.get("jaccard")
    if jaccard is not None and jaccard < GOOD_JACCARD:
        said.append(
            f"On simulation of its own kind the model reaches a Jaccard index of only {jaccard:.2f}"
            ": train longer, unless the emitters are too crowded or too dim for any method."
        )
    error = card.scores.get("calibration_error")
    if error is not None and error > GOOD_CALIBRATION:
        said.append(
            f"The confidence is off by {error:.2f} on average: do not read it as a probability."
        )
    if card.training.get("ended") == "stopped":
        said.append("Training was stopped before its planned end.")
    losses = history["validation_loss"].dropna() if "validation_loss" in history else None
    if losses is None or len(losses) < 4:
        return said
    values = losses.to_numpy(np.float64)
    best, last = float(values.min()), float(values[-1])
    if last - best > (OVERFITTED - 1) * abs(best):
        said.append(
            "The validation loss rose again after its best value: more training data or fewer "
            "steps would do better. The best weights are kept."
        )
    elif values[-1] == best and values[-3] - best > STILL_FALLING * abs(best):
        said.append("The validation loss was still falling at the end: longer training would help.")
    return said


def _scores(card: ModelCard) -> tuple[tuple[str, str], ...]:
    return (*rows_in(card.scores), ("threshold", shown(card.threshold)))


@styled
def _calibration(card: ModelCard) -> tuple[str, Figure]:
    """Draw the maps from scores to confidences and from spreads to uncertainties."""
    found = card.calibration
    figure = new_figure(150, 60)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle="--")
    left.plot(found.score, found.confidence, color=BLUE, linewidth=1.3)
    left.axvline(card.threshold, color=GREY, linewidth=0.8, linestyle=":")
    style_axes(left, "score of the network", "confidence")
    right.plot(found.spread_score, found.spread_factor, "o-", color=BLUE, markersize=3)
    right.axhline(1, color=GREY, linewidth=0.8, linestyle="--")
    style_axes(right, "score of the network", "true spread / stated spread")
    right.set_ylim(bottom=0)
    caption = (
        "Learnt on simulation: the probability that an emitter is there (dotted: threshold), and "
        "the factor on the network's spread"
    )
    return caption, figure
