"""The clipping of a gradient against float64 NumPy, for gradients whose squares float32 cannot hold too."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl.optimizers.clipping import clip_by_global_norm

clip = jax.jit(clip_by_global_norm)


def numpy_clip(gradient, largest):
    """Pascanu et al. 2013, algorithm 1, in float64, where 3e38² is an ordinary number."""
    norm = np.sqrt(sum((np.asarray(g, np.float64) ** 2).sum() for g in gradient))
    return [np.asarray(g, np.float64) * (largest / norm if norm > largest else 1.0) for g in gradient]


@pytest.mark.parametrize("largest", [1.0, 1e-30, 1e25])
@pytest.mark.parametrize("scale", [1e38, 1e19, 1.0, 1e-19, 1e-30])
def test_a_gradient_of_any_size_is_scaled_to_the_norm_and_keeps_its_direction(scale, largest):
    gradient = [np.array([3.0, -1.0]) * scale, np.array([[0.5], [2.0]]) * scale]
    clipped = clip([jnp.asarray(g, jnp.float32) for g in gradient], jnp.float32(largest))
    for ours, expected in zip(clipped, numpy_clip(gradient, largest), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-6)  # some roundings of float32


def test_three_and_four_times_ten_to_the_nineteen_are_clipped_to_point_six_and_point_eight():
    np.testing.assert_allclose(clip(jnp.array([3e19, 4e19]), 1.0), [0.6, 0.8], rtol=1e-6)  # float32
    lanes = jax.vmap(clip_by_global_norm)(jnp.array([[3e19, 4e19], [3.0, 4.0], [0.3, 0.4]]), jnp.ones(3))
    np.testing.assert_allclose(lanes, [[0.6, 0.8], [0.6, 0.8], [0.3, 0.4]], rtol=1e-6)


def test_of_gradients_of_the_usual_size_the_bits_are_optaxs():
    gradient = [jax.random.normal(jax.random.key(i), (50, 30)) * 10.0**i for i in range(-3, 4)]
    theirs = jax.jit(lambda g, c: optax.clip_by_global_norm(c).update(g, optax.EmptyState())[0])
    for largest in (0.1, 1e9):
        for a, b in zip(clip(gradient, largest), theirs(gradient, largest), strict=True):
            np.testing.assert_array_equal(a, b)


def test_half_precision_is_added_up_in_float32_and_what_has_no_numbers_is_left():
    long, empty, half = clip([jnp.full(70_000, 1.0, jnp.float16), jnp.zeros((0, 3)), jnp.zeros(2, jnp.bfloat16)], 1.0)
    np.testing.assert_allclose(long, 70_000**-0.5, rtol=1e-3)  # float16; its own sum would end at 65,504
    assert (long.dtype, empty.shape, half.dtype) == (jnp.float16, (0, 3), jnp.bfloat16)
    assert clip({}, 1.0) == {}


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_gradient_that_is_not_finite_stays_so(bad):
    assert not np.isfinite(clip(jnp.array([bad, 1.0]), 1.0)[0])


def test_a_gradient_of_zeros_stays_zero():
    np.testing.assert_array_equal(clip(jnp.zeros(3), 1.0), 0)
