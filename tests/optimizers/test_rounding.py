"""Slots in bfloat16: rounding at random keeps the mean, and with it what rounding to the nearest loses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl import optimizers
from padl.optimizers.rounding import stochastically_rounded
from padl.types import PadlError

DRAWS = 20_000
FINE = 1 / 128  # the distance of two neighbours in bfloat16 between 1 and 2


@pytest.mark.parametrize("x", [1 + 0.3 * FINE, -(1 + 0.3 * FINE), 1.9 + 0.011 * FINE, 3e-30, 1e-40, 1e30])
def test_a_number_is_rounded_to_either_neighbour_and_the_mean_is_kept(x):
    x = np.float32(x)
    rounded = jax.jit(stochastically_rounded)(np.full(DRAWS, x), jax.random.key(0))
    rounded = np.asarray(rounded).astype(np.float64)
    low, high = np.unique(rounded)
    assert low < x < high
    assert np.nextafter(jnp.bfloat16(low), jnp.bfloat16(np.inf)) == jnp.bfloat16(high)
    p = (x - low) / (high - low)
    sigma = (high - low) * np.sqrt(p * (1 - p) / DRAWS)
    assert abs(rounded.mean() - x) < 4 * sigma


def test_what_bfloat16_holds_stays_and_so_do_infinity_and_nan():
    held = np.array([0.0, -0.0, 1.0, -1.5, 2.0**-126, 3.0e38, np.inf, -np.inf, np.nan, -np.nan], jnp.bfloat16)
    many = np.tile(held, (100, 1))
    rounded = np.asarray(jax.jit(stochastically_rounded)(many.astype(np.float32), jax.random.key(0)))
    np.testing.assert_array_equal(rounded[:, :8].view(np.uint16), many[:, :8].view(np.uint16))
    assert np.isnan(rounded[:, 8:].astype(np.float32)).all()


@pytest.mark.parametrize("dtype", ["bfloat16", "bfloat16_stochastic"])
def test_a_scan_keeps_slots_in_the_dtype_they_have(dtype):
    tx = optimizers.adan(mu_dtype=dtype, nu_dtype=dtype)
    params = {"a": jnp.ones(3), "b": jnp.ones((2, 2), jnp.bfloat16)}

    def step(state, key):
        return tx.update(params, state, params, key=key)[1], None

    state, _ = jax.jit(lambda s: jax.lax.scan(step, s, jax.random.split(jax.random.key(0), 3)))(tx.init(params))
    dtypes = {name: {x.dtype.name for x in jax.tree.leaves(slot)} for name, slot in state.slots._asdict().items()}
    assert dtypes == {"m": {"bfloat16"}, "v": {"bfloat16"}, "n": {"bfloat16"}, "g": {"float32"}}


def test_random_rounding_follows_the_course_of_float32_where_the_nearest_stands_still():
    steps, width = 2_000, 512
    rules = [optimizers.adam(b2=0.999, nu_dtype=dtype) for dtype in (None, "bfloat16_stochastic", "bfloat16")]
    g = jnp.ones(width)

    def step(states, key):
        return [tx.update(g, state, g, key=key)[1] for tx, state in zip(rules, states, strict=True)], None

    keys = jax.random.split(jax.random.key(0), steps)
    states, _ = jax.jit(lambda s: jax.lax.scan(step, s, keys))([tx.init(g) for tx in rules])
    exact, stochastic, nearest = (np.asarray(state.slots.nu, np.float64) for state in states)
    np.testing.assert_allclose(exact, 1 - 0.999**steps, rtol=1e-3)  # 0.865
    # Each step adds at most 2⁻⁸ / 2 of noise, 1/(1 - b2²) of them count: σ = 0.04 for one, 0.002 for the mean of 512.
    assert abs(stochastic.mean() - exact.mean()) < 0.01
    assert stochastic.std() < 0.08
    assert nearest.max() < 0.3  # 1e-3 of what is left is less than half the distance of two neighbours


def test_random_rounding_without_random_numbers_says_what_to_pass():
    tx = optimizers.adam(mu_dtype="bfloat16_stochastic")
    g = jnp.ones(2)
    with pytest.raises(PadlError, match=r"call update\(grads, state, params, key=\.\.\.\)"):
        tx.update(g, tx.init(g), g)


def test_no_two_slots_arrays_or_steps_share_their_random_numbers():
    tx = optimizers.adam(b1=0.5, b2=0.5, mu_dtype="bfloat16_stochastic", nu_dtype="bfloat16_stochastic")
    g = {"a": jnp.full(64, 1 + 1.4 * FINE), "b": jnp.full(64, 1 + 1.4 * FINE)}  # m and v both between neighbours
    slots_after = jax.jit(lambda key: tx.update(g, tx.init(g), g, key=key)[1].slots)
    after = [slots_after(jax.random.key(seed)) for seed in (0, 0, 1)]
    up = [np.asarray(x) > np.asarray(x).min() for slots in after[1:] for x in (*slots.mu.values(), *slots.nu.values())]
    assert all(x.any() for x in up)
    assert len({x.tobytes() for x in up}) == len(up)
    jax.tree.map(np.testing.assert_array_equal, after[0], after[1])
