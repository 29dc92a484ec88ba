"""What the general model is told of an experiment."""

from __future__ import annotations

import pytest

import deep_storm as ds
from deep_storm.model import Model
from deep_storm.training.adaptation import TOLD_BOUNDED, TOLD_SIGMA, conditioned
from deep_storm.training.session import Molecules


def told(psf=ds.Psf(sigma_nm=130, sigma_std_nm=5), **emitters):
    """Return width (px) and relative spread of the photons, of a PSF of 1.3 px, that it is told."""
    molecules = Molecules(
        ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        psf,
        ds.Emitters(density_per_um2=1, intensity_photon=1000, **emitters),
        ds.Background(background_photon=10),
    )
    scales = conditioned(Model.load("general"), molecules).card.scales
    return scales.sigma_px, scales.intensity_spread


def test_molecules_that_are_alike_are_told_narrower():
    alike = told(intensity_std_photon=300, spread="gamma")
    assert alike == pytest.approx((1.3 * TOLD_SIGMA, 0.3))
    assert told(intensity_std_photon=900, spread="gamma") == pytest.approx((1.3, 0.9))


def test_photons_without_a_tail_are_told_more_alike():
    assert told(intensity_std_photon=300)[1] == pytest.approx(0.3 * TOLD_BOUNDED)


def test_the_width_of_molecules_in_depth_stays():
    deep = ds.Psf(sigma_nm=130, sigma_std_nm=5, depth_std_nm=150)
    assert told(deep, intensity_std_photon=300, spread="gamma")[0] == pytest.approx(1.3)


def test_a_network_is_told_the_photons_that_molecules_are_seen_with():
    """With an on-time of one frame half of a molecule's light is in a frame, in the mean."""
    molecules = Molecules(
        ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5),
        ds.Psf(sigma_nm=130, sigma_std_nm=5),
        ds.Emitters(density_per_um2=1, intensity_photon=1000, on_time_frames=1.0, spread="gamma"),
        ds.Background(background_photon=10),
    )
    card = conditioned(Model.load("general"), molecules).card
    assert card.emitters.seen_frames == 2.0
    assert card.scales.intensity_photon == card.emitters.intensity_photon == pytest.approx(500.0)
    assert card.scales.intensity_spread > 0.68
