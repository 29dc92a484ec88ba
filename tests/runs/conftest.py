"""A small model without training."""

import keras
import pytest

import deep_storm as ds
from deep_storm.model import Model
from deep_storm.model_card import ModelCard
from deep_storm.networks import make_network
from deep_storm.networks.base import Scales
from deep_storm.runs.result import Common
from deep_storm.settings import Background, Emitters, Network, Psf, Reconstruction

MOLECULES = {
    "camera": ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
    "psf": Psf(sigma_nm=110),
    "emitters": Emitters(density_per_um2=1, intensity_photon=1500),
    "background": Background(background_photon=20),
}


@pytest.fixture(scope="module")
def model(seeing_neighbours):
    keras.utils.set_random_seed(3)
    scales = Scales.matching(*MOLECULES.values())
    network = Network(network="native", upsampling=2)
    card = ModelCard(network=network, scales=scales, threshold=0.0, **MOLECULES)
    return seeing_neighbours(Model(card, make_network(network).build()))


@pytest.fixture(scope="module")
def common(model):
    settings = Reconstruction(chunk_frames=2, fits=False)
    return Common(model, settings=settings, with_report=False)
