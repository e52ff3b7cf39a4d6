"""PADL's parts in a stranger's loop, with Optax's wrappers and a flax.nnx model; the tracer through control flow."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import padl

pytestmark = pytest.mark.portable


@pytest.mark.parametrize("name", ["sgd", "adam", "nadam"])
def test_an_optimizer_trains_an_nnx_model_inside_optaxs_chain(name):
    model = nnx.Linear(3, 1, rngs=nnx.Rngs(0))
    tx = optax.chain(optax.clip_by_global_norm(1.0), padl.optimizer(name, learning_rate=0.05))
    optimizer = nnx.Optimizer(model, tx, wrt=nnx.Param)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(16, 3)), jnp.float32)
    y = x.sum(1, keepdims=True)

    @nnx.jit
    def step(model, optimizer):
        loss, grads = nnx.value_and_grad(lambda m: padl.losses.mse(m(x), y))(model)
        optimizer.update(model, grads)
        return loss

    losses = [float(step(model, optimizer)) for _ in range(10)]
    assert losses[-1] < losses[0]


def test_a_model_of_padl_is_trained_by_optax():
    model = padl.models.mlp((4,), 2, widths=(3,), rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(0.1), wrt=nnx.Param)
    x, y = jnp.ones((4, 4)), jnp.array([0, 1, 0, 0])
    before = padl.losses.cross_entropy(model(x), y)
    for _ in range(3):
        optimizer.update(model, nnx.grad(lambda m: padl.losses.cross_entropy(m(x), y))(model))
    assert padl.losses.cross_entropy(model(x), y) < before


WALKS = {
    "scan": lambda x: jax.lax.scan(lambda c, a: (c * a, c), 1.0, x)[0],
    "fori_loop": lambda x: jax.lax.fori_loop(0, 3, lambda i, c: c * jnp.sin(x[i]), 1.0),
    "map": lambda x: jax.lax.map(jnp.exp, x).sum(),
    "cond": lambda x: jax.lax.cond(True, jnp.sum, jnp.prod, x),
    "custom rule": lambda x: jax.nn.relu(x).sum(),
    "jit": lambda x: jax.jit(jnp.tanh)(x).sum(),
}


@pytest.mark.parametrize("walk", WALKS)
def test_the_tracer_gives_the_gradients_of_jax(walk):
    x = jnp.array([0.5, -1.5, 2.0])
    (gradient,) = jax.tree.leaves(padl.backprop.trace(WALKS[walk], x).gradients)
    np.testing.assert_allclose(gradient, jax.grad(WALKS[walk])(x), rtol=1e-6)  # float32, compiled or not


def test_the_tracer_walks_through_a_loss_and_a_model():
    model = padl.models.mlp((4,), 2, widths=(3,), rngs=nnx.Rngs(0))
    graph, params, x = *nnx.split(model), jnp.ones((2, 4))
    loss = lambda p: padl.losses.cross_entropy(nnx.merge(graph, p)(x), jnp.array([0, 1]))  # noqa: E731
    traced = jax.tree.leaves(padl.backprop.trace(loss, params).gradients)
    for ours, theirs in zip(traced, jax.tree.leaves(jax.grad(loss)(params)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)  # float32
