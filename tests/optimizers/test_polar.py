"""The orthogonal factor of a matrix: exactly, by polynomials, and on its Gram matrix."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl.optimizers.polar import polar_factor

RNG = np.random.default_rng(0)
SHAPES = [(4, 4), (3, 7), (7, 3), (1, 5), (5, 1), (1, 1)]
BOUNDS = {"newton_schulz": (0.68, 1.21), "polar_express": (0.999, 1.001)}  # of σ >= 0.05 ‖G‖; 5 and 8 iterations
ITERATIONS = {"newton_schulz": 5, "polar_express": 8}


def matrix(shape):
    """A matrix whose singular values are between 0.2 and 1."""
    u, _, vt = np.linalg.svd(RNG.standard_normal(shape), full_matrices=False)
    return (u * np.linspace(1, 0.2, min(shape))) @ vt


@pytest.mark.parametrize("shape", SHAPES)
def test_the_exact_factor_is_that_of_numpy(shape, x64):
    g = matrix(shape)
    u, _, vt = np.linalg.svd(g, full_matrices=False)
    np.testing.assert_allclose(polar_factor(jnp.asarray(g), "exact", 0), u @ vt, atol=1e-12)


@pytest.mark.parametrize("method", BOUNDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_polynomial_keeps_the_directions_and_takes_singular_values_near_1(method, shape, x64):
    g = matrix(shape)
    u, _, vt = np.linalg.svd(g, full_matrices=False)
    turned = u.T @ np.asarray(polar_factor(jnp.asarray(g), method, ITERATIONS[method])) @ vt.T
    values = np.diag(turned)
    np.testing.assert_allclose(turned, np.diag(values), atol=1e-10)
    low, high = BOUNDS[method]
    assert (values >= low).all()
    assert (values <= high).all()


@pytest.mark.parametrize("method", BOUNDS)
def test_on_the_gram_matrix_it_is_the_same_but_for_rounding(method, x64):
    g = jnp.asarray(matrix((3, 7)))
    plain, gram = (polar_factor(g, method, ITERATIONS[method], gram=each) for each in (False, True))
    np.testing.assert_allclose(gram, plain, atol=1e-11)


@pytest.mark.parametrize("method", ["newton_schulz", "polar_express", "exact"])
def test_neither_size_nor_zeros_make_it_other_than_finite(method):
    factor = jax.jit(lambda g: polar_factor(g, method, 5))
    g = np.float32(matrix((3, 4)))
    for size in (1e-30, 1e30):
        np.testing.assert_allclose(factor(size * g), factor(g), rtol=1e-4, atol=1e-5)  # float32 products
    np.testing.assert_array_equal(factor(0 * g), 0 * g)
    rank_one = factor(np.float32(np.outer([1, 2, 3], [1, -1, 0, 0])))
    assert np.isfinite(rank_one).all()
    assert np.linalg.matrix_rank(np.asarray(rank_one), tol=1e-2) == 1
    assert polar_factor(jnp.ones((0, 3)), method, 5).shape == (0, 3)


def badly_conditioned(shape):
    """A matrix whose singular values are between 0.001 and 1, as those of a gradient are."""
    u, _, vt = np.linalg.svd(RNG.standard_normal(shape), full_matrices=False)
    return (u * np.geomspace(1, 1e-3, min(shape))) @ vt


@pytest.mark.parametrize("method", BOUNDS)
def test_the_gram_matrix_of_a_badly_conditioned_long_matrix_costs_no_precision(method):
    g = np.float32(badly_conditioned((16, 100)))
    plain, gram = (polar_factor(g, method, ITERATIONS[method], gram=each) for each in (False, True))
    np.testing.assert_allclose(gram, plain, atol=1e-4)  # float32; all iterations on one Gram matrix: 1e-2


@pytest.mark.parametrize("gram", [False, True], ids=["products", "gram"])
@pytest.mark.parametrize("method", BOUNDS)
@pytest.mark.parametrize("shape", [(16, 16), (64, 256)])
def test_products_in_bfloat16_turn_the_factor_a_little_and_make_no_value_large(method, gram, shape):
    """At most 0.31 of the norm in 20 draws: 8 bits are a 0.004th of a number, and small values grow 3,000 times."""
    g = badly_conditioned(shape)
    factor = lambda dtype: np.asarray(polar_factor(jnp.asarray(g, dtype), method, ITERATIONS[method], gram), np.float32)  # noqa: E731
    half, single = factor("bfloat16"), factor("float32")
    assert np.linalg.norm(half - single) < 0.5 * np.linalg.norm(single)
    assert np.linalg.svd(half)[1].max() < 1.25
