"""What the optimizers compute: against NumPy from the papers, identities between rules, Optax, and torch's numbers."""

import json
import re
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import rules_wrappers
from numpy_rules import MOMENTS, RULES, SHRINKS

from padl import optimizers
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.treewise import treewise
from padl.types import PadlError

STEPS = 20
GOLDEN = json.loads((Path(__file__).parent.parent / "golden" / "optimizers.json").read_text())


def walk(tx, start, gradient):
    """The parameters after each step, and their start: gradient(k, params) at step k = 0, 1, ..."""

    def step(carry, k):
        params, state = carry
        look = {"grad_fn": partial(gradient, k), "key": jax.random.key(0), "value": 0.0, "value_fn": lambda _: 0.0}
        updates, state = tx.update(gradient(k, params), state, params, **look)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    @jax.jit
    def run(params):
        return jax.lax.scan(step, (params, tx.init(params)), jnp.arange(STEPS))[1]

    return np.asarray(run(jnp.asarray(start)))


def random_problem():
    """A start and a gradient for every step, float64, of many magnitudes: a fixed seed."""
    rng = np.random.default_rng(0)
    return rng.normal(size=7), rng.normal(size=(STEPS, 7)) * 10.0 ** rng.integers(-3, 3, size=7)


def follow(tx):
    """The path of an optimizer along the random gradients."""
    start, gradients = random_problem()
    gradients = jnp.asarray(gradients)
    return walk(tx, start, lambda k, params: gradients[k])


# Identities


def bowl(k, params):
    """The gradient of Σ h x² / 2, which depends on where it is taken."""
    return jnp.array([1.0, 0.3, 5.0]) * params


def test_nesterov_is_the_lectures_look_ahead_seen_from_another_point(x64):
    rate, rho = 0.05, 0.8
    start = np.array([1.0, -2.0, 0.5])
    ours = walk(optimizers.nesterov(rate, rho), start, bowl)
    x, v = start, np.zeros(3)
    for seen in ours:
        v = rho * v - rate * np.asarray(bowl(0, x + rho * v))
        x = x + v
        np.testing.assert_allclose(seen, x + rho * v, rtol=1e-12, atol=1e-15)  # float64, 20 steps


ADAM = {"b1": 0.8, "b2": 0.95, "eps": 1e-3}
SAME = {
    "momentum(0) = sgd": (optimizers.momentum(0.1, 0.0), optimizers.sgd(0.1)),
    "nesterov(0) = sgd": (optimizers.nesterov(0.1, 0.0), optimizers.sgd(0.1)),
    "gd = sgd": (optimizers.gd(0.1), optimizers.sgd(0.1)),
    "adamw(weight_decay=0) = adam": (optimizers.adamw(0.1, **ADAM, weight_decay=0.0), optimizers.adam(0.1, **ADAM)),
    "rmsprop(decay=0) = adam(b1=0, b2=0)": (
        optimizers.rmsprop(0.1, decay=0.0, eps=1e-3),
        optimizers.adam(0.1, b1=0.0, b2=0.0, eps=1e-3),
    ),
}


@pytest.mark.parametrize("identity", SAME)
def test_one_rule_is_a_case_of_another(identity, x64):
    one, other = map(follow, SAME[identity])
    np.testing.assert_allclose(one, other, rtol=1e-14, atol=1e-15)  # the same arithmetic but for a term + 0 x


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e15])
@pytest.mark.parametrize("name", ["adam", "nadam", "adagrad"])
def test_the_first_step_has_one_length_whatever_the_scale_of_the_gradient(name, scale):
    tx = getattr(optimizers, name)(learning_rate=0.01)
    g = jnp.array([1.0, -3.0]) * scale
    updates, _ = tx.update(g, tx.init(g), g)
    length = {"adam": 0.01, "adagrad": 0.01, "nadam": 0.01 * nadam_first_step()}[name]
    # eps / |g| is 1e-5 at the smallest scale, and 1 - 0.999 carries the rounding of 0.999 to float32, 3e-5
    np.testing.assert_allclose(updates, [-length, length], rtol=1e-4)


def nadam_first_step(b1=0.9, psi=4e-3):
    mu = [b1 * (1 - 0.5 * 0.96 ** (t * psi)) for t in range(3)]
    return mu[2] * (1 - b1) / (1 - mu[1] * mu[2]) + (1 - mu[1]) / (1 - mu[1])


SQUARES = ["adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam"]


@pytest.mark.parametrize("name", SQUARES)
def test_after_a_gradient_whose_square_is_infinite_every_number_is_finite_but_that_mean(name):
    tx = getattr(optimizers, name)(learning_rate=1.0)
    params = jnp.ones(2)
    state = tx.init(params)
    for size in (1.0, 1.0, 3e19, 1.0, 1.0):
        updates, state = tx.update(jnp.array([size, 1.0]), state, params)
        assert np.isfinite(updates).all()
    slots = jax.tree.leaves(state.slots)
    assert [bool(jnp.isinf(slot).any()) for slot in slots].count(True) == 1
    assert not any(jnp.isnan(slot).any() for slot in slots)
    assert all(jnp.isfinite(slot[1]) for slot in slots)


def test_adadelta_has_the_papers_course_for_gradients_whose_squares_almost_overflow():
    gradients = np.array([1.0, 1.0, 1e18, -1e18, 3e16, 1.0, 1e17])
    numbers = {"learning_rate": 1.0, "decay": 0.9, "eps": 1e-6}
    expected = np.array(list(RULES["adadelta"][0](np.zeros(()), gradients, **numbers)))  # in float64
    tx, x = optimizers.adadelta(**numbers), jnp.zeros(())
    state, path = tx.init(x), []
    for g in gradients:
        updates, state = tx.update(jnp.float32(g), state, x)
        x = optax.apply_updates(x, updates)
        path.append(float(x))
    np.testing.assert_allclose(path, expected, rtol=1e-5)  # float32


def test_adam_takes_a_complex_number_as_its_real_and_imaginary_part():
    """What the refusal advises: |z - (1 + 3j)|², whose minimum is 1 + 3j."""
    tx, parts = optimizers.adam(0.1), jnp.zeros(2)
    gradient = jax.grad(lambda z: jnp.abs(jax.lax.complex(z[0], z[1]) - (1 + 3j)) ** 2)

    def step(carry, _):
        updates, state = tx.update(gradient(carry[0]), carry[1], carry[0])
        return (optax.apply_updates(carry[0], updates), state), None

    (end, _), _ = jax.lax.scan(step, (parts, tx.init(parts)), length=400)
    np.testing.assert_allclose(end, [1.0, 3.0], atol=1e-2)  # of 400 steps of at most 0.1


def test_adam_without_its_bias_correction_would_take_a_first_step_three_times_too_long():
    rate, b1, b2 = 0.01, 0.9, 0.999
    uncorrected = rate * (1 - b1) / np.sqrt(1 - b2)  # what the lecture's first listing does, for any g
    assert uncorrected / rate == pytest.approx(3.16, abs=0.01)
    tx = optimizers.adam(rate, b1, b2)
    g = jnp.array([2.0])
    updates, _ = tx.update(g, tx.init(g), g)
    np.testing.assert_allclose(abs(updates), rate, rtol=1e-4)  # float32, as above
    assert abs(abs(float(updates[0])) - uncorrected) > rate


def test_the_first_step_of_rmsprop_is_longer_by_the_root_of_its_memory():
    tx = optimizers.rmsprop(0.01, decay=0.99)
    g = jnp.array([1.0, -1e3])
    updates, _ = tx.update(g, tx.init(g), g)
    np.testing.assert_allclose(updates, [-0.1, 0.1], rtol=1e-5)  # float32 rounding of 0.99


@pytest.mark.parametrize("name", [name for name in RULES if name not in rules_wrappers.RULES])
def test_a_gradient_that_is_always_zero_moves_nothing_but_what_decays(name):
    tx = getattr(optimizers, name)(learning_rate=0.1)
    path = walk(tx, np.ones(2, np.float32), lambda k, params: jnp.zeros_like(params))
    np.testing.assert_allclose(path[-1], SHRINKS.get(name, 1.0) ** STEPS, rtol=1e-5)  # 20 roundings of float32


def test_the_weight_decay_of_adamw_does_not_pass_through_the_moments(x64):
    start, gradients = random_problem()
    weights = {"a": jnp.asarray(start), "b": jnp.asarray(start) * 100}
    tx = optimizers.adamw(0.1, weight_decay=0.5)
    state = tx.init(weights)
    for g in gradients[:3]:
        _, state = tx.update({"a": jnp.asarray(g), "b": jnp.asarray(g)}, state, weights)
    for slot in state.slots:
        np.testing.assert_array_equal(slot["a"], slot["b"])


def test_adamw_without_parameters_says_what_to_pass():
    tx = optimizers.adamw()
    g = jnp.ones(2)
    with pytest.raises(PadlError, match=r"update\(grads, state, params\)"):
        tx.update(g, tx.init(g))


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_a_schedule_sees_the_count_of_updates_already_applied(name):
    tx = getattr(optimizers, name)(learning_rate=lambda count: jnp.where(count == 0, 0.0, 10.0**count))
    g = jnp.ones(2)
    state, steps = tx.init(g), []
    for _ in range(3):
        updates, state = tx.update(g, state, g)
        steps.append(-float(updates[0]))
    assert steps == pytest.approx([0.0, 10.0, 100.0], rel=1e-4)  # as the first step of adam


# Optax


def in_optax():
    m = MOMENTS
    return {
        "sgd": (optimizers.sgd(0.1), optax.sgd(0.1)),
        "momentum": (optimizers.momentum(0.1, 0.7), optax.sgd(0.1, momentum=0.7)),
        "nesterov": (optimizers.nesterov(0.1, 0.7), optax.sgd(0.1, momentum=0.7, nesterov=True)),
        # Optax has eps inside the root here; without it, and from 0, the rules are one. As a number 0 is refused.
        "adagrad": (
            optimizers.adagrad(0.1, eps=jnp.float32(0)),
            optax.adagrad(0.1, initial_accumulator_value=0.0, eps=0.0),
        ),
        "rmsprop": (optimizers.rmsprop(0.1, 0.8, 1e-3), optax.rmsprop(0.1, 0.8, 1e-3, eps_in_sqrt=False)),
        "adadelta": (optimizers.adadelta(0.5, 0.8, 1e-3), optax.adadelta(0.5, 0.8, 1e-3)),
        "adam": (optimizers.adam(0.1, **m), optax.adam(0.1, **m)),
        "adamw": (optimizers.adamw(0.1, **m, weight_decay=0.3), optax.adamw(0.1, **m, weight_decay=0.3)),
    }


@pytest.mark.parametrize("name", in_optax())
def test_optax_takes_the_same_path(name, x64):
    ours, theirs = map(follow, in_optax()[name])
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-13)  # float64 over 20 steps


def test_nadam_is_not_optaxs_which_has_no_momentum_schedule(x64):
    # In Optax 0.2.8 the momentum is b1 from the first step; Dozat's, and torch's, starts from about b1/2.
    ours, theirs = follow(optimizers.nadam(0.1)), follow(optax.nadam(0.1))
    assert abs(ours - theirs).max() > 0.01
    without_warmup = follow(optimizers.nadam(0.1, momentum_decay=1e6))  # 0.96^(t ψ) is 0 from the first step
    np.testing.assert_allclose(without_warmup, theirs, rtol=1e-10, atol=1e-13)  # float64 over 20 steps


# torch


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda c: c["padl"])
def test_torch_walked_the_same_path(case, x64):
    h, minimum, start = (np.array(GOLDEN["problem"][k]) for k in ("curvature", "minimum", "start"))
    tx = getattr(optimizers, case["padl"])(**case["hyperparameters"])
    path = walk(tx, start, lambda k, params: h * (params - minimum))
    expected = np.array(case["path"])
    np.testing.assert_allclose(path[: len(expected)], expected, rtol=1e-10, atol=1e-13)  # float64 over 10 steps


def test_a_rule_for_matrices_alone_is_shown_matrices_alone():
    class Sides(NamedTuple):
        left: jax.Array
        right: jax.Array

    def init(p):
        rows, columns = p.shape
        return Sides(jnp.zeros((rows, rows)), jnp.zeros((columns, columns)))

    tx = descend(leafwise(init, lambda g, s, p, t: (g, s)), 0.1)
    params = {"kernel": jnp.ones((2, 3))}
    assert jax.tree.map(jnp.shape, tx.update(params, tx.init(params), params)[1].slots) == Sides(
        {"kernel": (2, 2)}, {"kernel": (3, 3)}
    )
    assert tx.update({}, tx.init({}), {})[1].slots == Sides({}, {})


class Mean(NamedTuple):
    m: jax.Array


def mean(p):
    return Mean(0 * p)


STUMBLES = {
    "init of a rule returns a NamedTuple of slots, or () for none, and not a dict": (
        lambda p: {"m": p},
        lambda g, s, p, t: (g, s),
    ),
    "direction of a rule returns (direction, slots), and not a": (lambda p: (), lambda g, s, p, t: g),
    "direction of a rule returned slots that are a tuple, and init a Mean": (mean, lambda g, s, p, t: (g, ())),
    "direction of a rule returned a slot m of another form than it had": (
        mean,
        lambda g, s, p, t: (g, Mean(jnp.zeros(7))),
    ),
}


@pytest.mark.parametrize("message", STUMBLES)
@pytest.mark.parametrize("lift", [leafwise, treewise])
def test_what_a_rule_returns_that_is_none_is_told_in_one_line(lift, message):
    tx, params = descend(lift(*STUMBLES[message]), 0.1), jnp.ones(3)
    with pytest.raises(PadlError, match=re.escape(message)):
        tx.update(params, tx.init(params), params)


def test_a_rule_for_one_array_that_asks_for_what_is_of_all_is_told_what_to_take():
    with pytest.raises(PadlError, match=r"leafwise cannot give grad_fn, which is of all .*: lift the rule by treewise"):
        leafwise(mean, lambda g, s, p, t, grad_fn: (g, s), needs=("grad_fn",))
