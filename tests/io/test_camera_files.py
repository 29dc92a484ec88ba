"""The camera's file, and whether it suits a stack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.errors import CameraError, SettingsError
from deep_storm.io.camera_files import check_camera, read_camera, write_camera
from deep_storm.io.stacks.frames import ArrayFrames, open_frames
from deep_storm.io.tables.protocol import write_protocol

DATA = Path(__file__).parents[1] / "data"
CMOS = Camera(pixel_size_nm=100.0, baseline_adu=100.0, photons_per_adu=0.5)
EMCCD = Camera(pixel_size_nm=100.0, baseline_adu=200.0, photons_per_adu=5.0, em_gain=100.0)


@pytest.mark.parametrize("camera", [CMOS, EMCCD])
def test_a_camera_is_read_back(tmp_path, camera):
    path = tmp_path / "camera.toml"
    write_camera(path, camera)
    assert read_camera(path) == camera
    assert ("em_gain" in path.read_text()) == (camera.em_gain is not None)


def test_the_keys_may_stand_at_top_level_or_beside_other_tables(tmp_path):
    keys = "pixel_size_nm = 100\nbaseline_adu = 100\nphotons_per_adu = 0.5\n"
    path = tmp_path / "camera.toml"
    path.write_text(keys)
    assert read_camera(path) == CMOS
    path.write_text("[camera]\n" + keys + "[psf]\nsigma_nm = 130\n")
    assert read_camera(path) == CMOS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[camera]\npixel_size_nm = 100\n", "baseline_adu is missing"),
        ("[camera]\npixel_size = 100\n", "pixel_size"),
        ("camera = 5\n", "camera"),
    ],
)
def test_a_camera_that_lacks_or_misspells_something_is_refused(tmp_path, text, words):
    path = tmp_path / "camera.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=words):
        read_camera(path)


@pytest.mark.parametrize(
    ("name", "camera"),
    [
        ("filaments_drift_first20.tif", CMOS),
        ("emccd_d1_first10.tif", EMCCD),
        ("dense_d6_first10.tif", CMOS.model_copy(update={"photons_per_adu": 1.0})),
    ],
)
def test_the_real_cameras_suit_their_stacks(name, camera):
    with open_frames(DATA / name) as stream:
        check_camera(camera, stream)


def test_a_contradicting_pixel_size_shows_both():
    frames = np.full((3, 8, 8), 150, np.uint16)
    with pytest.raises(CameraError, match=r"160 nm.*100 nm"):
        check_camera(CMOS, ArrayFrames(frames, pixel_size_nm=160.0))
    check_camera(CMOS, ArrayFrames(frames, pixel_size_nm=100.5))
    check_camera(CMOS, ArrayFrames(frames))


def test_values_that_no_camera_counts_are_refused():
    frames = np.random.default_rng(1).poisson(150, (3, 8, 8)) * 1e30
    with pytest.raises(CameraError, match=r"larger than 1e\+12.*byte order"):
        check_camera(CMOS, ArrayFrames(frames))
    few = np.where(frames > 1.7e32, frames, 150.0)  # these are filled from their neighbours
    check_camera(CMOS, ArrayFrames(few))


def test_a_baseline_above_the_stack_shows_the_numbers():
    camera = CMOS.model_copy(update={"baseline_adu": 400.0})
    with (
        open_frames(DATA / "filaments_drift_first20.tif") as stream,
        pytest.raises(CameraError, match=r"baseline of 400 ADU.*median is \d+.*% of the pixels"),
    ):
        check_camera(camera, stream)


def dark_frames(level: float, noise: float = 2.0) -> ArrayFrames:
    rng = np.random.default_rng(1)
    return ArrayFrames(rng.normal(level, noise, (3, 32, 32)).astype(np.float32))


def test_dark_frames_at_the_baseline_are_no_contradiction():
    check_camera(CMOS, dark_frames(100.0))
    check_camera(CMOS.model_copy(update={"read_noise_adu": 2.0}), dark_frames(100.0))
    check_camera(CMOS, ArrayFrames(np.full((3, 8, 8), 100, np.uint16)))


def test_a_baseline_a_few_read_noises_too_high_is_refused():
    with pytest.raises(CameraError, match="negative"):
        check_camera(CMOS.model_copy(update={"read_noise_adu": 2.0}), dark_frames(92.0))


def test_one_dead_frame_is_no_contradiction():
    frames = np.full((9, 8, 8), 150, np.uint16)
    frames[0] = 0
    check_camera(CMOS, ArrayFrames(frames))


def test_nan_pixels_and_frames_do_not_disturb():
    frames = np.full((3, 8, 8), 150, np.float32)
    frames[0, :5] = np.nan
    frames[1] = np.nan
    check_camera(CMOS, ArrayFrames(frames))


def test_values_that_no_camera_gives_are_refused():
    with pytest.raises(CameraError, match="between 0 and"):
        check_camera(
            CMOS.model_copy(update={"baseline_adu": 0.0}),
            ArrayFrames(np.random.default_rng(1).random((3, 8, 8))),
        )
    with pytest.raises(CameraError, match="uint8 pixels, which end at 255"):
        check_camera(
            CMOS.model_copy(update={"baseline_adu": 300.0}),
            ArrayFrames(np.full((3, 8, 8), 200, np.uint8)),
        )


def test_a_protocol_is_no_camera_file(tmp_path):
    camera = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
    write_protocol(tmp_path / "movie-protocol.txt", camera)
    with pytest.raises(SettingsError, match=r"is a protocol of ThunderSTORM; .* leave the camera"):
        read_camera(tmp_path / "movie-protocol.txt")
