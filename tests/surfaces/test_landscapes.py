"""Landscapes: what is known of their lowest points is so, and what the surfaces of `padl train` are they are too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import padl
from padl.compare import loss_slice
from padl.surfaces import logistic
from padl.surfaces.function_landscapes import closed_form, noisy_valley
from padl.surfaces.functions import SURFACES
from padl.surfaces.landscape import Landscape, heights, lowest, nearest, sample_rows
from padl.tasks.surface_descent import Descent
from padl.types import PadlError

TEN = ("cos_tan", "valley", "saddle", "rosenbrock", "beale", "himmelblau", "rastrigin", "styblinski_tang")


def made(name: str) -> Landscape:
    return {"noisy_valley": noisy_valley, "logistic": logistic.logistic}.get(name, lambda: closed_form(name))()


@pytest.mark.parametrize("name", [*TEN, "noisy_valley", "logistic"])
def test_at_its_minima_a_landscape_is_flat_and_curved_upwards_and_as_high_as_it_says(name):
    landscape = made(name)
    with jax.enable_x64(True):  # float32 would hide an error of 1e-7
        height = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), landscape.height)
        derivatives = jax.jit(lambda p: (height(p), jax.grad(height)(p), jax.hessian(height)(p)))
        for minimum in np.array(landscape.minima, float):
            value, slope, curvature = map(np.asarray, derivatives(minimum))
            assert np.abs(slope).max() < 1e-8 * (1 + np.abs(curvature).max())  # the rows of logistic are float32
            assert np.linalg.eigvalsh(curvature).min() > 0
            assert value == pytest.approx(landscape.floor, abs=1e-7)


@pytest.mark.parametrize("name", [*TEN, "noisy_valley", "logistic"])
def test_no_point_of_the_view_is_lower_than_the_minima(name):
    landscape = made(name)
    low, high = np.array(landscape.view).T
    points = np.random.default_rng(0).uniform(low, high, (500, len(low)))
    assert np.nanmin(heights(landscape, points)) >= landscape.floor - 1e-6 * max(1, abs(landscape.floor))
    assert (np.array(landscape.low) <= low).all()
    assert (high <= np.array(landscape.high)).all()


def test_the_lowest_point_of_styblinski_and_tang_is_the_published_one():
    assert closed_form("styblinski_tang").minima[0] == pytest.approx((-2.903534, -2.903534), abs=1e-6)
    assert closed_form("styblinski_tang").floor == pytest.approx(-39.16617 * 2, abs=1e-4)


def test_rastrigin_has_a_hollow_at_about_every_pair_of_whole_numbers():
    landscape = closed_form("rastrigin")
    points = np.array([(i, j) for i in (-2, 0, 2) for j in (-2, 0, 2)], float)
    middle = heights(landscape, points)
    for step in ((0.5, 0), (0, 0.5), (-0.5, 0), (0, -0.5)):
        assert (heights(landscape, points + step) > middle + 5).all()


def test_the_walled_surface_is_infinite_outside_its_domain_and_only_there():
    landscape = closed_form("cos_tan")
    seen = heights(landscape, np.array([[-1.5], [-1.0], [-0.99], [0.0], [0.99], [1.0], [4.0]]))
    assert np.isfinite(seen).tolist() == [False, False, True, True, True, False, False]


def test_a_landscape_and_the_task_of_its_name_have_the_same_heights():
    for name, surface in SURFACES.items():
        point = jnp.asarray(surface.start)
        assert float(closed_form(name).height(point)) == float(jax.jit(lambda p, s=surface: s.f(p, 100.0))(point))


def test_the_new_surfaces_are_trained_on_by_their_names():
    walk = {"name": "surface", "surface": "styblinski_tang", "start": [-2.0, -2.0]}
    record = padl.train(task=walk, optimizer={"name": "gd", "learning_rate": 0.02}, steps=100)
    assert record.summary["best"]["loss"] == pytest.approx(-78.33233, abs=1e-4)


def test_the_loss_of_the_tumours_is_that_of_logistic_regression():
    (x, y), landscape = logistic.tumours(), logistic.logistic()
    assert x.shape == (569, 2)
    assert y.sum() == 212  # malignant
    np.testing.assert_allclose([x.mean(0), x.std(0)], [[0, 0], [1, 1]], atol=1e-12)
    for w in (np.zeros(2), np.array([1.0, -2.0])):
        p = 1 / (1 + np.exp(-x @ w))
        by_hand = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
        assert float(landscape.height(jnp.asarray(w, jnp.float32))) == pytest.approx(by_hand, rel=1e-6)


def test_a_batch_is_of_different_rows_and_a_batch_of_all_is_the_whole():
    rows = np.asarray(jax.jit(lambda key: sample_rows(key, 32, 569))(jax.random.key(3)))
    assert len(np.unique(rows)) == 32
    assert rows.min() >= 0
    assert rows.max() < 569
    landscape = logistic.logistic()
    point = jnp.array([1.0, -1.0])
    assert float(landscape.sampled(point, jax.random.key(0), 569)) == pytest.approx(
        float(landscape.height(point)), rel=1e-6
    )


def test_the_mean_of_many_batches_is_the_whole_loss():
    landscape, point = logistic.logistic(), jnp.array([-3.0, 4.0])
    keys = jax.random.split(jax.random.key(0), 400)
    means = np.asarray(jax.jit(jax.vmap(lambda key: landscape.sampled(point, key, 16)))(keys))
    assert abs(means.mean() - float(landscape.height(point))) < 4 * means.std() / 20  # four standard errors


def test_a_condition_number_is_refused_where_there_is_none():
    with pytest.raises(PadlError, match="condition is for surface=valley; 'beale' has none"):
        closed_form("beale", 10.0)


def test_gradient_descent_comes_down_at_every_landscapes_own_rate():
    for name in (*TEN, "noisy_valley", "logistic"):
        landscape = made(name)
        points = [jnp.asarray(landscape.start)]
        step = jax.jit(lambda p, f=landscape: p - f.rate * jax.grad(f.height)(p))
        for _ in range(50):
            points.append(step(points[-1]))
        down = np.diff(heights(landscape, np.stack(points)))
        assert (down <= 1e-5).all(), name


def bowl(points: np.ndarray) -> Landscape:
    floor = lambda p: ((p - jnp.array([0.123, -0.456])) ** 2).sum() + 2  # noqa: E731
    view = ((-1.0, 1.0), (-1.0, 1.0))
    return Landscape("bowl", floor, (1.0, 1.0), (-1.0, -1.0), (1.0, 1.0), view, tuple(map(tuple, points)), 2.0)


def test_the_search_for_the_lowest_point_finds_it():
    point, floor = lowest(bowl(np.zeros((1, 2))))
    assert point == pytest.approx((0.123, -0.456), abs=1e-3)
    assert floor == pytest.approx(2.0, abs=1e-6)


def test_the_distance_is_that_to_the_nearest_minimum_and_not_a_number_for_what_is_none():
    landscape = bowl(np.array([[0.0, 0.0], [3.0, 0.0]]))
    apart = nearest(landscape, np.array([[1.0, 0.0], [3.0, 4.0], [np.nan, 0.0]]))
    np.testing.assert_allclose(apart, [1.0, 4.0, np.nan])


def test_directions_are_as_long_as_the_networks_filters_and_leave_biases_where_they_are():
    rng = np.random.default_rng(0)
    params = {"kernel": rng.normal(size=(3, 3, 2, 5)) * np.arange(1, 6), "bias": rng.normal(size=5)}
    for direction in loss_slice.directions(params, np.random.default_rng(1)):
        for each in range(5):
            lengths = [np.linalg.norm(tree["kernel"][..., each]) for tree in (direction, params)]
            assert lengths[0] == pytest.approx(lengths[1], rel=1e-12)
        assert not direction["bias"].any()


def test_two_directions_are_two_and_a_seed_gives_the_same_again():
    params = {"kernel": np.ones((4, 3))}
    one, two = loss_slice.directions(params, np.random.default_rng(1))
    again, _ = loss_slice.directions(params, np.random.default_rng(1))
    assert np.abs(one["kernel"] - two["kernel"]).max() > 0.1
    np.testing.assert_array_equal(one["kernel"], again["kernel"])


def test_a_network_without_filters_has_no_slice():
    with pytest.raises(PadlError, match="no weights of two axes"):
        loss_slice.directions({"bias": np.zeros(3)}, np.random.default_rng(0))


def test_the_distance_to_a_minimum_is_finite_where_its_square_is_not():
    far = nearest(closed_form("valley"), np.array([3e20, 4e20], np.float32))
    np.testing.assert_allclose(far, 5e20, rtol=1e-6)  # float32
    distance = Descent("valley", (1.0, 1.0)).distance(jnp.array([3e20, 4e20]))
    np.testing.assert_allclose(distance, 5e20, rtol=1e-6)
