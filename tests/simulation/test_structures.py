import numpy as np
import pytest
from scipy.spatial import cKDTree

from deep_storm.simulation.field import Field
from deep_storm.simulation.structures import (
    Composite,
    Uniform,
    draw_clusters,
    draw_filaments,
    draw_sheet,
)

FIELD = Field(height_px=40, width_px=64, pixel_size_nm=100.0, margin_px=5.0)


def test_area_is_in_square_micrometres_without_the_margin():
    assert FIELD.area_um2 == pytest.approx(4.0 * 6.4)
    assert FIELD.share == pytest.approx(40 * 64 / (50 * 74))


def test_field_contains_its_first_edge_and_not_its_last():
    x, y = np.array([0.0, 64.0, 63.9, 10.0]), np.array([0.0, 1.0, 39.9, 40.0])
    assert FIELD.contains(x, y).tolist() == [True, False, True, False]
    assert FIELD.contains(x, y, 5.0).all()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("draw", [draw_filaments, draw_clusters, lambda f, _: Uniform(f)])
def test_share_in_field_is_the_share_of_positions(draw, seed):
    rng = np.random.default_rng(seed)
    structure = draw(FIELD, rng)
    x, y = structure.positions(20_000, rng)
    assert x.shape == y.shape == (20_000,)
    assert FIELD.contains(x, y).mean() == pytest.approx(structure.share_in_field, abs=0.02)


def test_composite_parts_have_their_shares_in_the_field():
    rng = np.random.default_rng(3)
    far = Field(40, 64, 100.0, margin_px=40.0)
    both = Composite((Uniform(far), Uniform(FIELD)), (0.25, 0.75))
    x, y = both.positions(40_000, rng)
    assert FIELD.contains(x, y).mean() == pytest.approx(both.share_in_field, abs=0.01)
    wanted = 1 / (0.25 / far.share + 0.75 / FIELD.share)
    assert both.share_in_field == pytest.approx(wanted)


def test_filaments_are_thin_and_long():
    rng = np.random.default_rng(5)
    filaments = draw_filaments(FIELD, rng)
    x, y = filaments.positions(4000, rng)
    steps = cKDTree(np.column_stack([filaments.x_px, filaments.y_px]))
    distance_px, _ = steps.query(np.column_stack([x, y]))
    # Half a step along and half of 120 nm across.
    assert distance_px.max() * 100 <= np.hypot(50, 60) + 1
    length_um = filaments.x_px.size * 0.1
    assert 0.3 < length_um / (FIELD.area_um2 / FIELD.share) < 4


def test_filaments_are_20_to_120_nm_wide():
    curves = [draw_filaments(FIELD, np.random.default_rng(seed)) for seed in range(40)]
    width_nm = 2 * 100 * np.concatenate([np.unique(c.half_width_px) for c in curves])
    assert 20 <= width_nm.min() < 40 < 100 < width_nm.max() <= 120


@pytest.mark.parametrize("um_per_um2", [0.4, 3.0])
def test_filaments_are_as_long_as_is_given(um_per_um2):
    wide = Field(640, 640, 100.0, 10.0)
    filaments = draw_filaments(wide, np.random.default_rng(6), um_per_um2)
    inside = wide.contains(filaments.x_px, filaments.y_px)
    length_um = inside.sum() * 0.1
    assert length_um / wide.area_um2 == pytest.approx(um_per_um2, rel=0.6)


def test_filaments_keep_their_direction():
    filaments = draw_filaments(FIELD, np.random.default_rng(5))
    turns = np.abs(np.diff(filaments.direction))
    assert np.median(turns) < 0.3


def test_clusters_have_radii_from_30_to_150_nm():
    clusters = draw_clusters(FIELD, np.random.default_rng(2))
    radius_nm = clusters.radius_px * 100
    assert radius_nm.min() >= 30
    assert radius_nm.max() <= 150


def test_sizes_are_nanometres_whatever_the_pixel():
    fine = Field(100, 100, 50.0, 10.0)
    clusters = draw_clusters(fine, np.random.default_rng(2))
    assert clusters.radius_px.max() > 150 / 100
    assert clusters.radius_px.max() <= 150 / 50


def test_no_field_stays_empty():
    tiny = Field(16, 16, 60.0, 8.0)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        for draw in (draw_filaments, draw_clusters):
            x, y = draw(tiny, rng).positions(500, rng)
            assert tiny.contains(x, y).any()


FIELD_3D = Field(64, 64, 100.0, 4.0)
REACH_PX = 4.0


@pytest.mark.parametrize("draw", [draw_filaments, draw_clusters, draw_sheet])
def test_structures_have_depth_within_the_reach(draw):
    structure = draw(FIELD_3D, np.random.default_rng(3))
    x, y, z = structure.places(3000, np.random.default_rng(4), REACH_PX)
    assert x.shape == y.shape == z.shape == (3000,)
    assert np.abs(z).max() <= REACH_PX
    assert np.std(z) > 0.2


def test_a_sheet_is_thin_and_a_volume_is_not():
    sheet = draw_sheet(FIELD_3D, np.random.default_rng(3))
    for structure, thin in ((sheet, True), (Uniform(FIELD_3D), False)):
        x, y, z = structure.places(4000, np.random.default_rng(4), REACH_PX)
        tree = cKDTree(np.stack([x, y], axis=1))
        _, nearest = tree.query(np.stack([x, y], axis=1), k=2)
        apart = np.abs(z - z[nearest[:, 1]])
        assert (np.median(apart) < 0.2) == thin


def test_depths_do_not_change_where_emitters_lie():
    for draw in (draw_filaments, draw_clusters):
        structure = draw(FIELD_3D, np.random.default_rng(3))
        x, y = structure.positions(50, np.random.default_rng(4))
        with_depth = structure.places(50, np.random.default_rng(4), REACH_PX)
        assert (with_depth.x == x).all()
        assert (with_depth.y == y).all()
