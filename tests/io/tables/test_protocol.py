"""The camera in ThunderSTORM's protocol."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, SettingsError
from deep_storm.io.tables.thunderstorm import (
    find_protocol,
    protocol_path,
    read_protocol,
    write_protocol,
)

DATA = Path(__file__).parents[2] / "data"


def test_a_protocol_of_thunderstorm_is_read():
    path = find_protocol(DATA / "filaments_drift_first20_thunderstorm.csv")
    assert path is not None
    camera = Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)
    assert read_protocol(path) == camera


def test_a_table_without_protocol_has_none(tmp_path):
    assert find_protocol(tmp_path / "movie.csv") is None
    assert protocol_path(tmp_path / "movie.csv") == tmp_path / "movie-protocol.txt"


@pytest.mark.parametrize("em_gain", [None, 300.0])
def test_a_camera_is_read_back(tmp_path, em_gain):
    camera = Camera(
        pixel_size_nm=106.7,
        baseline_adu=398.6,
        photons_per_adu=5.3,
        quantum_efficiency=0.9,
        em_gain=em_gain,
        read_noise_adu=1.5,
    )
    write_protocol(tmp_path / "a-protocol.txt", camera)
    again = read_protocol(tmp_path / "a-protocol.txt")
    assert again.model_copy(update={"read_noise_adu": 1.5}) == camera
    assert again.read_noise_adu == pytest.approx(1.5)


def test_what_thunderstorm_needs_is_written_in_its_units(tmp_path):
    camera = Camera(
        pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=2.0, read_noise_adu=1.5
    )
    write_protocol(tmp_path / "a-protocol.txt", camera)
    assert json.loads((tmp_path / "a-protocol.txt").read_text()) == {
        "version": "deep-storm",
        "cameraSettings": {
            "pixelSize": 100.0,
            "photons2ADU": 2.0,
            "offset": 100.0,
            "quantumEfficiency": 1.0,
            "isEmGain": False,
            "gain": 100.0,
            "readoutNoise": 3.0,  # photoelectrons
        },
        "analysisEstimator": {
            "name": "PSF: Integrated Gaussian",
            "method": "Maximum likelihood",
        },
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not json", "is not a ThunderSTORM protocol"),
        ("[]", "has no cameraSettings"),
        ('{"version": "x"}', "has no cameraSettings"),
        ('{"cameraSettings": {"pixelSize": 100.0}}', "has no valid 'photons2ADU'"),
        (
            '{"cameraSettings": {"pixelSize": "wide", "photons2ADU": 1, "offset": 0}}',
            "has no valid",
        ),
    ],
)
def test_damaged_protocols_are_refused(tmp_path, text, words):
    path = tmp_path / "a-protocol.txt"
    path.write_text(text)
    with pytest.raises(CameraError, match=words):
        read_protocol(path)


def test_impossible_cameras_and_missing_files_are_refused(tmp_path):
    path = tmp_path / "a-protocol.txt"
    path.write_text('{"cameraSettings": {"pixelSize": 100, "photons2ADU": 0, "offset": 0}}')
    with pytest.raises(SettingsError, match="photons_per_adu"):
        read_protocol(path)
    with pytest.raises(CameraError, match="there is no file"):
        read_protocol(tmp_path / "nothing.txt")
