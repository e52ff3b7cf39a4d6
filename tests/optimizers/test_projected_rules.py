"""GaLore and Conda: what they are where the projection is an identity, and what a projection leaves out."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl import optimizers
from padl.roles import ParameterRole

ROLE = {"": ParameterRole("matrix", inputs=(1,), outputs=(0,))}
NUMBERS = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.95, "eps": 1e-30}  # an eps that does not say where it stands


def walk(tx, grads):
    """The sum of the updates of one matrix, after each step."""

    def step(carry, g):
        params, state = carry
        updates, state = tx.update(g, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    start = jnp.zeros(grads.shape[1:])
    return np.asarray(jax.jit(lambda: jax.lax.scan(step, (start, tx.init(start)), jnp.asarray(grads))[1])())


def gradients(shape=(3, 3), steps=8):
    return np.random.default_rng(1).normal(size=(steps, *shape))


@pytest.mark.parametrize("name", ["galore", "conda"])
def test_in_the_basis_of_a_diagonal_gradient_and_with_nothing_left_out_it_is_adam(name, x64):
    grads = gradients()
    grads[0] = np.diag([3.0, 2.0, 1.0])
    tx = getattr(optimizers, name)(**NUMBERS, alpha=1.0, roles=ROLE)
    np.testing.assert_allclose(walk(tx, grads), walk(optimizers.adam(**NUMBERS), grads), rtol=1e-12)


def test_galore_moves_in_as_many_directions_of_the_shorter_side_as_its_rank(x64):
    path = walk(optimizers.galore(rank=2, roles=ROLE), gradients((3, 5)))
    assert np.linalg.matrix_rank(path[-1]) == 2
    basis = np.linalg.svd(gradients((3, 5))[0])[0][:, :2]
    np.testing.assert_allclose(basis @ basis.T @ path[-1], path[-1], rtol=1e-10)


@pytest.mark.parametrize("name", ["galore", "conda"])
def test_of_a_vector_as_a_matrix_all_of_a_step_is_along_the_axis_it_has(name, x64):
    """The shorter side has length 1: P is 1, and Adam sees each number for itself."""
    grads = gradients((1, 4))
    tx = getattr(optimizers, name)(**NUMBERS, alpha=1.0, frequency=2, roles=ROLE)
    np.testing.assert_allclose(walk(tx, grads), walk(optimizers.adam(**NUMBERS), grads), rtol=1e-12)


def test_a_gradient_that_turns_about_keeps_the_sign_of_its_direction_in_galore(x64):
    """One direction, whose singular vector a decomposition may give either sign of: it is Adam of the numbers along."""
    u, along = np.array([0.6, 0.8]), np.random.default_rng(2).normal(size=(8, 3))
    path = walk(
        optimizers.galore(**NUMBERS, alpha=1.0, rank=1, frequency=1, roles=ROLE), np.einsum("i,sj->sij", u, along)
    )
    expected = walk(optimizers.adam(**NUMBERS), along)
    np.testing.assert_allclose(path, np.einsum("i,sj->sij", u, expected), rtol=1e-10, atol=1e-14)
