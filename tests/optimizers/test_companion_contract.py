"""What rules promise beside the checks of padl.conformance that give some parameters another optimizer."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl import registry
from padl.engine.operations import hangs_batched, operations_of

NAMES = [e.name for e in map(registry.optimizer.get, padl.names("optimizer")) if "others" in e.hyperparameters]
DTYPES = ("bfloat16", "float16", "float32")
PARAMS = {
    "kernel": np.array([[1.0, -2.0, 0.5], [0.1, 3.0, -1.0]], np.float32),
    "bias": np.array([0.5, -0.25, 2.0], np.float32),
}
STEPS = 4

pytestmark = pytest.mark.parametrize("name", NAMES)


def loss(params):
    return sum(jnp.sum(jnp.square(x.astype(jnp.float32))) for x in jax.tree.leaves(params))


def update(tx, grads, state, params):
    return tx.update(grads, state, params, value=loss(params), grad=grads, value_fn=loss, key=jax.random.key(0))


def test_no_dtype_is_promoted_in_silence(name):
    choice, numbers = registry.optimizer.get(name).split({})
    for dtype in DTYPES:
        params = jax.tree.map(lambda x, d=dtype: jnp.asarray(x, d), PARAMS)
        with jax.numpy_dtype_promotion("strict"):
            tx = choice(**jax.tree.map(jnp.float32, numbers))
            jax.eval_shape(partial(update, tx), params, jax.eval_shape(tx.init, params), params)


def test_a_scan_lowers_a_bowl_and_members_of_a_sweep_walk_as_each_does_alone(name):
    choice, numbers = registry.optimizer.get(name).split({})
    start = jax.tree.map(jnp.asarray, PARAMS)

    def walk(numbers):
        tx = choice(**numbers)

        def step(carry, _):
            params, state = carry
            updates, state = update(tx, jax.grad(loss)(params), state, params)
            return (optax.apply_updates(params, updates), state), loss(params)

        (params, _), losses = jax.lax.scan(step, (start, tx.init(start)), length=STEPS)
        return params, losses

    many = jax.tree.map(lambda x: jnp.float32([x, 0.5 * x]), numbers)
    first = jax.tree.map(lambda x: x[0], many)
    one_by_one = hangs_batched(operations_of(jax.make_jaxpr(walk)(first)), jax.devices()[0])  # as a sweep has it
    every = jax.lax.map if one_by_one else lambda f, xs: jax.vmap(f)(xs)
    (params, losses), alone = jax.jit(lambda many, first: (every(walk, many), walk(first)))(many, first)
    assert losses[0, -1] < losses[0, 0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[0], b, rtol=1e-5), params, alone[0])  # batched rounding
    assert not np.array_equal(params["kernel"][0], params["kernel"][1])
