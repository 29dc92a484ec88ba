"""What files say of the camera."""

import json

import numpy as np
import pytest
import tifffile

from deep_storm.io.stacks.camera_said import (
    NOTHING,
    CameraSaid,
    said_by_micro_manager,
    said_by_micro_manager_text,
    said_by_ome,
    said_by_zen,
)
from deep_storm.io.stacks.frames import open_frames

ANDOR = {
    "Core-Camera": "Andor",
    "Andor-EMSwitch": "On",
    "Andor-Gain": "200",
    "Andor-Pre-Amp-Gain": "Gain 3",
    "Exposure-ms": 30,
    "Binning": "1x1",
    "Other-Gain": "7",
}
OME = (
    '<?xml version="1.0"?><OME xmlns="x"><Instrument ID="I:0"><Detector ID="D:0" Type="{kind}"/>'
    '</Instrument><Image ID="Image:0"><Pixels ID="P:0" SizeT="3"><Channel ID="C:0">'
    '<DetectorSettings ID="D:0" Gain="150.0" Binning="2x2"/></Channel>'
    '<Plane TheC="0" ExposureTime="50.0" ExposureTimeUnit="ms"/></Pixels></Image></OME>'
)


@pytest.mark.parametrize(
    ("change", "em_gain"),
    [
        ({}, 200.0),
        ({"Andor-EMSwitch": "Off"}, None),
        ({"Andor-Output_Amplifier": "Conventional"}, None),
        ({"Andor-Gain": "0"}, None),
        ({"Andor-Gain": "nan"}, None),
        ({"Andor-Gain": {"PropVal": "20"}}, 20.0),
        ({"Core-Camera": "Evolve", "Evolve-MultiplierGain": "90"}, 90.0),
        ({"Core-Camera": "Zyla", "Zyla-Gain": "16-bit"}, None),
        ({"Core-Camera": ""}, None),
    ],
)
def test_the_em_gain_of_micro_manager_is_the_cameras_own(change, em_gain):
    assert said_by_micro_manager({**ANDOR, **change}).em_gain == em_gain


def test_exposure_and_binning_are_read_too():
    assert said_by_micro_manager(ANDOR) == CameraSaid(200.0, 30.0, 1)
    assert said_by_ome(OME.format(kind="EMCCD")) == CameraSaid(150.0, 50.0, 2)
    assert said_by_ome(OME.format(kind="CMOS")) == CameraSaid(None, 50.0, 2)


def test_zen_says_it_of_its_channel():
    channel = {
        "ExposureTime": "20000000",
        "DetectorSettings": {"EMGain": "300", "Binning": "2,2"},
    }
    about = {"Information": {"Image": {"Dimensions": {"Channels": {"Channel": [channel]}}}}}
    assert said_by_zen({"ImageDocument": {"Metadata": about}}) == CameraSaid(300.0, 20.0, 2)
    assert said_by_zen(None) == NOTHING


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"Core-Camera": 3}', "[" * 5000, "\0"])
def test_damaged_text_says_nothing(text):
    assert said_by_micro_manager_text(text) == NOTHING


@pytest.mark.parametrize("how", ["Micro-Manager", "OME"])
def test_a_tiff_has_what_its_program_wrote(tmp_path, how):
    tags = {"extratags": [(51123, "s", 0, json.dumps(ANDOR), True)]}
    if how == "OME":
        tags = {"description": OME.format(kind="EMCCD"), "metadata": None}
    frames = np.full((3, 8, 8), 100, np.uint16)
    tifffile.imwrite(tmp_path / "movie.tif", frames, photometric="minisblack", **tags)
    with open_frames(tmp_path / "movie.tif") as stream:
        said = stream.camera_said
        assert said.em_gain == {"Micro-Manager": 200.0, "OME": 150.0}[how]
        assert f"EM gain of {said.em_gain:g}" in said.text()


def test_a_file_that_says_nothing_has_no_text(tmp_path):
    frames = np.full((3, 8, 8), 100, np.uint16)
    tifffile.imwrite(tmp_path / "movie.tif", frames, photometric="minisblack")
    with open_frames(tmp_path / "movie.tif") as stream:
        assert stream.camera_said.text() == ""
