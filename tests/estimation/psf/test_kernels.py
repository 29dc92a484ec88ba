"""Compiled loops of the joint fit against sums that are written out."""

import numpy as np
import pytest

from deep_storm.estimation.psf.blocks import add_psf_information, scene_information
from deep_storm.estimation.psf.kernels import (
    OF_EMITTER,
    Placed,
    add_light,
    gather,
    place,
    spread,
)
from deep_storm.estimation.psf.surface import (
    add_surfaces,
    gather_nodes,
    make_grid,
    moved_to,
    surfaces,
)

RADIUS_PX, KNOTS = 3, 2
EDGE = 2 * RADIUS_PX * KNOTS + 3
SHAPE = (2, 9, 11)


@pytest.fixture(scope="module")
def rng():
    return np.random.default_rng(3)


@pytest.fixture(scope="module")
def coefficients():
    at = np.arange(EDGE) - (EDGE - 1) / 2
    line = np.exp(-((at / KNOTS) ** 2) / 2)
    return 0.1 * line * line[:, None]


def placed_at(coefficients, shift_px=0.0):
    """Emitters inside, at corners, on borders and beyond them."""
    x = np.array([5.2, 0.1, 10.8, -1.3, 10.9, 4.1])
    y = np.array([4.7, 0.1, 8.8, 3.6, -0.4, 11.6])
    scene = np.array([0, 0, 0, 0, 1, 1])
    photons = np.array([500.0, 800.0, 300.0, 900.0, 650.0, 700.0])
    return place(scene, x + shift_px, y, photons, coefficients, RADIUS_PX, KNOTS)


def light_of(placed):
    image = np.zeros(SHAPE)
    add_light(placed, image)
    return image


def columns(placed, coefficients, n):
    """The image of each unknown: of coefficients, then of emitters."""
    found = []
    for k in range(n):
        change, emitters = np.zeros((EDGE, EDGE)), np.zeros((placed.scene.size, OF_EMITTER))
        if k < EDGE**2:
            change.flat[k] = 1.0
        else:
            emitters.flat[k - EDGE**2] = 1.0
        image = np.zeros(SHAPE)
        spread(placed, change, emitters, KNOTS, image)
        found.append(image)
    return np.array(found)


def test_expected_photons_are_linear_in_the_coefficients(coefficients):
    placed, image = placed_at(coefficients), np.zeros(SHAPE)
    spread(placed, coefficients, np.zeros((6, OF_EMITTER)), KNOTS, image)
    np.testing.assert_allclose(image, light_of(placed), atol=1e-3)


def test_derivatives_by_position_are_those_of_the_light(coefficients):
    emitters = np.zeros((6, OF_EMITTER))
    emitters[:, 1] = 1.0
    image = np.zeros(SHAPE)
    spread(placed_at(coefficients), np.zeros((EDGE, EDGE)), emitters, KNOTS, image)
    step = 1e-2
    moved = light_of(placed_at(coefficients, step)) - light_of(placed_at(coefficients, -step))
    np.testing.assert_allclose(image, moved / (2 * step), atol=0.02 * np.abs(image).max())


def test_gathering_is_the_transpose_of_spreading(coefficients, rng):
    placed = placed_at(coefficients)
    change, emitters = rng.normal(size=(EDGE, EDGE)), rng.normal(size=(6, OF_EMITTER))
    there, weight = np.zeros(SHAPE), rng.normal(size=SHAPE)
    spread(placed, change, emitters, KNOTS, there)
    by_coefficient, by_emitter = np.zeros((EDGE, EDGE)), np.zeros((6, OF_EMITTER))
    gather(placed, weight, KNOTS, by_coefficient, by_emitter)
    back = np.vdot(by_coefficient, change) + np.vdot(by_emitter, emitters)
    assert np.vdot(there, weight) == pytest.approx(back, rel=1e-5)


def test_information_of_the_psf_is_that_of_each_emitters_images(coefficients, rng):
    placed, weight = placed_at(coefficients), rng.uniform(0.5, 2.0, SHAPE[1:])
    reach = 4 * EDGE
    band = np.zeros((EDGE**2, reach + 1))
    add_psf_information(placed, 0, 4, weight, KNOTS, band)
    wanted = np.zeros((EDGE**2, EDGE**2))
    for k in range(4):
        alone = Placed(*(part[k : k + 1] for part in placed))
        seen = columns(alone, coefficients, EDGE**2)[:, 0]
        wanted += np.einsum("iyx,jyx,yx->ij", seen, seen, weight)
    lower = np.zeros_like(wanted)
    for d in range(reach + 1):
        lower += np.diag(band[d:, reach - d], -d)
    np.testing.assert_allclose(lower, np.tril(wanted), atol=1e-5 * wanted.max())


@pytest.mark.parametrize("knots", [1, 2])
def test_a_psf_that_stays_leaves_what_emitters_do(rng, knots):
    coefficients = rng.uniform(0.0, 0.1, (2 * RADIUS_PX * knots + 3,) * 2)
    place_of = rng.uniform(0.0, 9.0, (2, 5))
    scene, photons = np.zeros(5, np.int64), np.full(5, 400.0)
    placed = place(scene, *place_of, photons, coefficients, RADIUS_PX, knots)
    change, emitters = np.zeros_like(coefficients), rng.normal(size=(5, OF_EMITTER))
    images, found = np.zeros((2, *SHAPE)), np.zeros((2, 5, OF_EMITTER))
    spread(placed, change, emitters, knots, images[0])
    spread(placed, None, emitters, knots, images[1])
    np.testing.assert_allclose(images[0], images[1], atol=1e-9)
    gather(placed, images[0], knots, change, found[0])
    gather(placed, images[0], knots, None, found[1])
    np.testing.assert_array_equal(found[0], found[1])
    assert images[0].any()
    assert change.any()


@pytest.mark.parametrize(("first", "stop", "scene"), [(0, 4, 0), (4, 6, 1)])
def test_information_of_a_scene_is_that_of_its_images(coefficients, rng, first, stop, scene):
    placed, weight = placed_at(coefficients), rng.uniform(0.5, 2.0, SHAPE[1:])
    matrix = scene_information(placed, first, stop, weight, RADIUS_PX, 2, 3, 4.0)
    own = columns(placed, coefficients, EDGE**2 + 6 * OF_EMITTER)[EDGE**2 :, scene]
    own = own[OF_EMITTER * first : OF_EMITTER * stop]
    nodes = [surfaces(node.reshape(1, 2, 3), 4.0, *SHAPE[1:])[0] for node in np.eye(6)]
    seen = np.concatenate([own, nodes])
    wanted = np.einsum("iyx,jyx,yx->ij", seen, seen, weight)
    np.testing.assert_allclose(matrix, wanted, atol=1e-5 * wanted.max())


@pytest.mark.parametrize("sigma_px", [0.1, 0.4, 1.3, 5.0])
def test_background_nodes(rng, sigma_px):
    grid = make_grid(*SHAPE[1:], sigma_px)
    level = surfaces(np.full((2, grid.rows, grid.columns), 7.0), grid.step_px, *SHAPE[1:])
    np.testing.assert_allclose(level, 7.0)
    nodes, weight = rng.normal(size=(2, grid.rows, grid.columns)), rng.normal(size=SHAPE)
    image, back = np.zeros(SHAPE), np.zeros_like(nodes)
    add_surfaces(nodes, grid.step_px, image)
    gather_nodes(weight, grid.step_px, back)
    assert np.vdot(image, weight) == pytest.approx(np.vdot(nodes, back), rel=1e-9)


def test_a_surface_moved_to_finer_nodes_stays_where_it_is(rng):
    grid, fine = make_grid(27, 45, 1.0), make_grid(27, 45, 1.0, 3.0)
    nodes = rng.uniform(1.0, 2.0, (2, grid.rows, grid.columns))
    moved = moved_to(fine, nodes, grid)
    # The middle one of three fine nodes lies where the coarse one does.
    np.testing.assert_allclose(moved[:, 1::3, 1::3], nodes)
    coarse, finer = (surfaces(n, g.step_px, 27, 45) for n, g in ((nodes, grid), (moved, fine)))
    np.testing.assert_allclose(finer, coarse, rtol=0.02)
    np.testing.assert_allclose(moved_to(grid, moved, fine), nodes)
