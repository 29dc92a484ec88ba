"""Which part of a movie a PSF is measured on."""

import numpy as np
import pytest

import deep_storm as ds
from deep_storm.errors import PsfError
from deep_storm.estimation.psf.scenes import (
    Window,
    choose_windows,
    largest_rectangle,
    read_scenes,
    windows_of,
)
from deep_storm.io.stacks.stream import ArrayFrames

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)


def by_trying(mask):
    """Return the area of the largest rectangle, by trying all of them."""
    height, width = mask.shape
    return max(
        ((b - a) * (d - c) if mask[a:b, c:d].all() else 0)
        for a in range(height)
        for b in range(a + 1, height + 1)
        for c in range(width)
        for d in range(c + 1, width + 1)
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_largest_rectangle_is_the_largest(seed):
    mask = np.random.default_rng(seed).random((7, 9)) < 0.7
    found = largest_rectangle(mask)
    inside = mask[found.top : found.top + found.height, found.left : found.left + found.width]
    assert inside.all()
    assert found.height * found.width == by_trying(mask)


def test_nothing_and_everything():
    assert largest_rectangle(np.zeros((4, 5), bool)) == Window(0, 0, 0, 0)
    assert largest_rectangle(np.ones((4, 5), bool)) == Window(0, 0, 4, 5)


def test_windows_lie_within_their_part():
    part = Window(30, 50, 200, 300)
    windows = choose_windows(part)
    assert len(windows) == 3 * 4
    assert min(w.top for w in windows) >= 30
    assert max(w.top + w.height for w in windows) <= 230
    assert min(w.left for w in windows) >= 50
    assert max(w.left + w.width for w in windows) <= 350


def test_scenes_leave_out_what_is_not_lit():
    frames = np.random.default_rng(1).poisson(120, (20, 64, 64)).astype(np.uint16)
    frames[:, :, 30:] = 100
    used = np.ones((64, 64), bool)
    used[:, 30:] = False
    used[:5] = False
    scenes = read_scenes(ArrayFrames(frames), CAMERA, None, 20, used=used)
    assert scenes.windows == (Window(5, 0, 59, 30),)
    np.testing.assert_allclose(scenes.photons[3], (frames[3, 5:, :30] - 100.0) * 0.5)


def test_a_narrow_rest_is_refused():
    frames = np.random.default_rng(1).poisson(120, (20, 64, 64)).astype(np.uint16)
    used = np.ones((64, 64), bool)
    used[:, 10:] = False
    with pytest.raises(PsfError, match="64 × 10 px"):
        read_scenes(ArrayFrames(frames), CAMERA, None, 20, used=used)


def test_windows_with_a_hole_are_left_out():
    used = np.ones((200, 200), bool)
    every = windows_of((200, 200))
    used[5:8, 5:8] = False
    assert windows_of((200, 200), used) == every[1:]


def test_beads_are_unknown():
    rng = np.random.default_rng(1)
    frames = 100 + 2 * rng.poisson(20, (40, 64, 64))
    y, x = np.mgrid[:64, :64] + 0.5
    for frame in frames:  # molecules
        for _ in range(20):
            where = np.hypot(x - rng.uniform(0, 64), y - rng.uniform(0, 64))
            frame += rng.poisson(190 * np.exp(-(where**2) / 2.5)) * 2
    frames += rng.poisson(5000 * np.exp(-((x - 12.3) ** 2 + (y - 50.2) ** 2) / 2.5), frames.shape)
    scenes = read_scenes(ArrayFrames(frames.astype(np.uint16)), CAMERA, None, 40)
    unknown = np.isnan(scenes.photons)
    assert unknown[:, 44:57, 6:19].all()
    assert unknown.mean() < 0.2


def test_lit_frames_between_dark_ones_are_not_odd():
    frames = 100 + 2 * np.random.default_rng(1).poisson(20, (40, 64, 64))
    frames[1::2] = 100
    scenes = read_scenes(ArrayFrames(frames.astype(np.uint16)), CAMERA, None, 40)
    assert scenes.frame.tolist() == list(range(0, 40, 2))
    assert not np.isnan(scenes.photons).any()


def test_what_was_clipped_is_unknown():
    frames = np.random.default_rng(1).poisson(120, (20, 64, 64)).astype(np.uint16)
    cut = np.minimum(frames, 130)
    stream = ArrayFrames(cut)
    assert np.isfinite(read_scenes(stream, CAMERA, None, 20).photons).all()
    stream.clipped_adu = 130.0
    photons = read_scenes(stream, CAMERA, None, 20).photons
    np.testing.assert_array_equal(np.isnan(photons), frames >= 130)
    limit = frames.astype(np.uint8)
    limit[3, 4, 5] = 255
    assert np.isnan(read_scenes(ArrayFrames(limit), CAMERA, None, 20).photons).sum() == 1
