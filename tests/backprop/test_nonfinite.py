"""Where the first NaN or infinity began, and what is masked on the way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl.backprop import first_nonfinite, node_stats, trace


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
    assert str(first_nonfinite(trace(f, jnp.array(x)))).startswith(f"first {words}")


def test_what_is_masked_is_no_origin():
    def f(x):
        masked = jnp.where(jnp.array([True, False, True]), x, -jnp.inf)
        return jax.nn.logsumexp(masked)

    graph = trace(f, jnp.ones(3))
    assert not all(row.finite for row in node_stats(graph))
    assert first_nonfinite(graph) is None
