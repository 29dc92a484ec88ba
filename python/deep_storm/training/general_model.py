"""Trains the general model that comes with the software."""

from __future__ import annotations

import numpy as np

from deep_storm.camera import Camera
from deep_storm.model import Model
from deep_storm.model_card import NETWORK_VERSION, ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.networks.device import place
from deep_storm.networks.precision import learning_dtype
from deep_storm.progress import Progress, silent
from deep_storm.settings import Background, Device, Domain, Emitters, Network, Psf, Training
from deep_storm.training.adaptation import adapted
from deep_storm.training.experiments import Experiment, PsfBank, draw_experiment
from deep_storm.training.general import DOMAIN_STREAM, GeneralData
from deep_storm.training.loop import Trained, train_network
from deep_storm.training.record import software, training_record
from deep_storm.training.schedule import settings_for
from deep_storm.training.session import Molecules

SCORED_EXPERIMENTS = 12
SCORE_SEED = 5_000_011
TYPICAL = (
    Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5, read_noise_adu=2.0),
    Psf(sigma_nm=130.0, sigma_std_nm=6.0),
    Emitters(density_per_um2=2.0, intensity_photon=1500.0, intensity_std_photon=400.0),
    Background(background_photon=15.0, background_std_photon=1.0),
)
"""Stands in the card where a model says what it was trained for."""


def train_general(
    domain: Domain,
    training: Training,
    device: Device,
    progress: Progress = silent,
    start: Model | None = None,
) -> tuple[Model, Trained]:
    """Train a general model, from nothing or on from another one.

    Parameters
    ----------
    domain
        What it shall be used for.
    training, device
        Settings.
    progress
        Called after every step.
    start
        Whose weights to begin with.

    Returns
    -------
    The model, and its training.
    """
    with place(device):
        import keras

        keras.utils.set_random_seed(training.seed)
        network = make_network(Network())
        settings = settings_for(network, training)
        dtype = network.training_dtype(learning_dtype(device))
        learning = network.build(dtype)
        if start is not None:
            learning.set_weights(start.keras_model.get_weights())
        data = GeneralData(domain, settings)
        trained = train_network(learning, network, data, settings, progress)
        keras_model = network.build(drawn=False)
        keras_model.set_weights(trained.best)
        record = training_record(settings, trained, imported=False, start=start)
        record |= {"precision": dtype, "data": "experiments drawn from the domain"}
        return general_model(keras_model, domain, record), trained


def general_model(
    keras_model: object, domain: Domain, record: dict[str, str | float | int]
) -> Model:
    """Assemble trained weights, domain and scores into a model."""
    camera, psf, emitters, background = TYPICAL
    card = ModelCard(
        network_version=NETWORK_VERSION,
        network=Network(),
        camera=camera,
        psf=psf,
        emitters=emitters,
        background=background,
        scales=Scales.matching(*TYPICAL),
        general=True,
        domain=domain,
        training=record,
        versions=software(),
    )
    model = Model(card, keras_model)
    rng = np.random.default_rng([SCORE_SEED, DOMAIN_STREAM])
    bank = PsfBank()
    drawn = [draw_experiment(domain, rng, bank) for _ in range(SCORED_EXPERIMENTS)]
    scores = [adapted(model, _molecules(experiment)).card.scores for experiment in drawn]
    mean = {
        f"mean_{name}": float(np.mean([s[name] for s in scores if name in s]))
        for name in ("jaccard", "rmse_nm", "calibration_error")
    }
    mean["experiments"] = float(SCORED_EXPERIMENTS)
    model.card = card.model_copy(update={"scores": mean})
    return model


def _molecules(experiment: Experiment) -> Molecules:
    return Molecules(
        experiment.camera,
        experiment.psf,
        experiment.emitters,
        experiment.background,
        table=experiment.table,
    )
