"""Paths of optimizers: what each lane computes, what lanes share, what is data, and which learning rate is shown."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl import optimizers
from padl.compare.comparison import Trajectory
from padl.compare.statistics import first_reaching
from padl.compare.trajectories import Candidate, run, trace
from padl.compare.tuning import choose, weigh
from padl.registry import StaticPartial
from padl.surfaces.function_landscapes import closed_form
from padl.surfaces.landscape import Landscape, nearest
from padl.surfaces.logistic import logistic
from padl.types import PadlError

COMPILE = "/jax/core/compile/backend_compile_duration"
GD = Candidate(StaticPartial(optimizers.gd), {"learning_rate": 0.0}, full_batch=True)
SGD = Candidate(StaticPartial(optimizers.sgd), {"learning_rate": 0.0})
MOMENTUM = Candidate(StaticPartial(optimizers.momentum), {"learning_rate": 0.0, "momentum": 0.9})


def rosenbrock_gradient(x: float, y: float) -> np.ndarray:
    return np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])


def nothing(point: jax.Array) -> jax.Array:
    return 0 * point.sum()


def flat() -> Landscape:
    side = (-1.0, 1.0)
    return Landscape("flat", nothing, (0.0, 0.0), (-1.0, -1.0), (1.0, 1.0), (side, side), ((0.0, 0.0),), 0.0)


def test_a_path_of_gradient_descent_is_that_of_the_formula():
    paths = run(closed_form("rosenbrock"), {"gd": GD}, np.array([[-1.5, 2.0]]), rates=[1e-4, 5e-4], steps=40)
    for rate, walked in zip((1e-4, 5e-4), paths["gd"].points[:, 0], strict=True):
        point = np.array([-1.5, 2.0])
        for step in range(41):
            np.testing.assert_allclose(walked[step], point, rtol=1e-5)  # 40 roundings to float32
            point = point - rate * rosenbrock_gradient(*point)


def test_heights_and_distances_are_those_of_the_points():
    landscape = closed_form("himmelblau")
    path = run(landscape, {"gd": GD}, np.array([[0.0, 0.0], [4.0, -4.0]]), rates=[0.001, 0.01, 0.02], steps=30)["gd"]
    x, y = np.moveaxis(path.points.astype(float), -1, 0)
    assert path.points.shape == (3, 2, 31, 2)
    np.testing.assert_allclose(path.losses, (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(path.distances, nearest(landscape, path.points))
    assert path.work == 1


def test_a_lane_is_the_same_whatever_stands_beside_it():
    landscape, both = closed_form("beale"), {"gd": GD, "momentum": MOMENTUM}
    starts, rates = np.array([[1.0, 1.5], [2.0, 1.0]]), [1e-3, 3e-3, 1e-2]
    together = run(landscape, both, starts, rates=rates, steps=30, noise=0.1)
    alone = run(landscape, {"momentum": MOMENTUM}, starts[:1], rates=rates[1:2], steps=30, noise=0.1)
    expected = together["momentum"].points[1:2, :1]
    np.testing.assert_allclose(alone["momentum"].points, expected, rtol=1e-5)  # other widths round otherwise


def test_all_optimizers_and_learning_rates_meet_the_same_noise_and_each_start_its_own():
    paths = run(flat(), {"gd": GD, "sgd": SGD}, np.zeros((2, 2)), rates=[1.0, 2.0], steps=400, noise=0.5)
    np.testing.assert_array_equal(paths["gd"].points, paths["sgd"].points)
    one, two = np.diff(paths["gd"].points, axis=2)
    np.testing.assert_allclose(2 * one, two, atol=1e-5)
    assert one.std() == pytest.approx(0.5, rel=0.1)  # 1600 draws: a standard error of 0.009
    assert abs(np.corrcoef(one[0].ravel(), one[1].ravel())[0, 1]) < 0.15


def test_another_seed_is_other_noise_and_the_same_seed_the_same():
    walk = lambda seed: run(flat(), {"sgd": SGD}, np.zeros((1, 2)), rates=[1.0], steps=9, noise=1.0, seed=seed)  # noqa: E731
    np.testing.assert_array_equal(walk(1)["sgd"].points, walk(1)["sgd"].points)
    assert np.abs(walk(1)["sgd"].points - walk(2)["sgd"].points).max() > 0.1


def test_numbers_are_data_so_that_others_compile_nothing():
    heard = []
    listener = lambda name, *_, **__: heard.append(name)  # noqa: E731
    jax.monitoring.register_event_duration_secs_listener(listener)
    try:
        for condition, rate, momentum, noise, seed in ((10.0, 0.01, 0.9, 0.1, 0), (50.0, 0.02, 0.5, 0.3, 7)):
            rule = MOMENTUM._replace(scalars={"learning_rate": 1.0, "momentum": momentum})
            start = np.array([[condition / 10, 1.0]])
            before = heard.count(COMPILE)
            run(closed_form("valley", condition), {"m": rule}, start, rates=[rate], steps=5, noise=noise, seed=seed)
    finally:
        jax.monitoring.unregister_event_duration_listener(listener)
    assert heard.count(COMPILE) == before


def test_a_lane_that_diverges_is_nan_from_that_step_on_and_finite_before():
    path = run(closed_form("rosenbrock"), {"gd": GD}, np.array([[-1.5, 2.0]]), rates=[1e-4, 1.0], steps=30)["gd"]
    assert np.isfinite(path.losses[0]).all()
    lost = np.isnan(path.losses[1, 0])
    first = int(lost.argmax())
    assert 0 < first < 30
    assert lost[first:].all()
    assert np.isnan(path.points[1, 0, first:]).all()
    assert np.isnan(path.distances[1, 0, first:]).all()
    assert np.isfinite(path.points[1, 0, :first]).all()


def test_to_leave_the_domain_of_a_function_is_to_diverge():
    path = run(closed_form("cos_tan"), {"gd": GD}, np.array([[0.8]]), rates=[0.05, 1.0], steps=20)["gd"]
    assert path.distances[0, 0, -1] < 1e-2
    assert np.isnan(path.losses[1, 0, 1:]).all()


def test_a_rule_without_a_learning_rate_has_one_lane_a_start():
    def steady():
        return optax.stateless(lambda grads, params: jax.tree.map(lambda g: -0.01 * g, grads))

    paths = run(
        closed_form("beale"),
        {"steady": Candidate(StaticPartial(steady), {}), "gd": GD},
        np.array([[1.0, 1.5]]),
        steps=5,
    )
    assert paths["steady"].rates is None
    assert paths["steady"].points.shape == (1, 1, 6, 2)
    assert paths["gd"].points.shape == (16, 1, 6, 2)


def test_a_rule_is_called_with_value_gradient_and_value_function_of_its_step():
    def polyak():  # θ -= f / |g|² g: a bowl's minimum, of height 0, comes nearer by half at every step
        def update(updates, state, params, *, value, grad, value_fn):
            same = value_fn(params) - value  # 0
            return jax.tree.map(lambda g: -(value + same) * g / (grad["point"] @ grad["point"]), updates), state

        return optax.GradientTransformationExtraArgs(lambda params: (), update)

    path = run(
        closed_form("valley", 1.0), {"polyak": Candidate(StaticPartial(polyak), {})}, np.array([[4.0, 2.0]]), steps=3
    )
    np.testing.assert_allclose(path["polyak"].points[0, 0], [[4, 2], [2, 1], [1, 0.5], [0.5, 0.25]], rtol=1e-6)


def test_updates_of_another_form_than_the_point_are_refused():
    broken = lambda: optax.stateless(lambda grads, params: {"point": grads["point"][:1]})  # noqa: E731
    with pytest.raises(PadlError, match=r"float32\[1\].* for parameters .*float32\[2\].*: they must be alike"):
        trace(
            flat(), {"broken": Candidate(StaticPartial(broken), {})}, np.zeros((1, 2)), rates=[1.0], steps=2, seed=0,
            noise=0.0, batch_size=None,
        )  # fmt: skip


@pytest.fixture(scope="module")
def paths():
    rules, starts = {"gd": GD, "sgd": SGD, "again": SGD}, np.array([[-3.0, 4.0], [0.0, 0.0]])
    return run(logistic(), rules, starts, rates=[0.5, 1.0], steps=20, batch_size=8)


class TestBatches:
    def test_gd_takes_all_rows_whatever_the_batch_size(self, paths):
        x, y, w = *(np.asarray(column, float) for column in logistic().height.args), np.array([-3.0, 4.0])
        for walked in paths["gd"].points[1, 0]:
            np.testing.assert_allclose(walked, w, rtol=1e-4, atol=1e-5)
            w = w - x.T @ (1 / (1 + np.exp(-x @ w)) - y) / len(y)
        assert paths["gd"].work == 569

    def test_a_step_on_a_batch_counts_its_rows(self, paths):
        assert paths["sgd"].work == 8

    def test_all_optimizers_meet_the_same_batches_and_each_start_its_own(self, paths):
        np.testing.assert_array_equal(paths["sgd"].points, paths["again"].points)
        assert np.abs(paths["sgd"].points - paths["gd"].points).max() > 0.1

    def test_heights_are_those_of_all_rows(self, paths):
        point = jnp.asarray(paths["sgd"].points[1, 0, -1])
        assert paths["sgd"].losses[1, 0, -1] == pytest.approx(float(logistic().height(point)), rel=1e-6)


def path_of(losses: list, rates: list | None = None) -> Trajectory:
    """Of (R, S, T + 1) heights; where it went is nowhere."""
    heights = np.array(losses, float)
    points = np.zeros((*heights.shape, 2))
    tried = np.geomspace(1e-3, 1.0, len(heights)) if rates is None else np.array(rates)
    return Trajectory(tried, points, heights, np.abs(heights))


NEVER = np.nan


class TestChoice:
    def test_the_best_rate_has_the_lowest_mean_final_height(self):
        path = path_of([[[9, 5], [9, 1]], [[9, 2], [9, 2]], [[9, 4], [9, 1]]])
        assert choose(path, 0.0, 3.0).rate == 1

    def test_a_rate_at_which_any_start_diverges_ranks_behind(self):
        path = path_of([[[9, 8], [9, 8]], [[9, 0], [9, NEVER]], [[9, NEVER], [9, NEVER]]])
        assert choose(path, 0.0, 3.0).rate == 0
        assert choose(path_of([[[9, NEVER], [9, NEVER]], [[9, 1], [9, NEVER]]]), 0.0, 3.0).rate == 1

    def test_among_equals_the_soonest_at_the_goal_is_the_best(self):
        assert choose(path_of([[[9, 5, 0]], [[9, 0, 0]], [[9, 4, 0]]]), 0.0, 1.0).rate == 1

    def test_a_height_below_the_floor_is_rounding_and_wins_nothing(self):
        assert choose(path_of([[[9, 0, 0]], [[9, 5, -1e-6]]]), 0.0, 1.0).rate == 0

    def test_a_fixed_rate_is_shown_and_is_best_only_if_it_is(self):
        path = path_of([[[9, 5]], [[9, 2]], [[9, 4]]])
        choice = choose(path, 0.0, 3.0, fixed=float(path.rates[2]))
        assert (choice.rate, choice.best) == (2, False)
        assert choose(path, 0.0, 3.0, fixed=float(path.rates[1])).best

    def test_a_fixed_rate_that_was_not_tried_is_refused(self):
        with pytest.raises(PadlError, match=r"learning_rate=0.5 was not tried"):
            choose(path_of([[[9, 5]], [[9, 2]]]), 0.0, 3.0, fixed=0.5)

    def test_good_rates_are_unbroken_around_the_best_and_reach_the_goal_from_every_start(self):
        reaches, misses, diverges = [[9, 1], [9, 1]], [[9, 1], [9, 8]], [[9, 1], [9, NEVER]]
        path = path_of([reaches, misses, reaches, [[9, 0], [9, 0]], reaches, diverges, reaches])
        assert choose(path, 0.0, 2.0).good == pytest.approx((path.rates[2], path.rates[4]))

    def test_there_is_no_good_range_where_the_best_does_not_reach_the_goal(self):
        assert choose(path_of([[[9, 5]], [[9, 4]]]), 0.0, 3.0).good is None

    def test_the_goal_is_reached_at_the_first_step_at_it_or_below(self):
        heights = np.array([[9.0, 4, 2, 3], [1, 9, 9, 9], [9, 9, 9, 9], [9, 5, NEVER, NEVER]])
        reached = first_reaching(heights, 2, "min")
        np.testing.assert_array_equal(reached, [2, 0, NEVER, NEVER])

    def test_the_goal_is_a_share_of_the_way_from_the_starts_to_the_floor(self):
        paths = {"a": path_of([[[9, 5, 1], [5, 5, 1]]])}
        comparison = weigh(flat(), paths, steps=2, goal=0.25)
        assert comparison.goal == pytest.approx(0.25 * 7)
        assert weigh(flat(), paths, steps=2, mode="fixed", fixed=1e-3).mode == "fixed"

    def test_the_lowest_point_that_is_only_searched_for_moves_to_a_lower_one_that_is_found(self):
        from dataclasses import replace

        path = run(closed_form("valley", 1.0), {"gd": GD}, np.array([[4.0, 2.0]]), rates=[0.5], steps=5)["gd"]
        searched = replace(closed_form("valley", 1.0), exact=False, floor=1.0, minima=((1.0, 1.0),))
        comparison = weigh(searched, {"gd": path}, steps=5)
        np.testing.assert_array_equal(comparison.landscape.minima[0], path.points[0, 0, -1])
        assert comparison.landscape.floor == path.losses[0, 0, -1]
        assert comparison.paths["gd"].distances[0, 0, -1] == 0
        assert weigh(replace(searched, floor=-1.0), {"gd": path}, steps=5).landscape.floor == -1

    def test_a_start_where_the_height_is_not_finite_is_refused(self):
        with pytest.raises(PadlError, match="height of flat is not finite at a start: give another start="):
            weigh(flat(), {"a": path_of([[[NEVER, NEVER]]])}, steps=1)
