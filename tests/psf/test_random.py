import numpy as np

from deep_storm.psf import random
from deep_storm.psf.fitting import fit_gaussian
from deep_storm.psf.random import SIGMA_PX, Z_NM, draw_psf, draw_pupil, halo_table


def test_the_same_seed_gives_the_same_psf():
    first, again, other = (draw_pupil(np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.values, again.values)
    assert first.pixel_size_nm == again.pixel_size_nm
    assert first.values.shape != other.values.shape or (first.values != other.values).any()


def test_sizes_are_those_that_were_asked_for():
    rng = np.random.default_rng(1)
    tables = [draw_pupil(rng) for _ in range(30)]
    sigmas = np.array([t.effective_sigma_nm / t.pixel_size_nm for t in tables])
    assert sigmas.min() > 0.95 * SIGMA_PX[0]
    assert sigmas.max() < 1.25 * SIGMA_PX[1]
    assert sigmas.min() < 1.0
    assert sigmas.max() > 1.8
    for table in tables[:5]:
        assert table.values.shape[0] == Z_NM.size
        fit = fit_gaussian(table.plane(0.0), 4)
        # Around the emitter itself: coma moves the core, but by less than half its width.
        assert np.hypot(fit.x_px, fit.y_px) < 0.5 * fit.sigma_px
        assert abs(table.refocused().z0_nm - table.z0_nm) < 10.0
        assert 0.8 < table.share_within[6] < 0.97


def test_a_stated_pixel_size_changes_no_value():
    own, stated = (draw_pupil(np.random.default_rng(2), size) for size in (None, 160.0))
    np.testing.assert_array_equal(own.values, stated.values)
    assert stated.pixel_size_nm == 160.0
    assert 30 < own.pixel_size_nm < 300


def test_aberrations_point_anywhere():
    rng = np.random.default_rng(8)
    lean = []
    for _ in range(24):
        plane = draw_pupil(rng, z_nm=np.array([0.0])).values[0]
        offset = (np.arange(len(plane)) - len(plane) // 2) / 4
        lean.append([plane.sum(axis=axis) @ offset for axis in (0, 1)])
    x, y = np.transpose(lean)
    assert (x > 0.05).any()
    assert (x < -0.05).any()
    assert (y > 0.05).any()
    assert (y < -0.05).any()


def test_kinds(monkeypatch):
    rng = np.random.default_rng(0)
    monkeypatch.setattr(random, "PUPIL_SHARE", 0.0)
    tables = [draw_psf(rng, 100.0) for _ in range(40)]
    sources = [t.source for t in tables]
    assert {"gaussian", "theory"} == set(sources)
    assert all(t.values.shape[0] == 1 for t in tables)


def test_halo_holds_its_share_of_the_light():
    table = halo_table(1.2, 3.0, 0.3, 100.0)
    fit = fit_gaussian(table.values[0], 4)
    assert 0.7 < fit.share < 0.95
    assert 1.2 < fit.sigma_px < 1.4
    assert 0.98 < table.share_within[0] <= 1.0
