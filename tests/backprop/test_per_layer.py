"""A model layer by layer: its layers in order, and whether a gradient reaches them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl.backprop import layers, trace, verdict


def deep(params, x):
    for name, w in sorted(params.items()):
        with jax.named_scope(name):
            x = jnp.tanh(x @ w)
    return (x**2).sum()


def weights(scale, count=8):
    random = np.random.default_rng(0)
    return {f"layer {i}": jnp.asarray(scale * random.normal(size=(8, 8)), jnp.float32) for i in range(count)}


def test_layers_come_in_order_with_their_parameters_and_gradients():
    params = weights(0.3, 3)
    graph = trace(lambda p: deep(p, jnp.ones((2, 8))), params)
    learning = [layer for layer in layers(graph) if layer.parameters]
    assert [layer.name for layer in learning] == ["layer 0", "layer 1", "layer 2"]
    gradients = jax.grad(lambda p: deep(p, jnp.ones((2, 8))))(params)
    for layer in learning:
        assert (layer.shape, layer.parameters, layer.finite) == ((2, 8), 64, True)
        assert layer.learned == pytest.approx(float(jnp.linalg.norm(gradients[layer.name])), rel=1e-5)
        assert layer.weights == pytest.approx(float(jnp.linalg.norm(params[layer.name])), rel=1e-5)


def test_without_scopes_a_layer_is_named_by_its_parameters():
    def f(params):
        h = jnp.ones((2, 8))
        for name in ("a", "b"):
            h = jax.nn.relu(h @ params[name]["kernel"] + params[name]["bias"][None])
        return h.sum()

    params = {n: {"kernel": 0.3 * jnp.ones((8, 8)), "bias": jnp.zeros(8)} for n in ("a", "b")}
    learning = [layer for layer in layers(trace(f, params)) if layer.parameters]
    assert [(layer.name, layer.parameters, layer.shape) for layer in learning] == [("a", 72, (2, 8)), ("b", 72, (2, 8))]


@pytest.mark.parametrize(("scale", "word"), [(0.03, "vanishes"), (0.35, ""), (0.0, "no gradient at all")])
def test_the_verdict_says_whether_the_gradient_arrives(scale, word):
    line = verdict(layers(trace(lambda p: deep(p, jnp.ones((2, 8))), weights(scale))))
    assert word in line
    assert bool(line) == bool(word)


def test_an_exploding_gradient_is_seen():
    def linear(params, x):
        for name, w in sorted(params.items()):
            with jax.named_scope(name):
                x = x @ w
        return x.sum()

    line = verdict(layers(trace(lambda p: linear(p, jnp.ones((2, 8))), weights(10.0))))
    assert line.startswith("the gradient explodes: ")
    assert line.endswith("of that at layer 7 is left at layer 0")
