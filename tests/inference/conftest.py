"""What the tests of single stages of a reconstruction share."""

from __future__ import annotations

import pytest

import deep_storm as ds
from deep_storm.model_card import ModelCard
from deep_storm.networks.base import Scales
from deep_storm.settings import Background, Emitters, Network, Psf


@pytest.fixture(scope="session")
def card():
    """Return the card of a model for 1,500 photons on a background of 20."""
    molecules = {
        "camera": ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        "psf": Psf(sigma_nm=110),
        "emitters": Emitters(density_per_um2=1, intensity_photon=1500),
        "background": Background(background_photon=20),
    }
    return ModelCard(network=Network(), scales=Scales.matching(*molecules.values()), **molecules)
