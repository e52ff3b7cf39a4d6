"""Rules whose step comes from the value of the loss: identities, Optax, losses of known minimum, gradients of 0."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle_problem import walked

from padl import optimizers
from padl.optimizers.transformation import measures_of, rates_of

NAMES = ("polyak_sgd", "momo", "momo_adam")
FAR = -1e12  # a bound so far below that the step is the longest
ADAM = {"b1": 0.8, "b2": 0.9, "eps": 1e-3}


def same():
    return {
        "momo without momentum = polyak_sgd with c = 1": (
            optimizers.momo(0.005, 0.0, f_min=-300.0),
            optimizers.polyak_sgd(0.005, f_min=-300.0, c=1.0),
        ),
        "polyak_sgd far above its bound = sgd": (optimizers.polyak_sgd(0.01, f_min=FAR), optimizers.sgd(0.01)),
        "momo_adam far above its bound = adam": (
            optimizers.momo_adam(0.01, **ADAM, f_min=FAR),
            optimizers.adam(0.01, **ADAM),
        ),
        "its decay = adamw's, proximal": (
            optimizers.momo_adam(0.01, **ADAM, f_min=FAR, weight_decay=0.5),
            optimizers.adamw(0.01, **ADAM, weight_decay=0.5, decay_kind="proximal"),
        ),
        "polyak_sgd = optax": (
            optimizers.polyak_sgd(0.005, f_min=-300.0, c=0.5),
            optax.polyak_sgd(0.01, scaling=0.5, f_min=-300.0, variant="sps+"),  # η is the product
        ),
        "momo = optax": (
            optimizers.momo(0.01, 0.7, f_min=-300.0),
            optax.contrib.momo(0.01, beta=0.7, lower_bound=-300.0),
        ),
        "momo_adam = optax": (
            optimizers.momo_adam(1.0, **ADAM, f_min=-300.0),
            optax.contrib.momo_adam(1.0, b1=0.8, b2=0.9, eps=1e-3, lower_bound=-300.0),
        ),
    }


@pytest.mark.parametrize("identity", same())
def test_one_rule_is_a_case_of_another(identity, x64):
    one, other = map(walked, same()[identity])
    for array, points in one.items():
        np.testing.assert_allclose(points, other[array], rtol=1e-9, atol=1e-11, err_msg=array)


def path(tx, loss, start, steps):
    """The losses on a path, the start first, and the steps that are measured."""

    def step(carry, _):
        p, state = carry
        value, g = jax.value_and_grad(loss)(p)
        updates, state = tx.update(g, state, p, value=value)
        return (p + updates, state), (value, measures_of(tx)(state, updates, p)["step_size"])

    start = jnp.asarray(start)
    (end, _), (values, taken) = jax.jit(lambda: jax.lax.scan(step, (start, tx.init(start)), length=steps))()
    return np.append(values, loss(end)), taken


def test_polyaks_step_is_to_the_minimum_of_a_round_bowl_for_half_and_halves_the_way_for_one(x64):
    """f = 2 ‖p‖² + 3: (f - 3) / (c ‖4p‖²) is 1/(8c), of a gradient of 4 p."""
    bowl = lambda p: 2 * jnp.sum(p**2) + 3  # noqa: E731
    for c, share in {0.5: 0.0, 1.0: 0.25}.items():
        values, taken = path(optimizers.polyak_sgd(f_min=3.0, c=c), bowl, [3.0, 4.0], 3)
        np.testing.assert_allclose(values - 3, [50, *(50 * share**k for k in (1, 2, 3))], rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(taken[0], 1 / (8 * c), rtol=1e-12)


def logistic():
    """A logistic regression whose classes overlap, and its least loss by Newton's method."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)) * [1.0, 3.0, 0.5]
    y = (X @ [1.0, -0.5, 2.0] + rng.logistic(size=60) > 0) * 2.0 - 1
    loss = lambda p: jnp.mean(jnp.logaddexp(0, -y * (X @ p)))  # noqa: E731
    p = jnp.zeros(3)
    for _ in range(20):
        p = p - jnp.linalg.solve(jax.hessian(loss)(p), jax.grad(loss)(p))
    return loss, float(loss(p))


@pytest.mark.parametrize(("name", "settings"), [
    ("polyak_sgd", {"learning_rate": 100.0}), ("momo", {"learning_rate": 100.0}), ("momo_adam", {"learning_rate": 1.0}),
])  # fmt: skip
def test_the_least_loss_of_a_logistic_regression_is_reached_where_it_is_told(name, settings, x64):
    loss, least = logistic()
    values, _ = path(getattr(optimizers, name)(**settings, f_min=least), loss, np.zeros(3), 400)
    assert values[0] - least > 0.1
    assert abs(values[-1] - least) < 1e-8


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_0_and_a_loss_at_or_below_its_bound_leave_it_still_and_finite(name):
    tx, p = getattr(optimizers, name)(), jnp.ones(3)
    for value in (0.0, -1.0, 2.0):
        updates, state = tx.update(jnp.zeros(3), tx.init(p), p, value=value)
        assert not updates.any()
        moved, after = tx.update(jnp.ones(3), state, p, value=50.0)
        assert (moved < 0).all()
        assert all(jnp.isfinite(x).all() for x in jax.tree.leaves((moved, after)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_gradients_that_are_huge_or_tiny_give_finite_updates(name, size):
    tx, p = getattr(optimizers, name)(), jnp.ones(3)
    updates, state = tx.update(jnp.full(3, size), tx.init(p), p, value=1.0)
    assert jnp.isfinite(updates).all()
    assert not any(jnp.isnan(x).any() for x in jax.tree.leaves(state))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_around_it_is_told_the_last_step_and_not_the_longest(name):
    tx, p = getattr(optimizers, name)(1.0), jnp.ones(3)
    updates, state = tx.update(p, tx.init(p), p, value=0.01)
    step = float(measures_of(tx)(state, updates, p)["step_size"])
    assert 0 < step < 1
    assert rates_of(tx, "")(state, p, None).now == step


def test_where_the_loss_is_left_out_it_is_told_what_to_give():
    tx, p = optimizers.momo(), jnp.ones(2)
    with pytest.raises(Exception, match=r"reads value .* call update\(grads, state, params, value=\.\.\.\)"):
        tx.update(p, tx.init(p), p)
