"""Six claims of the lecture, each measured on a landscape, with what they need to be true."""

from functools import partial

import jax
import numpy as np
import pytest

from padl import optimizers
from padl.compare.trajectories import Candidate, run
from padl.compare.tuning import weigh
from padl.registry import StaticPartial, signature
from padl.surfaces.function_landscapes import closed_form
from padl.surfaces.landscape import Landscape
from padl.surfaces.logistic import logistic

CONDITION, STEEP = 100.0, 24.0
BEST = ((np.sqrt(CONDITION) - 1) / (np.sqrt(CONDITION) + 1)) ** 2  # momentum for this valley: Polyak 1964
SLOPE = 3.0


def candidate(function, full_batch: bool = False, **numbers: float) -> Candidate:
    usual = {name: h.default for name, h in signature(function).items() if h.traced}
    return Candidate(StaticPartial(function), {**usual, **numbers}, full_batch)


GD, SGD = candidate(optimizers.gd, full_batch=True), candidate(optimizers.sgd)
MOMENTUM, NESTEROV = candidate(optimizers.momentum), candidate(optimizers.nesterov)


def slope(point: jax.Array) -> jax.Array:
    return SLOPE * point[0]


def hill() -> Landscape:
    """A constant gradient."""
    return Landscape("slope", slope, (0.0,), (-9.0,), (9.0,), ((-9.0, 9.0),), ((-9.0,),), -9 * SLOPE)


# 1. Gradient descent stays at a saddle point, momentum leaves it


@pytest.fixture(scope="module")
def saddle():
    """From (0, 3) a step of length 1/8 lands exactly on the saddle point at 0. The second start lies on the ridge that
    leads to it, the third beside the ridge."""
    starts = np.array([[0.0, 3.0], [1.0, 0.0], [1.0, 1e-3]])
    candidates = {"gd": GD, "momentum": MOMENTUM, "half": candidate(optimizers.momentum, momentum=0.5)}
    return run(closed_form("saddle"), candidates, starts, rates=[0.125], steps=300)


def test_gradient_descent_that_comes_to_a_saddle_point_stays_there(saddle):
    np.testing.assert_array_equal(saddle["gd"].points[0, 0, 1:], 0)


def test_momentum_that_comes_to_a_saddle_point_with_velocity_leaves_it_for_a_minimum(saddle):
    """At the saddle point the gradient is 0, and the velocity is what goes on: by ρ times the step before."""
    path = saddle["half"].points[0, 0]
    np.testing.assert_array_equal(path[1], 0)
    np.testing.assert_allclose(path[2], [0, -0.125 * 0.5 * STEEP], rtol=1e-6)
    np.testing.assert_allclose(np.abs(path[-1]), [0, 1], atol=1e-3)


def test_without_velocity_across_the_ridge_momentum_stays_at_a_saddle_point_too(saddle):
    """The claim needs it. On the ridge the gradient points along it, and so does every velocity made of gradients."""
    for path in saddle.values():
        np.testing.assert_array_equal(path.points[0, 1, :, 1], 0)
        np.testing.assert_allclose(path.points[0, 1, -1], 0, atol=1e-5)


def test_beside_the_ridge_momentum_is_away_in_fewer_steps_than_gradient_descent(saddle):
    away = {label: int((np.abs(path.points[0, 2, :, 1]) > 0.5).argmax()) for label, path in saddle.items()}
    assert 0 < 2 * away["momentum"] < away["gd"]
    assert 0 < away["half"] < away["gd"]


def test_noise_frees_gradient_descent_from_the_ridge():
    path = run(closed_form("saddle"), {"sgd": SGD}, np.array([[1.0, 0.0]]), rates=[0.125], steps=300, noise=1e-3)
    np.testing.assert_allclose(np.abs(path["sgd"].points[0, 0, -1]), [0, 1], atol=1e-2)


# 2. In a valley of condition number 100 momentum needs fewer steps, both tuned over equally many learning rates


@pytest.fixture(scope="module")
def valley():
    """Steps to a hundred-millionth of the height at the start, each at its best of 33 learning rates."""
    candidates = {"gd": GD, "momentum": MOMENTUM, "best": candidate(optimizers.momentum, momentum=float(BEST))}
    landscape, steps = closed_form("valley", CONDITION), 600
    paths = run(landscape, candidates, np.array([landscape.start]), rates=np.geomspace(1e-3, 1e-1, 33), steps=steps)
    comparison = weigh(landscape, paths, steps=steps, goal=1e-8)
    return {
        label: (float(chosen.reached[0]), paths[label].rates[chosen.rate])
        for label, chosen in comparison.chosen.items()
    }


def test_in_a_narrow_valley_momentum_needs_fewer_steps_than_gradient_descent_each_tuned(valley):
    assert valley["momentum"][0] < 0.5 * valley["gd"][0]


def test_with_the_best_momentum_it_is_fewer_by_about_the_root_of_the_condition_number(valley):
    """(κ-1)/(κ+1) and (√κ-1)/(√κ+1) a step are 460 and 46 steps; a double root of the second costs some more."""
    assert valley["gd"][0] == pytest.approx(np.log(1e8) / (2 * np.log(101 / 99)), rel=0.1)
    assert 0.7 < valley["gd"][0] / valley["best"][0] / np.sqrt(CONDITION) < 1.1


def test_the_tuned_learning_rates_are_those_of_theory(valley):
    assert valley["gd"][1] == pytest.approx(2 / (1 + CONDITION), rel=0.16)  # a grid of 33 has steps of 15 %
    assert valley["best"][1] == pytest.approx((2 / (np.sqrt(CONDITION) + 1)) ** 2, rel=0.16)


# 3. AdaGrad's step decays and RMSProp's does not


@pytest.fixture(scope="module")
def steps():
    """The length of each of 1000 steps, in learning rates, where the gradient never changes."""
    candidates = {"adagrad": candidate(optimizers.adagrad), "rmsprop": candidate(optimizers.rmsprop)}
    paths = run(hill(), candidates, np.zeros((1, 1)), rates=[1 / 1024], steps=1000)
    return {label: -1024 * np.diff(path.points[0, 0, :, 0]) for label, path in paths.items()}


def test_adagrads_step_decays_as_one_over_the_root_of_the_number_of_steps(steps):
    np.testing.assert_allclose(steps["adagrad"], 1 / np.sqrt(np.arange(1, 1001)), rtol=2e-2)


def test_rmsprops_step_comes_to_the_learning_rate_and_stays(steps):
    np.testing.assert_allclose(steps["rmsprop"][100:], 1, rtol=1e-3)


# 4. Adam without bias correction takes a first step of the wrong size


def test_adam_without_bias_correction_takes_a_first_step_of_the_wrong_size():
    b1, b2, g, rate = 0.9, 0.999, SLOPE, 0.25
    uncorrected = rate * (1 - b1) * g / (np.sqrt((1 - b2) * g**2) + 1e-8)
    path = run(hill(), {"adam": candidate(optimizers.adam)}, np.zeros((1, 1)), rates=[rate], steps=1)["adam"]
    taken = -float(path.points[0, 0, 1, 0])
    assert taken == pytest.approx(rate, rel=1e-6)
    assert uncorrected / taken == pytest.approx((1 - b1) / np.sqrt(1 - b2), rel=1e-5)
    assert uncorrected / taken == pytest.approx(3.16, abs=0.01)


# 5. Nesterov in the lecture's two forms is the same path


def lecture(gradient, start: np.ndarray, rate: float, momentum: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """x, and the point that is looked ahead to: v = ρ v - η ∇f(x + ρ v), x += v."""
    x, v, xs, aheads = start, np.zeros(2), [], []
    for _ in range(steps):
        xs.append(x)
        aheads.append(x + momentum * v)
        v = momentum * v - rate * gradient(x + momentum * v)
        x = x + v
    return np.array(xs), np.array(aheads)


def other(gradient, start: np.ndarray, rate: float, momentum: float, steps: int) -> np.ndarray:
    """The lecture's second form, in y = x + ρ v: v' = ρ v - η ∇f(y), y += v' + ρ (v' - v)."""
    y, v, ys = start, np.zeros(2), []
    for _ in range(steps):
        ys.append(y)
        new = momentum * v - rate * gradient(y)
        y, v = y + new + momentum * (new - v), new
    return np.array(ys)


def himmelblau(p: np.ndarray) -> np.ndarray:
    x, y = p
    a, b = x**2 + y - 11, x + y**2 - 7
    return np.array([4 * x * a + 2 * b, 2 * a + 4 * y * b])


def test_nesterovs_two_forms_are_the_same_path_and_padl_walks_it():
    arguments = himmelblau, np.array([0.0, 0.0]), 0.005, 0.9, 61
    xs, aheads = lecture(*arguments)
    np.testing.assert_allclose(other(*arguments), aheads, rtol=1e-10, atol=1e-12)
    path = run(closed_form("himmelblau"), {"n": NESTEROV}, np.zeros((1, 2)), rates=[0.005], steps=60)["n"].points[0, 0]
    np.testing.assert_allclose(path, aheads, atol=1e-4)  # sixty roundings to float32
    np.testing.assert_allclose(aheads[-1], [3, 2], atol=0.1)
    assert np.abs(xs - aheads).max() > 0.1  # where the gradient is taken is another point than x


# 6. SGD's path is noisier than gradient descent's and reaches the target in less work


@pytest.fixture(scope="module")
def tumours():
    """Logistic regression on 569 rows, 8 a step for SGD: two seeds, four starts, each at its best of 8 rates."""
    landscape, starts = logistic(), np.array([[-3.0, 4.0], [0.0, 0.0], [5.0, 0.0], [-2.0, -2.0]])
    rates = np.geomspace(0.2, 20, 8)
    walk = partial(run, landscape, {"gd": GD, "sgd": SGD}, starts, rates=rates, steps=200, batch_size=8)
    return [weigh(landscape, walk(seed=seed), steps=200, seed=seed) for seed in range(2)]


def test_sgds_path_goes_up_again_and_again_and_gradient_descents_never(tumours):
    for comparison in tumours:
        rises = {k: np.diff(path.losses[comparison.chosen[k].rate]) > 1e-6 for k, path in comparison.paths.items()}
        assert not rises["gd"].any()
        assert rises["sgd"].mean() > 0.2


def test_sgd_reaches_the_target_having_looked_at_fewer_rows(tumours):
    """In the mean over the starts: from two of them gradient descent needs a single step at its best rate."""
    for comparison in tumours:
        work = {label: comparison.paths[label].work * chosen.reached for label, chosen in comparison.chosen.items()}
        assert work["gd"].mean() > 4 * work["sgd"].mean()


def test_gradient_descent_reaches_it_in_fewer_steps_and_comes_nearer(tumours):
    """The other side of the claim."""
    for comparison in tumours:
        ends = {k: path.losses[comparison.chosen[k].rate, :, -1].mean() for k, path in comparison.paths.items()}
        assert comparison.chosen["gd"].reached.mean() < comparison.chosen["sgd"].reached.mean()
        assert ends["gd"] < ends["sgd"]
