"""Elementary functions without a library call for each number: right to a few units of the last place."""

import jax
import numpy as np
import pytest

from padl.optimizers.elementary import angle, cube_root


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_cube_root_is_right_to_three_units_of_the_last_place(dtype):
    least, most = np.log10([np.finfo(dtype).tiny, np.finfo(dtype).max])
    x = np.logspace(least + 1e-3, most - 1e-3, 20_000).astype(dtype)
    with jax.enable_x64(dtype is np.float64):
        root = np.asarray(jax.jit(cube_root)(x))
        edges = np.asarray(jax.jit(cube_root)(np.array([0, np.inf, np.nan, 1e-40], dtype)))
    np.testing.assert_allclose(root, np.cbrt(x.astype(np.longdouble)).astype(np.float64), rtol=3 * np.finfo(dtype).eps)
    np.testing.assert_allclose(edges, [0, np.inf, np.nan, np.cbrt(1e-40) if dtype is np.float64 else 0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_angle_is_right_to_four_units_of_the_last_place(dtype):
    """Of quotients of every size; NumPy's float64 has half a unit of its own."""
    rng = np.random.default_rng(0)
    quotients = np.concatenate([np.logspace(-30, 30, 4000), np.linspace(0, 4, 4001)])
    x = 10.0 ** rng.uniform(-3, 3, quotients.size)
    y, x = (quotients * x * rng.choice([-1, 1], x.size)).astype(dtype), x.astype(dtype)
    with jax.enable_x64(dtype is np.float64):
        ours = np.asarray(jax.jit(angle)(y, x))
    exact = np.arctan2(y.astype(np.float64), x.astype(np.float64))
    np.testing.assert_allclose(ours, exact, rtol=4 * np.finfo(dtype).eps)


def test_an_angle_of_zeros_infinities_and_nan_is_that_of_the_library():
    ends = np.float32([0, 1, 1e30, np.inf, np.nan])
    y, x = (v.ravel() for v in np.meshgrid(np.concatenate([ends, -ends]), ends))
    ours, exact = np.asarray(jax.jit(angle)(y, x)), np.arctan2(y, x)
    np.testing.assert_allclose(ours, exact, rtol=5e-7)
    np.testing.assert_array_equal(np.signbit(ours[~np.isnan(exact)]), np.signbit(exact[~np.isnan(exact)]))
