"""Walks of one matrix along given gradients, in float32 and one program. walk, gradients, signs, ROLES."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from padl.roles import ParameterRole

ROLES = {"w": ParameterRole("matrix", inputs=(1,), outputs=(0,))}
RNG = np.random.default_rng(0)


def walk(tx, grads, start=None):
    """Where a matrix is after each step, from 0 or `start`."""
    params = {"w": jnp.zeros(grads.shape[1:]) if start is None else jnp.asarray(start)}

    def step(carry, g):
        params, state = carry
        updates, state = tx.update({"w": g}, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params["w"]

    return np.asarray(jax.jit(lambda: jax.lax.scan(step, (params, tx.init(params)), jnp.asarray(grads))[1])())


def gradients(shape=(4, 3), steps=5):
    return RNG.standard_normal((steps, *shape)).astype(np.float32)


def signs(shape=(4, 3), steps=5):
    """Gradients whose numbers are all as large as one another."""
    return np.sign(gradients(shape, steps))
