"""The PSF of a movie, measured once and kept for the next run with the same movie."""

from dataclasses import fields

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.camera_maps import CameraMaps
from deep_storm.estimation.movie_psf import Attempt
from deep_storm.estimation.psf.field import ALIKE, OverField
from deep_storm.estimation.psf.light import MovieLight
from deep_storm.estimation.psf.over_depth import OverDepth
from deep_storm.estimation.psf.result import MeasuredPsf
from deep_storm.inputs import measured
from deep_storm.inputs.measured import measured_psf
from deep_storm.io import kept
from deep_storm.io.stacks.stream import ArrayFrames
from deep_storm.psf.pupil import pupil_table
from deep_storm.settings import Pupil

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)
PUPIL = Pupil(numerical_aperture=1.4, wavelength_nm=670.0, astigmatism_waves=0.1)
LIGHT = MovieLight(0.05, 301.7, 0.1, 0.01, 2.5, "filaments")
FRAMES = np.random.default_rng(1).poisson(140, (64, 32, 40)).astype(np.uint16)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "cache_folder", lambda: tmp_path)
    return tmp_path / "learnt"


@pytest.fixture
def answer(monkeypatch):
    """Let a measurement have this answer, and count how often it is made."""
    made = []

    def answered(attempt):
        monkeypatch.setattr(measured, "try_to_measure", lambda *_: made.append(1) or attempt)
        return made

    return answered


def found(depths):
    flat = pupil_table(PUPIL, 100.0)
    deep = pupil_table(PUPIL, 100.0, np.arange(-300.0, 301.0, 100.0))
    return MeasuredPsf(
        flat,
        noise=0.01,
        molecules=1234,
        frames=60,
        photons=1001.25,
        background=19.0 / 7.0,
        level=33.3,
        chi2=1.01,
        difference=0.07,
        rounds=9,
        left_over=np.random.default_rng(2).normal(size=(5, 5)),
        notes=("a note",),
        light=LIGHT if depths else None,
        over_depth=OverDepth(deep, 123.4, PUPIL, 0.02) if depths else None,
        over_field=OverField(0.03, 4.5) if depths else ALIKE,
    )


def same(one, other):
    """Whether two results are the same to the last digit."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(
            same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)
        )
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("depths", [False, True])
def test_a_measurement_is_the_same_when_kept(folder, answer, depths):
    attempt = Attempt(found(depths), ("The PSF was measured", "a note"))
    count = answer(attempt)
    first = measured_psf(ArrayFrames(FRAMES), CAMERA)
    assert first.found is attempt.found
    assert first.notes == attempt.notes
    again = measured_psf(ArrayFrames(FRAMES), CAMERA)
    assert len(count) == 1
    assert same(again.found, attempt.found)
    assert again.notes[:2] == attempt.notes
    assert str(folder) in again.notes[2]


def test_that_a_movie_does_not_tell_is_kept(folder, answer):
    count = answer(Attempt(None, ("nothing can be told apart",)))
    for _ in range(2):
        attempt = measured_psf(ArrayFrames(FRAMES), CAMERA)
        assert attempt.found is None
        assert attempt.notes[0] == "nothing can be told apart"
    assert len(count) == 1


def test_frames_are_read_once(folder, answer, monkeypatch):
    answer(Attempt(None))
    stream = ArrayFrames(FRAMES)
    read, seen = stream.read, []
    monkeypatch.setattr(stream, "read", lambda *span: seen.append(span) or read(*span))
    measured_psf(stream, CAMERA)
    assert len(seen) == len(FRAMES)


def test_another_movie_is_measured(folder, answer):
    count = answer(Attempt(None))
    changed = FRAMES.copy()
    changed[-1, 5, 5] += 1
    used = np.ones(FRAMES.shape[1:], bool)
    used[:4] = False
    noisy = ArrayFrames(FRAMES)
    noisy.noise = CameraMaps(read_noise_adu=np.full(FRAMES.shape[1:], 3.0, np.float32))
    measured_psf(ArrayFrames(FRAMES), CAMERA)
    measured_psf(ArrayFrames(changed), CAMERA)
    measured_psf(ArrayFrames(FRAMES), CAMERA.model_copy(update={"photons_per_adu": 0.51}))
    measured_psf(ArrayFrames(FRAMES), CAMERA, used=used)
    measured_psf(noisy, CAMERA)
    assert len(count) == 5
    assert len(list(folder.iterdir())) == 5


def test_what_takes_no_time_is_not_kept(folder):
    short = measured_psf(ArrayFrames(FRAMES[:20]), CAMERA)
    assert "20 frames" in short.notes[0]
    narrow = np.zeros(FRAMES.shape[1:], bool)
    narrow[:10] = True
    assert "largest part" in measured_psf(ArrayFrames(FRAMES), CAMERA, used=narrow).notes[0]
    assert not folder.exists() or not list(folder.iterdir())
