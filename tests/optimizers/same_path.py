"""Whether two optimizers take the same path, in one program. agree; shaken."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from oracle_problem import problem


def paths(*optimizers, array="vector"):
    """The path of each along the random gradients of one array, in one program: (optimizers, steps, ...)."""
    start, gradients = (jnp.asarray(each[array]) for each in problem())

    def step(carry, g):
        moved = []
        for tx, (params, state) in zip(optimizers, carry, strict=True):
            updates, state = tx.update(g, state, params)
            moved.append((optax.apply_updates(params, updates), state))
        return moved, jnp.stack([params for params, _ in moved])

    begun = [(start, tx.init(start)) for tx in optimizers]
    return np.moveaxis(jax.jit(lambda carry: jax.lax.scan(step, carry, gradients)[1])(begun), 1, 0)


def agree(one, other, rtol=1e-10, atol=1e-13, array="vector"):
    """Assert that two optimizers take the same path, in float64 over 20 steps."""
    ours, theirs = paths(one, other, array=array)
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


def shaken(tx):
    """Behind gradients that grow to ±1e30 at the first of two numbers: all updates, and the state at the end."""
    params = jnp.ones(2)

    def step(state, size):
        updates, state = tx.update(jnp.stack([size, jnp.ones_like(size)]), state, params)
        return state, updates

    sizes = jnp.array([1.0, 1.0, 1e30, 1.0, -1e30, 1.0, 1.0])
    state, updates = jax.jit(lambda state: jax.lax.scan(step, state, sizes))(tx.init(params))
    return np.asarray(updates), jax.tree.map(np.asarray, state)
