"""Adapts a general model to an experiment without training.

The network is conditioned on camera, PSF, brightness and background; threshold and confidence are
learnt on fresh simulation of the same experiment, as after training. What it is told is not always
what is so: it has learnt that what it is told is not quite right and that molecules may differ
in width, so where they do not it does better when it is told to expect narrower ones
(``benchmarks/told.py``).
"""

from __future__ import annotations

from deep_storm.errors import ModelError
from deep_storm.model import Model
from deep_storm.networks.base import Scales
from deep_storm.settings import Domain
from deep_storm.training.calibration import calibrate
from deep_storm.training.session import Molecules

ALIKE, TOLD_SIGMA = 0.6, 0.97
"""Relative spread of the photons up to which molecules in one plane are told narrower, and how
much."""
TOLD_BOUNDED = 0.65
"""Of the spread of photons with an upper end: the network expects a tail of bright ones."""
SLACK = 1.02
"""Values this far beyond the domain are still in it: nobody knows them better."""


def adapted(model: Model, molecules: Molecules, seed: int = 1) -> Model:
    """Return a general model conditioned on an experiment.

    Parameters
    ----------
    model
        A general model, or one that was trained from it.
    molecules
        Camera, PSF, emitters and background of the experiment.
    seed
        Of the simulation that threshold and confidence are learnt on.

    Raises
    ------
    ModelError
        The model was trained for one experiment only.
    """
    return calibrate(conditioned(model, molecules), seed, molecules.maps)


def conditioned(model: Model, molecules: Molecules) -> Model:
    """Return a general model conditioned on an experiment, without its confidence and threshold.

    Raises
    ------
    ModelError
        The model was trained for one experiment only.
    """
    if model.card.domain is None:
        raise ModelError(
            f"{model.describe()}, trained for that alone",
            "a general model, or one trained from it",
            "use --model general, or train a model for these settings",
        )
    molecules = molecules.as_seen()
    card = model.card.model_copy(
        update={
            "camera": molecules.camera,
            "psf": molecules.psf,
            "emitters": molecules.emitters,
            "background": molecules.background,
            "scales": _told(molecules, model.card.scales.depth_reach_nm),
            "general": False,
        }
    )
    path, table = model.path, molecules.table
    return Model(card, model.keras_model, None, path, table, model.precision)


def _told(molecules: Molecules, depth_reach_nm: float | None) -> Scales:
    """Return the numbers that the network does best with when it is told them."""
    scales = molecules.scales(depth_reach_nm)
    told: dict[str, float] = {}
    if molecules.psf.spread_in_depth_nm == 0 and scales.intensity_spread <= ALIKE:
        told["sigma_px"] = TOLD_SIGMA * scales.sigma_px
    if molecules.emitters.spread == "uniform":
        told["intensity_spread"] = TOLD_BOUNDED * scales.intensity_spread
    return scales.model_copy(update=told)


def outside(domain: Domain, molecules: Molecules) -> list[str]:
    """Describe which values of an experiment are outside the training of the general model.

    Returns
    -------
    A sentence for each value, with the range it should be in.
    """
    camera = molecules.camera
    area = (camera.pixel_size_nm / 100.0) ** 2
    values = {
        "PSF sigma (px)": (camera.px(molecules.psf.sigma_nm), domain.sigma_px),
        "photons": (molecules.emitters.intensity_photon, domain.intensity_photon),
        "background (photons)": (
            molecules.background.background_photon,
            domain.background_photon,
        ),
        "density (per 100 × 100 px)": (
            molecules.emitters.density_per_um2 * area * 100.0,
            (0.0, domain.density_per_um2[1] * 100.0),
        ),
    }
    return [
        f"{name} {value:.3g} is outside {low:g} to {high:g}, which the model was trained for"
        for name, (value, (low, high)) in values.items()
        if not low / SLACK <= value <= high * SLACK
    ]
