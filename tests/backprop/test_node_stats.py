"""What a graph says of its numbers: norms, zeros, where NaN began, which layers a gradient reaches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl.backprop.layers import verdict
from padl.backprop.tracing.trace import trace


def rows(graph):
    return {row.name: row for row in graph.table()}


def test_the_table_has_norms_and_shares_of_zeros():
    graph = trace(lambda x: (jax.nn.relu(x) * jnp.array([1.0, 2.0, 3.0, 4.0])).sum(), jnp.array([3.0, -1.0, 4.0, -2.0]))
    found = rows(graph)
    assert found["x"].value == pytest.approx(np.sqrt(30))
    assert found["x"].gradient == pytest.approx(np.sqrt(1 + 9))
    assert (found["relu"].value_zeros, found["x"].gradient_zeros, found["relu"].gradient_zeros) == (0.5, 0.5, 0.0)
    assert np.isnan(found["constant"].gradient)
    assert found["reduce_sum"].shape == ()
    assert all(row.finite for row in graph.table())


@pytest.mark.parametrize(
    ("f", "x", "words"),
    [
        (lambda x: jnp.log(x - x).sum() * 0 + x.sum(), [1.0, 2.0],
         "infinity, in the forward pass: the value of node 2, log"),
        (lambda x: jnp.sqrt((x * x).sum()), [0.0, 0.0],
         "infinity, in the backward pass: the gradient it sends of node 3, sqrt"),
        (lambda x: jnp.where(x > 0, jnp.log(x), 0.0).sum(), [0.0, 1.0],
         "NaN, in the backward pass: the gradient it sends of node"),
        (lambda x: x.sum(), [np.nan, 1.0], "NaN, in the forward pass: the value of node 0, x, which was put in"),
        (lambda x: (x / 0.0 * 0.0).sum(), [1.0, 1.0], "infinity, in the forward pass: the value of node 2, div"),
    ],
)  # fmt: skip
def test_the_first_nan_is_traced_to_the_operation_that_made_it(f, x, words):
    assert str(trace(f, jnp.array(x)).fault()).startswith(f"first {words}")


def test_what_is_masked_is_no_fault():
    def f(x):
        masked = jnp.where(jnp.array([True, False, True]), x, -jnp.inf)
        return jax.nn.logsumexp(masked)

    graph = trace(f, jnp.ones(3))
    assert not all(row.finite for row in graph.table())
    assert graph.fault() is None


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
    found = [layer for layer in graph.layers() if layer.parameters]
    assert [layer.name for layer in found] == ["layer 0", "layer 1", "layer 2"]
    gradients = jax.grad(lambda p: deep(p, jnp.ones((2, 8))))(params)
    for layer in found:
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
    found = [layer for layer in trace(f, params).layers() if layer.parameters]
    assert [(layer.name, layer.parameters, layer.shape) for layer in found] == [("a", 72, (2, 8)), ("b", 72, (2, 8))]


@pytest.mark.parametrize(("scale", "word"), [(0.03, "vanishes"), (0.35, ""), (0.0, "no gradient at all")])
def test_the_verdict_says_whether_the_gradient_arrives(scale, word):
    line = verdict(trace(lambda p: deep(p, jnp.ones((2, 8))), weights(scale)).layers())
    assert word in line
    assert bool(line) == bool(word)


def test_an_exploding_gradient_is_seen():
    def linear(params, x):
        for name, w in sorted(params.items()):
            with jax.named_scope(name):
                x = x @ w
        return x.sum()

    line = verdict(trace(lambda p: linear(p, jnp.ones((2, 8))), weights(10.0)).layers())
    assert line.startswith("the gradient explodes: ")
    assert line.endswith("of that at layer 7 is left at layer 0")
