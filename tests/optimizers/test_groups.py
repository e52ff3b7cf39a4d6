"""Groups of parameters with an optimizer each: every one sees its own parameters alone, and moves them alone."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl import optimizers
from padl.optimizers.groups import OptimizerGroup, grouped
from padl.optimizers.transformation import Transformation, needs_of
from padl.types import PadlError

PARAMS = {"a": {"w": np.float32([1.0, -2.0])}, "b": np.float32([[0.5]])}
GRADS = {"a": {"w": np.float32([0.3, 1.0])}, "b": np.float32([[2.0]])}
OF = {"a.w": "first", "b": "second"}


def two(first, second, **every):
    groups = {"first": OptimizerGroup(first), "second": OptimizerGroup(second, **every)}
    return grouped(groups, lambda params: OF)


def test_each_group_moves_as_with_its_optimizer_alone():
    tx = two(optimizers.adam(0.1), optimizers.sgd(0.5))
    params, state = PARAMS, tx.init(PARAMS)
    alone, of_alone = {"a.w": PARAMS["a"]["w"]}, optimizers.adam(0.1)
    memory = of_alone.init(alone)
    for _ in range(3):
        updates, state = tx.update(GRADS, state, params)
        params = optax.apply_updates(params, updates)
        moved, memory = of_alone.update({"a.w": GRADS["a"]["w"]}, memory, alone)
        alone = optax.apply_updates(alone, moved)
    np.testing.assert_allclose(params["a"]["w"], alone["a.w"], rtol=1e-6)
    np.testing.assert_allclose(params["b"], [[0.5 - 3 * 0.5 * 2.0]], rtol=1e-6)


def test_a_group_that_moves_every_third_step_is_still_in_between_and_so_is_its_memory():
    tx = two(optimizers.sgd(0.1), optimizers.momentum(0.5), every=3)

    def step(carry, _):
        params, state = carry
        updates, state = tx.update(GRADS, state, params)
        return (optax.apply_updates(params, updates), state), updates["b"][0, 0]

    (_, state), moves = jax.jit(lambda c: jax.lax.scan(step, c, length=5))((PARAMS, tx.init(PARAMS)))
    np.testing.assert_allclose(moves, [-1.0, 0, 0, -(0.5 * 2 * 1.9), 0], rtol=1e-6)
    assert int(state.groups["second"].count) == 2


def asks(read):
    """Gradient descent along what it asks for."""

    def update(grads, state, params=None, **extras):
        return jax.tree.map(lambda d: -0.1 * d, read(params, **extras)), state

    return lambda *needs: Transformation(lambda params: (), update, needs=needs)


def loss(params):
    return jnp.sum(params["a"]["w"] ** 2) * jnp.sum(params["b"])


def test_what_a_group_asks_for_elsewhere_moves_its_own_parameters_alone():
    ahead = lambda p: jax.tree.map(lambda x: x + 1.0, p)  # noqa: E731
    by_gradient = asks(lambda p, grad_fn: grad_fn(ahead(p)))("grad_fn")
    by_value = asks(lambda p, value_fn: jax.grad(value_fn)(ahead(p)))("value_fn")
    for own in (by_gradient, by_value):
        tx = two(own, optimizers.sgd(0.5))
        assert needs_of(tx) == needs_of(own)
        given = {"grad_fn": jax.grad(loss), "value_fn": loss}
        extras = {need: given[need] for need in needs_of(tx)}
        updates, _ = tx.update(GRADS, tx.init(PARAMS), PARAMS, **extras)
        np.testing.assert_allclose(updates["a"]["w"], -0.1 * 2 * (PARAMS["a"]["w"] + 1) * 0.5, rtol=1e-6)


def test_readout_and_measures_are_those_of_each_group():
    tx = optimizers.sgd(0.1)
    doubled = Transformation(
        tx.init,
        tx.update,
        readout=lambda state, params: jax.tree.map(lambda x: 2 * x, params),
        measure=lambda state, updates, params: {"count": state.count},
    )
    both = two(doubled, tx)
    updates, state = both.update(GRADS, both.init(PARAMS), PARAMS)
    judged = both.readout(state, PARAMS)
    np.testing.assert_array_equal(judged["a"]["w"], 2 * PARAMS["a"]["w"])
    np.testing.assert_array_equal(judged["b"], PARAMS["b"])
    assert {name: int(x) for name, x in both.measure(state, updates, PARAMS).items()} == {"count.first": 1}


def test_a_parameter_in_no_group_is_refused():
    groups = {"first": OptimizerGroup(optimizers.sgd(0.1))}
    with pytest.raises(PadlError, match="parameter b is in no group of the optimizer: there are first"):
        grouped(groups, lambda params: {"a.w": "first"}).init(PARAMS)
