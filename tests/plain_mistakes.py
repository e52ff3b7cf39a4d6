"""Optimizers with one mistake each, as functions that make an Optax transformation."""

import jax
import jax.numpy as jnp
import optax


def stateless(direction):
    """Make a transformation of (gradient, parameter) -> update."""
    return optax.GradientTransformation(
        lambda params: (), lambda grads, state, params=None: (jax.tree.map(direction, grads, params), state)
    )


def wrong_sign(learning_rate: float = 0.1):
    return stateless(lambda g, p: learning_rate * g)


def wide_update(learning_rate: float = 0.1):
    return stateless(lambda g, p: -learning_rate * g.astype(jnp.float32))


def unread_number(learning_rate: float = 0.1, eps: float = 1e-8):
    return stateless(lambda g, p: -learning_rate * g)


def branches(learning_rate: float = 0.1, momentum: float = 0.9):
    return optax.sgd(learning_rate, momentum if momentum > 0 else None)


def not_finite(learning_rate: float = 0.1):
    return stateless(lambda g, p: -learning_rate * g / jnp.abs(g))


def of_matrices(learning_rate: float = 0.1):
    return stateless(lambda g, p: -learning_rate * jnp.einsum("ij->ij", g))


def forgets_decay(learning_rate: float = 0.1, weight_decay: float = 0.1):
    return stateless(lambda g, p: -learning_rate * g - 0 * weight_decay)


def drifting_state(learning_rate: float = 0.1):
    def update(grads, state, params=None):
        state = jax.tree.map(lambda m, g: 0.9 * m + jnp.float32(0.1) * g, state, grads)
        return jax.tree.map(lambda m, g: (-learning_rate * m).astype(g.dtype), state, grads), state

    return optax.GradientTransformation(lambda params: jax.tree.map(jnp.zeros_like, params), update)


MISTAKES = {
    wrong_sign: "downhill",
    wide_update: "update_dtype",
    unread_number: "numbers_matter",
    branches: "numbers_traced",
    not_finite: "zero_gradients",
    of_matrices: "runs",
    forgets_decay: "decay_measured",
    drifting_state: "state_form",
}  # with a check that says so
