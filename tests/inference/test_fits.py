"""A sample of frames against the model: wrong PSF, baseline, gain, density, and all right."""

from __future__ import annotations

import numpy as np
import pytest

from deep_storm.camera import Camera
from deep_storm.extraction.candidates import Candidates
from deep_storm.inference.fits import (
    WINDOW_PX,
    cut_sample,
    judge_samples,
    sampled_frames,
)
from deep_storm.model_card import ModelCard
from deep_storm.networks.base import Scales
from deep_storm.settings import Background, Emitters, Network, Psf, Simulation
from deep_storm.simulation.frames import simulate

CAMERA = Camera(pixel_size_nm=100, baseline_adu=100, photons_per_adu=0.5, read_noise_adu=2)
PSF = Psf(sigma_nm=130, sigma_std_nm=5)
EMITTERS = Emitters(density_per_um2=1.5, intensity_photon=1500, intensity_std_photon=300)
BACKGROUND = Background(background_photon=20)
CARD = ModelCard(
    network=Network(),
    camera=CAMERA,
    psf=PSF,
    emitters=EMITTERS,
    background=BACKGROUND,
    scales=Scales.matching(CAMERA, PSF, EMITTERS, BACKGROUND),
)


def samples(seed=1, sigma=1.0, density=1.0, **camera):
    """Frames as they truly are, with candidates where emitters are, as a network would say."""
    movie = simulate(
        CAMERA.model_copy(update=camera),
        Psf(sigma_nm=130 * sigma, sigma_std_nm=5),
        EMITTERS.model_copy(update={"density_per_um2": 1.5 * density}),
        BACKGROUND,
        Simulation(frames=6, width_px=48, height_px=48, seed=seed),
    )
    found = []
    for k, frame in enumerate(movie.stack):
        here = movie.truth[movie.truth["frame"] == k]
        x, y = (here[c].to_numpy(np.float32) / 100 for c in ("x_nm", "y_nm"))
        one, nothing = np.ones(len(here), np.float32), np.empty(0, np.float32)
        candidates = Candidates(
            np.full(len(here), k), x + 0.1, y - 0.1, 0.1 * one, one, nothing, nothing, nothing
        )
        found.append(cut_sample(CAMERA.photons(frame), candidates, k))
    return found


@pytest.mark.parametrize("seed", range(3))
def test_right_settings_give_no_alarm(seed):
    fits = judge_samples(samples(seed), CARD)
    assert fits.sentences == ()
    assert fits.chi2 == pytest.approx(1.0, abs=0.12)
    assert fits.sigma_ratio == pytest.approx(1.0, abs=0.03)
    assert fits.frames_off == 0


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"sigma": 1.2}, "wider"),
        ({"sigma": 0.8}, "narrower"),
        ({"baseline_adu": 120}, "baseline is about 1"),
        ({"baseline_adu": 80}, "baseline is about 8"),
        ({"photons_per_adu": 1.0}, "photons per ADU"),
        ({"photons_per_adu": 0.25}, "photons per ADU"),
        ({"density": 3.0}, "emitters per µm²"),
    ],
)
def test_what_is_wrong_is_named(wrong, word):
    (sentence,) = judge_samples(samples(7, **wrong), CARD).sentences
    assert word in sentence


@pytest.mark.parametrize("axis", [0, 1])
def test_rows_or_columns_that_fluctuate_are_the_camera_s(axis):
    rng = np.random.default_rng(3)
    lines = rng.normal(0.0, 4.0, (6, 48, 1) if axis else (6, 1, 48)).astype(np.float32)
    seen = [s._replace(photons=s.photons + one) for s, one in zip(samples(4), lines, strict=True)]
    fits = judge_samples(seen, CARD)
    assert fits.causes == ("pixel noise",)
    assert "whole rows or columns" in fits.summary()


def test_an_edge_of_the_background_is_told():
    edge = np.where(np.arange(48) < 24, 0.0, 30.0).astype(np.float32)
    fits = judge_samples([s._replace(photons=s.photons + edge) for s in samples(4)], CARD)
    assert fits.causes == ("background",)
    assert "an edge of the background lies along them" in fits.summary()


def test_the_same_sample_gives_the_same_numbers():
    assert judge_samples(samples(3), CARD) == judge_samples(samples(3), CARD)


def test_pixels_that_are_noisy_as_their_map_says_raise_no_alarm():
    noise = np.full((48, 48), 2.0, np.float32)
    noise[::5, ::4] = 200.0
    seen = []
    for k, sample in enumerate(samples(5)):
        extra = np.random.default_rng(k).normal(0, np.sqrt(noise**2 - 4.0)) * CAMERA.photons_per_adu
        photons = sample.photons + extra.astype(np.float32)
        seen.append(sample._replace(photons=photons, noise_photon=noise * CAMERA.photons_per_adu))
    fits = judge_samples(seen, CARD)
    assert fits.sentences == ()
    assert fits.chi2 == pytest.approx(1.0, abs=0.12)
    assert judge_samples([s._replace(noise_photon=None) for s in seen], CARD).sentences


def test_a_baseline_so_high_that_no_background_is_left_is_judged():
    dark = [s._replace(photons=s.photons - np.float32(60.0)) for s in samples(2)]
    card = CARD.model_copy(
        update={
            "background": Background(background_photon=0.0),
            "camera": CAMERA.model_copy(update={"read_noise_adu": 0.0}),
        }
    )
    fits = judge_samples(dark, card)
    assert np.isfinite(fits.chi2)
    assert fits.sentences


def test_frames_are_spread_and_windows_stay_inside():
    assert sorted(sampled_frames(5, 8)) == [5, 6, 7]
    many = sampled_frames(0, 12_000)
    assert len(set(many)) == 12
    assert np.ptp(many[:3]) > 5000
    frame = np.zeros((70, 500), np.float32)
    nothing = np.empty(0, np.float32)
    x = np.linspace(0, 499, 300, dtype=np.float32)
    row = np.full(300, 35, np.float32)
    candidates = Candidates(np.zeros(300, np.int64), x, row, row, row, nothing, nothing, nothing)
    corners = set()
    for number in range(6):
        window, inside, _, corner_px, *_ = cut_sample(frame, candidates, number, frame)
        assert window.shape == (WINDOW_PX, WINDOW_PX)
        assert inside.x_px.min() >= 0
        assert inside.x_px.max() < WINDOW_PX
        corners.add(corner_px)
    assert len(corners) > 1


def test_nothing_to_judge():
    assert judge_samples([], CARD) is None
    empty = cut_sample(np.full((20, 20), 20, np.float32), samples(1)[0].candidates.where(
        np.zeros(samples(1)[0].candidates.frame.size, bool)), 0)  # fmt: skip
    assert judge_samples([empty], CARD) is None


def test_what_is_covered_does_not_count():
    covered = np.ones((48, 48), dtype=bool)
    covered[:, 24:] = False
    half = []
    for sample in samples():
        photons = sample.photons.copy()
        photons[:, 24:] = np.random.default_rng(1).normal(0, 1, photons[:, 24:].shape)
        seen = sample.candidates.where(sample.candidates.x_px < 24)
        half.append(sample._replace(photons=photons, candidates=seen))
    assert judge_samples(half, CARD).sentences != ()
    fits = judge_samples(half, CARD, counted=covered)
    assert fits.sentences == ()
    assert fits.density_per_um2 == pytest.approx(1.5, rel=0.15)


def test_a_bead_does_not_count():
    y, x = np.mgrid[:48, :48] + 0.5
    bead = (
        90_000 * np.exp(-((x - 20.3) ** 2 + (y - 31.2) ** 2) / (2 * 1.3**2)) / (2 * np.pi * 1.3**2)
    )
    rng, beside = np.random.default_rng(1), []
    for sample in samples():
        photons = (sample.photons + rng.poisson(bead)).astype(np.float32)
        crowd = rng.normal((20.3, 31.2), 0.7, (40, 2)).astype(np.float32)  # what a network finds
        own = sample.candidates
        many = own._replace(
            frame=np.concatenate([own.frame, np.full(40, own.frame[0])]),
            x_px=np.concatenate([own.x_px, crowd[:, 0]]),
            y_px=np.concatenate([own.y_px, crowd[:, 1]]),
            spread_px=np.concatenate([own.spread_px, np.full(40, 0.1, np.float32)]),
            score=np.concatenate([own.score, np.ones(40, np.float32)]),
        )
        beside.append(sample._replace(photons=photons, candidates=many))
    fits = judge_samples(beside, CARD)
    assert fits.sentences == ()
    assert fits.density_per_um2 == pytest.approx(1.5, rel=0.15)


def test_the_picture_shows_the_region_that_fits_worst():
    seen = [s._replace(frame=10 + k) for k, s in enumerate(samples(4))]
    odd = seen[3].photons.copy()
    odd[2:14, 34:46] += np.float32(60.0) * (np.indices((12, 12)).sum(axis=0) % 2)
    seen[3] = seen[3]._replace(photons=odd, corner_px=(64, 32))
    picture = judge_samples(seen, CARD).picture
    assert (picture.frame, picture.corner_px) == (13, (64, 32))
    assert picture.worst_px == (0, 32, 16, 16)
    assert np.nanmean(picture.off[:16, 32:] ** 2) > 2.0 * np.nanmean(picture.off[16:] ** 2)
    assert abs(picture.common).max() < 0.2 * picture.image.max()
