import numpy as np
import pytest

from deep_storm.errors import SettingsError
from deep_storm.settings import Emitters, Psf
from deep_storm.simulation.emitters import (
    default_margin_px,
    draw_densities,
    draw_shares,
    draw_spread,
    draw_structure,
    place_emitters,
)
from deep_storm.simulation.field import Field

PSF = Psf(sigma_nm=120.0, sigma_std_nm=12.0)


def sampled(
    frames=100, height_px=40, width_px=64, seed=1, margin_px=None, mask=None, densities=None,
    new_structure_per_frame=False, **values
):  # fmt: skip
    """Draw the emitters of some frames, as a movie or as training data has them."""
    rng = np.random.default_rng(seed)
    emitters = Emitters(**{"density_per_um2": 2.0, "intensity_photon": 1500.0, **values})
    margin_px = default_margin_px(PSF, 100.0) if margin_px is None else margin_px
    field = Field(height_px, width_px, 100.0, margin_px)
    if densities is None:
        densities = draw_densities(emitters, frames, rng)
    count = frames if new_structure_per_frame else 1
    structures = [draw_structure(emitters, field, rng, mask) for _ in range(count)]
    structures = structures * (frames // count)
    return place_emitters(structures, np.asarray(densities), field, emitters, PSF, rng)


def density_per_um2(found, frames=100, height_px=40, width_px=64):
    return len(found.inside(height_px, width_px)) / (frames * height_px * width_px * 0.01)


@pytest.mark.parametrize("structure", ["uniform", "filaments", "clusters", "mixed"])
@pytest.mark.parametrize("new_structure_per_frame", [False, True])
def test_density_in_the_field_is_right_for_each_structure(structure, new_structure_per_frame):
    found = sampled(structure=structure, new_structure_per_frame=new_structure_per_frame)
    assert density_per_um2(found) == pytest.approx(2.0, rel=0.06)


def test_density_is_right_for_a_mask():
    mask = np.zeros((10, 16))
    mask[2:4, 5:9] = 1
    found = sampled(mask=mask)
    assert density_per_um2(found) == pytest.approx(2.0, rel=0.05)
    assert found.x_px.min() >= 20
    assert found.x_px.max() <= 36
    assert found.y_px.min() >= 8
    assert found.y_px.max() <= 16


def test_counts_are_poisson_numbers():
    found = sampled(frames=2000, height_px=20, width_px=20, margin_px=0.0)
    counts = np.bincount(found.frame, minlength=2000)
    assert counts.mean() == pytest.approx(8.0, rel=0.03)
    assert counts.var() == pytest.approx(8.0, rel=0.1)


def test_emitters_are_sorted_by_frame_and_frames_count_from_zero():
    found = sampled()
    assert (np.diff(found.frame) >= 0).all()
    assert found.frame.dtype == np.int64
    assert set(found.frame) == set(range(100))


def test_margin_holds_emitters_too():
    found = sampled()
    margin = default_margin_px(PSF, 100.0)
    assert margin == pytest.approx(4 * 1.44)
    assert found.x_px.min() == pytest.approx(-margin, abs=0.1)
    assert found.x_px.max() == pytest.approx(64 + margin, abs=0.1)
    assert found.y_px.max() == pytest.approx(40 + margin, abs=0.1)
    inside = found.inside(40, 64)
    assert 0 <= inside.x_px.min() < inside.x_px.max() < 64
    assert 0 <= inside.y_px.min() < inside.y_px.max() < 40


def test_densities_can_be_given_frame_by_frame():
    found = sampled(frames=2, densities=[0.5, 50.0], margin_px=0.0)
    counts = np.bincount(found.frame)
    assert counts[0] < 40
    assert counts[1] == pytest.approx(50 * 25.6, rel=0.1)


def test_density_spreads_from_frame_to_frame():
    found = sampled(frames=2000, density_std_per_um2=1.0, margin_px=0.0)
    counts = np.bincount(found.frame, minlength=2000)
    assert counts.mean() == pytest.approx(51.2, rel=0.03)
    assert counts.var() == pytest.approx(51.2 + 25.6**2, rel=0.1)


@pytest.mark.parametrize("spread", ["uniform", "normal"])
def test_photons_and_sigma_have_mean_and_standard_deviation(spread):
    found = sampled(frames=300, spread=spread, intensity_std_photon=300.0)
    assert found.intensity_photon.mean() == pytest.approx(1500, rel=0.01)
    assert found.intensity_photon.std() == pytest.approx(300, rel=0.03)
    assert found.sigma_px.mean() == pytest.approx(1.2, rel=0.01)
    assert found.sigma_px.std() == pytest.approx(0.12, rel=0.03)


def test_uniform_spread_has_thunderstorms_ends():
    values = draw_spread(1600.0, 1800 / np.sqrt(12), "uniform", 100_000, np.random.default_rng(1))
    assert values.min() == pytest.approx(700, abs=1)
    assert values.max() == pytest.approx(2500, abs=1)


@pytest.mark.parametrize("spread", ["uniform", "normal"])
def test_values_are_never_below_a_fifth_of_the_mean(spread):
    values = draw_spread(100.0, 500.0, spread, 10_000, np.random.default_rng(1))
    assert values.min() >= 20.0
    # Cut, not piled up at the edge.
    assert np.sum(values < 20.001) < 5


def test_gamma_photons_have_mean_spread_and_the_exponentials_tail():
    values = draw_spread(1000.0, 1000.0, "gamma", 100_000, np.random.default_rng(1))
    assert values.mean() == pytest.approx(1000, rel=0.02)
    assert np.mean(values < 100.0) == pytest.approx(1.0 - np.exp(-0.1), rel=0.05)


def test_shares_of_a_frame_are_those_of_emitters_that_come_and_go():
    on_time = 2.5
    rng = np.random.default_rng(2)
    start = rng.uniform(-40.0, 2.0, 2_000_000)
    end = start + rng.exponential(on_time, start.size)
    overlap = np.minimum(end, 1.0) - np.maximum(start, 0.0)
    expected = overlap[overlap > 0]
    found = draw_shares(on_time, 100_000, np.random.default_rng(1))
    assert found.mean() == pytest.approx(expected.mean(), rel=0.01)
    assert np.mean(found == 1.0) == pytest.approx(np.mean(expected == 1.0), rel=0.02)
    assert np.mean(found < 0.3) == pytest.approx(np.mean(expected < 0.3), rel=0.03)


def test_without_on_time_every_emitter_is_on_for_the_whole_frame():
    np.testing.assert_array_equal(draw_shares(0.0, 3, np.random.default_rng(1)), 1.0)


def test_no_spread_gives_the_mean():
    np.testing.assert_array_equal(draw_spread(5.0, 0.0, "uniform", 3, np.random.default_rng(1)), 5)
    np.testing.assert_array_equal(draw_spread(5.0, 0.0, "normal", 3, np.random.default_rng(1)), 5)
    np.testing.assert_array_equal(draw_spread(0.0, 0.0, "uniform", 3, np.random.default_rng(1)), 0)


def occupied_share(found, frame):
    """Share of 200 nm cells with an emitter in one frame."""
    chosen = found.inside(40, 64)
    of_frame = chosen.frame == frame
    cells = np.column_stack([chosen.x_px[of_frame] // 2, chosen.y_px[of_frame] // 2])
    return {tuple(c) for c in cells.astype(int).tolist()}


def test_structure_stays_in_a_movie_and_changes_in_training_data():
    clusters = {"frames": 2, "structure": "clusters", "density_per_um2": 40.0}
    stays = sampled(**clusters)
    changes = sampled(new_structure_per_frame=True, **clusters)

    def overlap(found):
        first, second = occupied_share(found, 0), occupied_share(found, 1)
        return len(first & second) / len(first | second)

    assert overlap(stays) > 0.5
    assert overlap(changes) < 0.5 * overlap(stays)


def test_same_seed_same_emitters():
    first, second = sampled(structure="mixed"), sampled(structure="mixed")
    np.testing.assert_array_equal(first.x_px, second.x_px)
    np.testing.assert_array_equal(first.intensity_photon, second.intensity_photon)
    assert not np.array_equal(first.x_px[:50], sampled(structure="mixed", seed=2).x_px[:50])


def test_unknown_structure_is_refused():
    with pytest.raises(SettingsError, match="no such file"):
        sampled(structure="spaghetti")
