"""What follows from a camera's numbers, in which units."""

from __future__ import annotations

import pytest

from deep_storm.camera import Camera

CAMERA = Camera(
    pixel_size_nm=200,
    baseline_adu=100,
    photons_per_adu=5,
    quantum_efficiency=0.5,
    em_gain=100,
    read_noise_adu=20,
)


def test_a_pixel_has_an_area_in_square_micrometres():
    assert CAMERA.pixel_area_um2 == pytest.approx(0.04)


def test_counts_become_photons_by_gain_and_quantum_efficiency():
    assert CAMERA.photons_per_count == pytest.approx(0.1)
    assert CAMERA.read_noise_photon == pytest.approx(2.0)
    assert CAMERA.excess_noise_factor == 2.0


def test_without_em_gain_nothing_is_multiplied():
    plain = CAMERA.model_copy(update={"em_gain": None})
    assert plain.photons_per_count == pytest.approx(10.0)
    assert plain.excess_noise_factor == 1.0
