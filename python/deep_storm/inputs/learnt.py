"""What simulation teaches about an experiment, learnt once and kept for the next run.

Threshold and confidence of the general model, the brightness of molecules in a crowd and the
confidence of refinement are learnt on simulated frames, for seconds each. They depend on the model,
the experiment and the seed alone, so the next run with the same gets the same numbers
(:mod:`deep_storm.inputs.remembered`). Their key stands for everything that goes in: weights,
settings, PSF, maps, the frames that are imitated, and what computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from deep_storm.camera_maps import CameraMaps, fingerprint
from deep_storm.inference.refining import Refinement, looks_beside, refiner_for
from deep_storm.inputs.remembered import Learnt, key_of, learnt_once
from deep_storm.model import Model
from deep_storm.model_card import Calibration
from deep_storm.networks.device import gpu_names
from deep_storm.settings import Background, Emitters
from deep_storm.training import brightness, calibration, refining
from deep_storm.training.adaptation import conditioned
from deep_storm.training.session import Molecules
from deep_storm.training.sharing import Light

_WEIGHTS = ("weights", "spread_weights", "z_weights")
_NUMBERS = ("threshold", "jaccard", "network_jaccard")


def calibrated(model: Model, molecules: Molecules) -> Learnt:
    """Return a general model for an experiment, with threshold and confidence, but no scores.

    Parameters
    ----------
    model, molecules
        As :func:`deep_storm.training.adaptation.adapted` takes them.
    """
    ready = conditioned(model, molecules)

    def to_json(found: Model) -> Any:
        card = found.card
        return {"calibration": _plain(card.calibration), "threshold": card.threshold}

    def of_json(values: Any) -> Model:
        changed = {
            "calibration": Calibration.parse(values["calibration"]),
            "threshold": float(values["threshold"]),
            "scores": {},
        }
        return replace(ready, card=ready.card.model_copy(update=changed))

    amount = calibration.EMITTERS[ready.card.network.network]
    key = _key("calibration", ready, molecules.maps, amount)

    def learn() -> Model:
        return calibration.calibrate(ready, 1, molecules.maps, scored=False)

    return learnt_once(key, learn, to_json, of_json)


def matched_brightness(
    model: Model,
    molecules: Molecules,
    windows: Sequence[npt.NDArray[np.float32]],
    background_known: bool = False,
    estimated: float | None = None,
    everywhere: bool = True,
) -> Learnt:
    """Return emitters and background whose simulated frames are like those of a movie, or None.

    Parameters
    ----------
    model, molecules
        The general model, and the experiment as it was estimated.
    windows, background_known, estimated, everywhere
        As :func:`deep_storm.training.brightness.brightness` takes them.
    """
    ready = conditioned(model, molecules)

    def of_json(values: Any) -> Light | None:
        if values["light"] is None:
            return None
        emitters, background = values["light"]
        return Light(Emitters.parse(emitters), Background.parse(background))

    def to_json(found: Light | None) -> Any:
        return {"light": None if found is None else [_plain(settings) for settings in found]}

    def learn() -> Light | None:
        return brightness.brightness(
            ready, windows, molecules.maps, background_known, estimated, everywhere
        )

    what = "photons" if background_known else "photons and background"
    if estimated is not None:
        what += f", estimated to {estimated}"
    if not everywhere:
        what += ", in a part of the field"
    key = _key(what, ready, molecules.maps, brightness.EMITTERS, *windows)
    return learnt_once(key, learn, to_json, of_json)


def learnt_refinement(model: Model, maps: CameraMaps | None = None) -> Learnt:
    """Return the refinement of a model's candidates.

    Parameters
    ----------
    model, maps
        As :func:`deep_storm.training.refining.learn_refinement` takes them.
    """

    def to_json(found: Refinement) -> Any:
        values = {name: getattr(found, name) for name in (*_WEIGHTS, *_NUMBERS, "row_ratio")}
        log_density = found.refiner.prior.log_density
        return {**values, "calibration": _plain(found.calibration), "log_density": log_density}

    def of_json(values: Any) -> Refinement:
        usual = refiner_for(model.card, model.table)
        prior = usual.prior._replace(log_density=float(values["log_density"]))
        ratio = values["row_ratio"]
        numbers: dict[str, Any] = {
            **{name: tuple(map(float, values[name])) for name in _WEIGHTS},
            **{name: float(values[name]) for name in _NUMBERS},
            "calibration": Calibration.parse(values["calibration"]),
            "row_ratio": None if ratio is None else float(ratio),
        }
        beside = looks_beside(model)
        return Refinement(replace(usual, prior=prior), model.card, **numbers, beside=beside)

    key = _key("refinement", model, maps, refining.EMITTERS)
    return learnt_once(key, lambda: refining.learn_refinement(model, maps), to_json, of_json)


def _plain(settings: Any) -> Any:
    return settings.model_dump(mode="json", exclude_unset=True)


def _key(
    what: str,
    model: Model,
    maps: CameraMaps | None,
    amount: int,
    *frames: npt.NDArray[np.float32],
) -> str:
    """Return a digest of all that a result depends on; ``amount``: of what is simulated."""
    table = model.table
    parts = [
        what,
        amount,
        model.card.model_dump(mode="json"),
        fingerprint(maps),
        None if table is None else [table.fingerprint(), table.source],
        gpu_names(),
        model.precision,
    ]
    return key_of(parts, (*model.keras_model.get_weights(), *frames))
