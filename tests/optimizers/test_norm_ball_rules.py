"""Scion: what it is for one role, and how far its steps and its parameters go."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl import optimizers
from padl.roles import ParameterRole

ROLE = {"": ParameterRole("matrix", inputs=(1,), outputs=(0,))}
GRADS = np.random.default_rng(0).normal(size=(30, 3, 4))


def walk(tx, start, grads):
    """The parameters of one array after each step."""

    def step(carry, g):
        params, state = carry
        updates, state = tx.update(g, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    start = jnp.asarray(start)
    return np.asarray(jax.jit(lambda: jax.lax.scan(step, (start, tx.init(start)), jnp.asarray(grads))[1])())


@pytest.mark.parametrize("polar", ["newton_schulz", "exact"])
def test_of_matrices_and_without_a_ball_it_is_muon_with_a_scale_by_both_sides(polar, x64):
    scion = optimizers.scion(0.1, 0.7, radius=1.0, constrained=False, polar=polar, roles=ROLE)
    muon = optimizers.muon(0.1, 0.7, nesterov=False, polar=polar, scale="unclamped", roles=ROLE)
    start = np.ones((3, 4))
    np.testing.assert_allclose(walk(scion, start, GRADS[:6]), walk(muon, start, GRADS[:6]), rtol=1e-10)


def test_of_a_head_without_a_ball_it_is_signum(x64):
    role = {"": ParameterRole("head", inputs=(1,), outputs=(0,))}
    scion = optimizers.scion(0.1, 0.7, head_radius=4.0, constrained=False, roles=role)
    signum = optimizers.signum(0.1, momentum=0.7)
    start = np.ones((3, 4))
    np.testing.assert_allclose(walk(scion, start, GRADS[:6]), walk(signum, start, GRADS[:6]), rtol=1e-12)


def test_a_matrix_comes_into_its_ball_from_outside_and_stays(x64):
    tx = optimizers.scion(0.3, radius=2.0, polar="exact", roles=ROLE)
    path = walk(tx, 100 * np.ones((3, 4)), GRADS)
    norms = np.linalg.norm(path, 2, axis=(1, 2))
    border = 2.0 * np.sqrt(3 / 4)
    assert norms[0] > 50
    assert (norms[-10:] <= border * 1.01).all()  # what is left of the start: 0.7²⁰ of 346
    inside = walk(tx, np.zeros((3, 4)), GRADS)
    assert (np.linalg.norm(inside, 2, axis=(1, 2)) <= border * (1 + 1e-12)).all()


def test_a_convolution_has_the_scale_of_its_channels_and_of_its_window(x64):
    role = {"": ParameterRole("convolution", inputs=(0, 1, 2), outputs=(3,))}
    g = np.random.default_rng(1).normal(size=(1, 3, 3, 2, 8))
    tx = optimizers.scion(1.0, 0.0, radius=1.0, constrained=False, polar="exact", roles=role)
    step = walk(tx, np.zeros((3, 3, 2, 8)), g)[0].reshape(18, 8)
    np.testing.assert_allclose(np.linalg.svd(step, compute_uv=False), np.sqrt(8 / 2) / 9, rtol=1e-10)


def test_a_stack_of_biases_has_a_length_for_each(x64):
    role = {"": ParameterRole("bias", stacked=(0,), outputs=(1,))}
    tx = optimizers.scion(1.0, 0.0, radius=2.0, constrained=False, roles=role)
    g = np.array([[[3.0, 4.0], [0.0, 0.0], [1e-30, 0.0]]])
    rms = np.array([[0.6, 0.8], [0, 0], [1, 0]]) * np.sqrt(2)
    np.testing.assert_allclose(walk(tx, np.zeros((3, 2)), g)[0], -2 * rms, rtol=1e-12)
