"""Every node in numbers: norms, shares of zeros, whether they are finite."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl.backprop import node_stats, trace
from padl.backprop.arrays import norm


def rows(graph):
    return {row.name: row for row in node_stats(graph)}


def test_the_table_has_norms_and_shares_of_zeros():
    graph = trace(lambda x: (jax.nn.relu(x) * jnp.array([1.0, 2.0, 3.0, 4.0])).sum(), jnp.array([3.0, -1.0, 4.0, -2.0]))
    stats = rows(graph)
    assert stats["x"].value == pytest.approx(np.sqrt(30))
    assert stats["x"].gradient == pytest.approx(np.sqrt(1 + 9))
    assert (stats["relu"].value_zeros, stats["x"].gradient_zeros, stats["relu"].gradient_zeros) == (0.5, 0.5, 0.0)
    assert np.isnan(stats["constant"].gradient)
    assert stats["reduce_sum"].shape == ()
    assert all(row.finite for row in node_stats(graph))


def test_a_norm_is_finite_where_the_square_overflows_double_precision():
    for scale in (1e300, 1.0, 1e-300):
        np.testing.assert_allclose(norm(np.array([3.0, -4.0]) * scale), 5.0 * scale, rtol=1e-15)
    assert norm(np.array([np.inf, 1.0])) == np.inf
    assert np.isnan(norm(np.array([np.nan, 1.0])))
    assert norm(np.zeros((0, 2))) == 0.0
