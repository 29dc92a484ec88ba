"""Whether a movie's PSF is measured at all."""

import numpy as np

import deep_storm as ds
from deep_storm.estimation.movie_psf import scenes_of
from deep_storm.io.stacks.stream import ArrayFrames

CAMERA = ds.Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5)


def test_a_movie_with_a_narrow_lit_part_keeps_the_gaussian():
    frames = np.random.default_rng(1).poisson(120, (80, 32, 32)).astype(np.uint16)
    used = np.ones((32, 32), bool)
    used[:, 16:] = False
    found, notes = scenes_of(ArrayFrames(frames), CAMERA, used)
    assert found is None
    assert "the largest part that is measured and lit is 32 × 16 px" in notes[0]
