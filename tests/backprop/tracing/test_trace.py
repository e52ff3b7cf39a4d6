"""The gradients of a graph are those of `jax.grad`, to the bit where both run operation by operation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from padl.backprop import fold, trace
from padl.types import PadlError

X = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)), jnp.float32)
W = jnp.asarray(np.random.default_rng(1).normal(size=(3, 3)), jnp.float32)
V = X[0]


def total(f):
    """f, made a number by weights that tell its elements apart."""
    return lambda *args: sum((jnp.sin(1.0 + jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape) * y).sum()
                             for y in jax.tree.leaves(f(*args)))  # fmt: skip


@jax.custom_vjp
def halved(x):
    """Its rule says half of what is so: whoever differentiates the inside is found out."""
    return jnp.sin(x)


halved.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (0.5 * g * jnp.cos(x),))


def scanned(x, w):
    """Constants, a carry, rows, and rows of results."""

    def body(carry, row):
        carry = jnp.tanh(carry @ w + row)
        return carry, carry * row

    return lax.scan(body, x[0], x)


def backwards(x, w):
    return lax.scan(lambda c, row: (c * row, c + row), jnp.ones(3), x @ w, reverse=True)


def while_loop(x):
    """The number of steps depends on the value."""
    return lax.while_loop(lambda c: jnp.abs(c[0]).sum() < 50, lambda c: (2 * c[0], jnp.sin(c[1]) * c[0]), (x, x))[1]


def reused(x):
    """One value, used by three operations and twice by one of them."""
    y = jnp.exp(x)
    return y * y + jnp.sin(y) + y / 3 + y


PRIMITIVES = {
    "arithmetic": (lambda x, w: (x @ w - x) * x / (2 + x**2) + (-x), (X, W)),
    "powers": (lambda x: jnp.abs(x) ** 1.5 + x**3 + lax.rsqrt(1 + x * x) + jnp.cbrt(x), (X,)),
    "pow of two arrays": (lambda x, w: jnp.exp(x)[:3] ** w, (X, W)),
    "exponentials": (lambda x: jnp.exp(x) + jnp.log1p(x * x) + jnp.expm1(x) + jnp.log(1 + x * x), (X,)),
    "trigonometry": (lambda x: jnp.sin(x) * jnp.cos(x) + jnp.tan(x) + jnp.arctan2(x, 2 + x * x) + jnp.arcsinh(x), (X,)),
    "squashing": (lambda x: jnp.tanh(x) + lax.logistic(x) + lax.erf(x), (X,)),
    "reductions": (lambda x: x.sum(0) + x.mean() + x.max(1).sum() + x.min(0) + x.prod() + x.var(0), (X,)),
    "cumulative": (lambda x: jnp.cumsum(x, 0) * jnp.cumprod(x, 1) + lax.cumlogsumexp(x, 0) + lax.cummax(x, 0), (X,)),
    "shapes": (lambda x: jnp.concatenate([x.T.reshape(2, 6), x[::2].reshape(1, 6)]) + jnp.flip(x)[0, 0], (X,)),
    "slices": (lambda x: lax.dynamic_slice(x, (1, 0), (2, 2)) * x[1:3, ::2] + jnp.pad(x, 1)[2:4, 1:3], (X,)),
    "places": (lambda x: x[jnp.array([0, 2, 2])] + x.at[1].set(2 * x[0]).at[0, 1].add(x[3, 2])[:3], (X,)),
    "choices": (lambda x, w: jnp.where(x[:3] > w, x[:3], w) + jnp.maximum(x[:3], w) + jnp.clip(w, -0.5, 0.5), (X, W)),
    "sorting": (lambda x: jnp.sort(x, 0) + lax.top_k(x, 2)[0][:, :1], (X,)),
    "decompositions": (lambda w: jnp.linalg.inv(w) + jnp.linalg.cholesky(w @ w.T + jnp.eye(3)), (W,)),
    "einsum": (lambda x, w: jnp.einsum("ab,bc,dc->ad", x, w, x), (X, W)),
    "convolution": (lambda x: lax.conv(x[None, None], jnp.ones((2, 1, 2, 2)), (1, 1), "SAME"), (X,)),
    "activations": (lambda x: jax.nn.relu(x) + jax.nn.gelu(x) + jax.nn.silu(x) + jax.nn.softplus(x), (X,)),
    "softmax": (lambda x: jax.nn.log_softmax(x) + jax.nn.softmax(x) + jax.nn.logsumexp(x, 1, keepdims=True), (X,)),
    "half precision": (lambda x: (x.astype(jnp.bfloat16) * 2).astype(jnp.float32) * x, (X,)),
    "stopped": (lambda x: x * lax.stop_gradient(jnp.exp(x)), (X,)),
    "signs and steps": (lambda x: jnp.sign(x) * x + jnp.floor(x) + jnp.abs(x) + jnp.round(x), (X,)),
    "randomness": (lambda x: x * jax.random.normal(jax.random.key(0), x.shape), (X,)),
    "a value used often": (reused, (X,)),
    "an argument that is the result": (lambda x: x, (V,)),
    "constants before and behind": (lambda x: jnp.sin(3 + x) * (x - 2) + (x + 1) * (2 - x) + x / 3, (X,)),
    "the same argument twice": (lambda x: jnp.dot(x, x) * x, (V,)),
}
NESTED = {
    "jit": (lambda x, w: jax.jit(lambda a: jnp.sin(a @ w))(x) + jax.jit(jnp.cos)(x), (X, W)),
    "jit in jit": (jax.jit(lambda x: jax.jit(jnp.sin)(x) * jax.jit(jnp.sin)(2 * x)), (X,)),
    "scan": (scanned, (X, W)),
    "scan from the end": (backwards, (X, W)),
    "scan in scan": (lambda x: lax.scan(lambda c, r: (lax.scan(lambda d, e: (d * e, d), c, r)[0], c), 1.0, x), (X,)),
    "map": (lambda x: lax.map(lambda r: jnp.sin(r) @ r, x), (X,)),
    "vmap": (jax.vmap(lambda r: jnp.outer(r, r)), (X,)),
    "cond": (lambda x: lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x), (X,)),
    "the other branch": (lambda x: lax.cond(x.sum() < 0, jnp.sin, jnp.cos, x), (X,)),
    "switch": (lambda x: lax.switch(7, [jnp.sin, jnp.cos, jnp.exp], x), (X,)),
    "fori_loop": (lambda x: lax.fori_loop(0, 3, lambda i, c: jnp.sin(c) * (i + 1), x), (X,)),
    "remat": (jax.checkpoint(lambda x: jnp.sin(jnp.exp(x))), (X,)),
    "a rule of its own": (lambda x: halved(2 * x) + x, (X,)),
}
ALL = {**PRIMITIVES, **NESTED}


def same(a, b):
    return jax.tree.all(jax.tree.map(lambda x, y: x.dtype == y.dtype and bool((x == y).all()), a, b))


@pytest.mark.parametrize("name", ALL)
def test_the_gradients_are_those_of_jax_to_the_bit(name):
    f, args = ALL[name]
    graph = trace(total(f), *args)
    with jax.disable_jit():
        expected = jax.grad(total(f), tuple(range(len(args))))(*args)
    assert same(graph.gradients, expected)


@pytest.mark.parametrize("name", NESTED)
def test_compiled_and_closed_they_agree_up_to_rounding(name):
    f, args = ALL[name]
    expected = jax.grad(total(f), tuple(range(len(args))))(*args)
    for graph in (trace(total(f), *args), trace(total(f), *args, depth=0)):
        for gradient, e in zip(graph.gradients, expected, strict=True):
            np.testing.assert_allclose(gradient, e, rtol=1e-5, atol=1e-6)  # XLA fuses what here is rounded at each step


@pytest.mark.parametrize("name", ["scan", "cond", "jit in jit", "softmax", "a value used often"])
def test_every_adjoint_is_the_sum_of_what_the_consumers_send(name):
    f, args = ALL[name]
    open_graph = trace(total(f), *args)
    for graph in (open_graph, fold(open_graph, 0), fold(open_graph, 1)):
        for node in graph:
            terms = [edge.gradient for edge in graph.incoming_gradients[node.number]]
            if terms:
                np.testing.assert_allclose(node.adjoint, sum(terms), rtol=1e-6, atol=1e-6)


def test_a_value_used_k_times_receives_k_gradients():
    graph = trace(lambda x: reused(x), jnp.float32(0.3))
    y = next(node for node in graph if node.operation == "exp")
    assert len(graph.incoming_gradients[y.number]) == 5
    assert float(y.adjoint) == pytest.approx(2 * np.exp(0.3) + np.cos(np.exp(0.3)) + 4 / 3, rel=1e-6)


def test_a_while_loop_is_differentiated_along_the_steps_it_took():
    graph = trace(total(while_loop), V)
    with jax.disable_jit():  # jax.grad refuses it otherwise
        expected = jax.grad(total(while_loop))(V)
    assert same(graph.gradients, (expected,))
    assert {node.scope[1] for node in graph if node.scope[:1] == ("while",)} > {"step 0", "step 1"}


def test_the_rule_of_a_function_decides_not_its_inside():
    graph = trace(lambda x: halved(x), jnp.float32(0.3))
    assert float(graph.gradients[0]) == pytest.approx(0.5 * np.cos(0.3))
    shown = trace(lambda x: halved(x), jnp.float32(0.3), custom=True)
    inside = next(node for node in shown if node.operation == "sin")
    assert inside.adjoint is None
    assert inside.scope == ("halved",)
    assert same(shown.gradients, graph.gradients)


def test_folding_keeps_values_and_gradients_and_depth_folds_as_it_traces():
    graph = trace(total(scanned), X, W)
    folded, closed = fold(graph), trace(total(scanned), X, W, depth=0)
    assert same(folded.gradients, graph.gradients)
    assert [n.operation for n in folded if n.operation == "scan"] == ["scan", "scan"]  # the carry, and the rows
    assert not [node for node in folded if node.scope]
    assert len(graph) > len(folded)
    for a, b in zip(folded.outputs, closed.outputs, strict=True):
        np.testing.assert_allclose(folded[a].value, closed[b].value, rtol=1e-5)


def test_one_level_stays_open_when_deeper_ones_are_folded():
    scopes = {node.scope for node in fold(trace(total(scanned), X, W), depth=1)}
    assert scopes == {(), ("scan",)}


def test_arguments_may_be_trees_and_their_leaves_have_names():
    def f(params, x):
        return ((x @ params["head"]["kernel"] + params["head"]["bias"][None]) ** 2).sum()

    params = {"head": {"kernel": W, "bias": V}}
    graph = trace(f, params, X)
    assert same(graph.gradients[0], jax.grad(f)(params, X))
    assert [graph[n].label for n in graph.inputs] == ["params.head.bias", "params.head.kernel", "x"]
    assert graph["params.head.kernel"].shape == (3, 3)
    with pytest.raises(KeyError, match="no node is called 'y'"):
        graph["y"]


def test_integers_have_no_gradient_and_what_does_not_matter_has_a_zero():
    graph = trace(lambda x, i, y: x[i].sum(), X, jnp.int32(1), V)
    assert graph.gradients[1] is None
    assert not graph.gradients[2].any()
    assert graph[graph.inputs[2]].adjoint is None


def test_a_constant_function_has_gradient_zero():
    assert not trace(lambda x: jnp.float32(3.0), X).gradients[0].any()


def test_a_cotangent_weighs_the_results():
    f = lambda x, w: {"a": x @ w, "b": x.argmax()}  # noqa: E731
    weights = {"a": jnp.cos(X), "b": np.zeros((), jax.dtypes.float0)}
    _, vjp = jax.vjp(f, X, W)
    assert same(trace(f, X, W, cotangent=weights).gradients, vjp(weights))


@pytest.mark.parametrize(
    ("f", "cotangent", "words"),
    [
        (lambda x: x, None, r"returns float32\[4, 3\], not one number: give cotangent="),
        (lambda x: x.sum(0), X, r"cotangent has the shapes \[\[4, 3\]\], the function returns \[\[3\]\]"),
        (lambda x: x.argmax(), None, "not one number"),
    ],
)
def test_a_result_that_is_no_number_wants_a_cotangent(f, cotangent, words):
    with pytest.raises(PadlError, match=words):
        trace(f, X, cotangent=cotangent)


def test_what_cannot_be_differentiated_is_named_with_its_node_and_line():
    def f(x):
        y = jnp.sin(x)
        return jax.pure_callback(np.cos, jax.ShapeDtypeStruct((), np.float32), y)

    with pytest.raises(
        PadlError, match=r"'pure_callback' cannot be differentiated \(node 2, test_trace.py:\d+ \(.*f\)\)"
    ):
        trace(f, jnp.float32(1.0))
    with pytest.raises(PadlError, match=r"'while' cannot be differentiated \(node \d+, test_trace.py"):
        trace(total(while_loop), V, depth=0)


def test_a_function_that_is_called_like_a_primitive_is_none():
    @jax.jit
    def sign(x):
        return x * x

    graph = trace(lambda x: sign(x).sum(), V, depth=0)
    assert same(graph.gradients, (2 * V,))
    assert next(node for node in graph if node.operation == "sign").rule == ""


def test_nodes_know_their_line_and_their_layer():
    def f(x):
        with jax.named_scope("first"):
            y = jax.jit(jnp.sin)(x)
        return jnp.cos(y)

    sine, cosine = (next(n for n in trace(f, jnp.float32(1.0)) if n.operation == o) for o in ("sin", "cos"))
    line = f.__code__.co_firstlineno
    assert sine.source.startswith(f"test_trace.py:{line + 2} (")
    assert cosine.source.startswith(f"test_trace.py:{line + 3} (")
    assert (sine.module, cosine.module) == ("first", "")
    assert (sine.scope, cosine.scope) == (("sin",), ())


def test_a_loop_too_long_to_walk_is_refused_and_can_stay_closed(monkeypatch):
    monkeypatch.setattr("padl.backprop.tracing.tape.MAX_NODES", 50)
    f = lambda x: lax.scan(lambda c, _: (jnp.sin(c), None), x, length=100)[0]  # noqa: E731
    with pytest.raises(PadlError, match=r"more than 50 nodes at test_trace.py:.*: depth=0 leaves loops"):
        trace(f, jnp.float32(1.0))
    assert len(trace(f, jnp.float32(1.0), depth=0)) < 10
