"""Surfaces of matrices: their heights, lowest points and curvatures are those of the formula."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl.surfaces.function_landscapes import closed_form
from padl.surfaces.landscape import heights, nearest, params_of, point_of
from padl.surfaces.matrix_landscapes import linear_network, matrix_least_squares

BOTH = [matrix_least_squares, linear_network]
RNG = np.random.default_rng(3)


def in_double(landscape):
    return jax.tree.map(lambda x: jnp.asarray(np.asarray(x), jnp.float64), landscape.height)


def by_hand(landscape, point):
    """The height in float64 from the matrices that a point is."""
    arrays, matrices = [np.asarray(x, float) for x in landscape.height.args], landscape.params(np.asarray(point, float))
    if "X" in matrices:
        left, right, target = arrays
        return 0.5 * np.sum((left @ matrices["X"] @ right - target) ** 2)
    inputs, target = arrays
    return 0.5 * np.sum((matrices["W2"] @ matrices["W1"] @ inputs - target) ** 2)


@pytest.mark.parametrize("make", BOTH)
@pytest.mark.parametrize("condition", [None, 1.0, 1000.0])
def test_the_height_is_the_formulas_and_0_at_the_lowest_point(make, condition):
    landscape = make(condition)
    points = np.array([landscape.start, *RNG.uniform(-1, 1, (3, len(landscape.start)))])
    np.testing.assert_allclose(heights(landscape, points), [by_hand(landscape, p) for p in points], rtol=1e-4)
    assert by_hand(landscape, landscape.minima[0]) < 1e-10  # the matrices are float32
    assert (heights(landscape, points) > landscape.floor).all()


@pytest.mark.parametrize("condition", [1.0, 100.0, 1e4])
def test_the_curvatures_of_least_squares_are_from_1_to_the_condition_number(condition):
    with jax.enable_x64(True):
        landscape = matrix_least_squares(condition)
        at = jnp.asarray(RNG.uniform(-1, 1, 12))
        curvatures = np.linalg.eigvalsh(jax.hessian(in_double(landscape))(at))
        assert curvatures[0] == pytest.approx(1, rel=1e-4)
        assert curvatures[-1] == pytest.approx(condition, rel=1e-4)


def test_the_lowest_points_of_the_network_are_a_set_and_0_is_a_saddle():
    with jax.enable_x64(True):
        landscape = linear_network()
        height = in_double(landscape)
        curvatures = lambda p: np.linalg.eigvalsh(jax.hessian(height)(jnp.asarray(p, float)))  # noqa: E731
        lowest, zero = curvatures(landscape.minima[0]), curvatures(np.zeros(24))
        assert (np.abs(lowest) < 1e-5).sum() == 15  # 24 numbers, of which 9 are W2 W1
        assert lowest[-9] > 0.1
        assert np.abs(jax.grad(height)(jnp.zeros(24))).max() == 0
        assert zero[0] < -0.1
        assert zero[-1] > 0.1
    w = landscape.params(np.array(landscape.minima[0]))
    np.testing.assert_allclose(w["W1"] @ w["W1"].T, w["W2"].T @ w["W2"], atol=1e-12)


def test_every_pair_of_layers_with_the_same_product_is_as_far_from_the_lowest_points():
    landscape = linear_network()
    w = landscape.params(np.array(landscape.minima[0]))
    turn = np.linalg.qr(RNG.standard_normal((4, 4)))[0] * [1, 2, 3, 4]
    other = np.concatenate([(turn @ w["W1"]).ravel(), (w["W2"] @ np.linalg.inv(turn)).ravel()])
    assert np.linalg.norm(other - landscape.minima[0]) > 1
    assert nearest(landscape, np.array([other, other])) == pytest.approx([0, 0], abs=1e-12)
    off = np.concatenate([(turn @ w["W1"]).ravel(), 2 * (w["W2"] @ np.linalg.inv(turn)).ravel()])
    assert nearest(landscape, off) == pytest.approx(np.linalg.norm(w["W2"] @ w["W1"]))
    assert np.isnan(nearest(landscape, np.full(24, np.nan)))


def test_a_point_and_its_parameters_are_the_same_numbers_row_by_row():
    landscape = linear_network()
    forms, point = tuple(landscape.forms.items()), np.arange(24.0)
    params = params_of(forms, point)
    assert {name: p.shape for name, p in params.items()} == {"W1": (4, 3), "W2": (3, 4)}
    np.testing.assert_array_equal(params["W1"][1], [3, 4, 5])
    np.testing.assert_array_equal(point_of(forms, params), point)
    assert landscape.params(np.zeros((2, 5, 24)))["W2"].shape == (2, 5, 3, 4)
    assert closed_form("valley").params(np.zeros((2, 5, 2)))["point"].shape == (2, 5, 2)
