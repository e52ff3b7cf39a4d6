"""Muon and its family: identities between them, what other libraries compute, and what becomes of other parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matrix_walk import ROLES, gradients, signs, walk

import padl
from padl import optimizers, registry
from padl.roles import ParameterRole

FAMILY = [e.name for e in map(registry.optimizer.get, padl.names("optimizer")) if e.family == "muon"]


def test_muon2_of_gradients_whose_numbers_have_one_size_is_muon():
    grads = signs()
    ours = walk(optimizers.muon2(b2=0.0, roles=ROLES), grads)
    np.testing.assert_allclose(ours, walk(optimizers.muon(roles=ROLES), grads), atol=1e-6)  # float32, 5 steps of 0.02


def test_muoneq_of_a_momentum_whose_rows_are_equally_long_is_muon():
    grads = np.repeat(signs(steps=1), 5, 0)
    ours = walk(optimizers.muoneq(roles=ROLES), grads)
    np.testing.assert_allclose(ours, walk(optimizers.muon(roles=ROLES), grads), atol=1e-6)


def test_normuon_of_a_factor_whose_rows_are_equally_long_is_muon():
    grads = gradients((3, 4))  # of a wide matrix: its rows are orthogonal, and of length 1
    settings = {"polar": "exact", "roles": ROLES}
    ours = walk(optimizers.normuon(eps=1e-12, **settings), grads)
    np.testing.assert_allclose(ours, walk(optimizers.muon(**settings), grads), atol=1e-6)


def test_without_momentum_it_is_spectral_descent():
    grads = gradients((3, 4), 1)
    u, _, vt = np.linalg.svd(grads[0])
    ours = walk(optimizers.muon(0.5, momentum=0.0, polar="exact", roles=ROLES), grads)
    np.testing.assert_allclose(ours[0], -0.5 * u @ vt[:3], atol=1e-6)


def test_it_moves_as_optax_does_where_the_momentum_is_not_corrected():
    """Optax's bias correction is a factor, which the polar factor does not see."""
    grads, dims = gradients((3, 4)), optax.contrib.MuonDimensionNumbers(reduction_axis=1, output_axis=0)
    peer = optax.contrib.muon(0.02, nesterov=False, muon_weight_dimension_numbers={"w": dims})
    ours = walk(optimizers.muon(0.02, nesterov=False, roles=ROLES), grads)
    np.testing.assert_allclose(ours, walk(peer, grads), atol=2e-5)  # it adds 1e-8 to the norm


@pytest.mark.parametrize("name", FAMILY)
def test_a_kernel_and_its_transpose_move_alike(name):
    grads = gradients()
    kernel = {"w": ParameterRole("matrix", inputs=(0,), outputs=(1,))}
    tx, other = (getattr(optimizers, name)(roles=roles) for roles in (ROLES, kernel))
    np.testing.assert_allclose(walk(other, grads.swapaxes(1, 2)).swapaxes(1, 2), walk(tx, grads), atol=1e-5)


@pytest.mark.parametrize("name", FAMILY)
def test_gradients_of_0_and_of_any_size_give_finite_steps(name):
    roles = {"w": ROLES["w"], "empty": ROLES["w"], "b": ParameterRole("bias", outputs=(0,))}
    tx, params = (
        getattr(optimizers, name)(roles=roles),
        {"w": jnp.ones((2, 3)), "empty": jnp.ones((0, 3)), "b": jnp.ones(3)},
    )
    state, update = tx.init(params), jax.jit(tx.update)
    for size in (0, 1, 1e4, 1e15, 1e-30, 0, 1):
        grads = jax.tree.map(lambda p, size=size: size * jnp.cos(jnp.arange(p.size)).reshape(p.shape), params)
        updates, state = update(grads, state, params)
        assert all(np.isfinite(x).all() for x in jax.tree.leaves(updates))
        assert not any(np.isnan(x).any() for x in jax.tree.leaves(state))
        assert size == 0 or np.abs(updates["w"]).max() > 1e-5


def test_a_bias_has_the_other_optimizer_with_a_learning_rate_of_its_own():
    params = {"layer": {"kernel": jnp.ones((3, 4)), "bias": jnp.ones(4)}}
    tx = optimizers.muon(others={"name": "sgd", "learning_rate": 0.25})
    updates, _ = tx.update(params, tx.init(params), params)
    np.testing.assert_allclose(updates["layer"]["bias"], -0.25)
    assert abs(updates["layer"]["kernel"]).max() < 0.02


@pytest.mark.parametrize(("scale", "length"), [("spectral", 2.0), ("rms", 0.2 * 4), ("unclamped", 2.0), ("none", 1.0)])
def test_the_scale_goes_by_outputs_and_inputs(scale, length):
    grads = gradients((16, 4), 1)
    tx = optimizers.muon(1.0, polar="exact", scale=scale, roles=ROLES)
    assert np.linalg.norm(walk(tx, grads)[0], 2) == pytest.approx(length, rel=1e-5)
