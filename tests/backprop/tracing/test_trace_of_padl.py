"""PADL's own losses and models as graphs: every gradient is that of `jax.grad`, to the bit, operation by operation."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from padl.app import names
from padl.backprop import first_nonfinite, layers, trace

sys.path.append(str(Path(__file__).parents[2] / "losses"))
from cases import CASES

SHAPES = {"linear": (5,), "mlp": (5,), "cnn": (8, 8, 1), "tdnn": (4, 6, 1)}
OPTIONS = {
    "mlp": {"widths": (6, 6), "norm": "batch", "dropout": 0.2},
    "cnn": {"channels": (3, 4)},
    "tdnn": {"widths": (6,), "window": 3},
}
# Their rule computes 1/p of p = 3.0: an eager `jax.grad` does so in Python's float64, a traced program in float32.
ROUNDED = ("minkowski, 3", "triplet_margin")


def same(gradients, expected):
    return all(bool(((a == b) | (jnp.isnan(a) & jnp.isnan(b))).all()) for a, b in zip(gradients, expected, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_the_gradients_of_a_loss_are_those_of_jax(name):
    case = CASES[name]
    smooth = [jnp.asarray(case.arguments[i], jnp.float32) for i in case.smooth]
    integers = {i: jnp.asarray(a) for i, a in enumerate(case.arguments) if i not in case.smooth}

    def loss(*smooth):
        arguments = dict(zip(case.smooth, smooth, strict=True)) | integers
        return case(*(arguments[i] for i in range(len(arguments))))

    graph = trace(loss, *smooth)
    with jax.disable_jit():
        expected = jax.grad(loss, tuple(range(len(smooth))))(*smooth)
    if name in ROUNDED:
        for gradient, e in zip(graph.gradients, expected, strict=True):
            np.testing.assert_allclose(gradient, e, rtol=1e-6, atol=1e-7)
    else:
        assert same(graph.gradients, expected)
    assert first_nonfinite(graph) is None


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_the_gradients_of_a_model_are_those_of_jax(name):
    module = names.model(name, **OPTIONS.get(name, {}))(SHAPES[name], 3, rngs=nnx.Rngs(0))
    inputs = jnp.asarray(np.random.default_rng(0).normal(size=(4, *SHAPES[name])), jnp.float32)
    graph_of_module, params, model_state = nnx.split(module, nnx.Param, ...)

    def loss(params):
        outputs = nnx.merge(graph_of_module, params, model_state, copy=True)(inputs, jax.random.key(1))
        return (jnp.cos(outputs) ** 2).mean()

    graph = trace(loss, params)
    with jax.disable_jit():
        expected = jax.grad(loss)(params)
    assert same(jax.tree.leaves(graph.gradients), jax.tree.leaves(expected))
    learning = [layer for layer in layers(graph) if layer.parameters]
    assert sum(layer.parameters for layer in learning) == sum(p.size for p in jax.tree.leaves(params))
    assert learning[-1].name == "head"


def test_every_model_is_looked_at():
    assert {n for n in names.names("model") if names.of("model").get(n).origin == "padl"} == set(SHAPES)
