"""Which rows a step takes: bijections, epochs without replacement, the same at every resume, and no pattern to see."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from padl.data.batches import ROUNDS, draw, permute

KEY = jax.random.key(0)


def round_keys(seed, *shape):
    return jax.random.bits(jax.random.key(seed), (*shape, ROUNDS))


@cache
def drawn(rows, batch):
    """draw(key, step) for an array of steps, compiled."""
    return jax.jit(jax.vmap(lambda key, step: draw(key, step, rows, batch), (None, 0)))


@cache
def permuted(size, seed, count):
    """`count` permutations of 0 .. size-1, a row each."""
    return np.asarray(jax.jit(jax.vmap(lambda keys: permute(keys, jnp.arange(size), size)))(round_keys(seed, count)))


# All small sizes; then some about k² and k(k+1), where the factors a and b of the network change.
SIZES = sorted({*range(1, 43), *(k * (k + e) + d for k in (7, 10, 16) for e in (0, 1) for d in (0, 1)), 299, 300})


def test_every_size_is_permuted_onto_itself():
    keys = round_keys(1)
    with jax.disable_jit():  # and in one shape, so that nothing compiles again for each size
        for size in SIZES:
            index = np.minimum(np.arange(300), size - 1)
            seen = np.asarray(permute(keys, jnp.asarray(index), size))[:size]
            assert sorted(seen) == list(range(size)), size


@pytest.mark.parametrize("size", [60_000, 65_536, 65_537, 1_000_003])
def test_large_sizes_are_permuted_onto_themselves(size):
    seen = np.asarray(jax.jit(lambda keys: permute(keys, jnp.arange(size), size))(round_keys(2)))
    assert (np.bincount(seen, minlength=size) == 1).all()


def test_other_keys_permute_otherwise():
    assert len({tuple(p) for p in permuted(30, 3, 6000).tolist()}) == 6000


@pytest.mark.parametrize(("rows", "batch"), [(12, 4), (13, 4), (10, 9)])
def test_an_epoch_takes_no_row_twice(rows, batch):
    per_epoch = rows // batch
    epochs = np.asarray(drawn(rows, batch)(KEY, jnp.arange(3 * per_epoch))).reshape(3, per_epoch * batch)
    for epoch in epochs:
        assert len(set(epoch)) == per_epoch * batch
        assert set(epoch) <= set(range(rows))
    assert len({tuple(e) for e in epochs.tolist()}) == 3


def test_the_rows_an_epoch_leaves_out_differ_from_epoch_to_epoch():
    epochs = np.asarray(drawn(10, 9)(KEY, jnp.arange(200)))
    left_out = 45 - epochs.sum(1)
    assert set(left_out) == set(range(10))


def test_a_batch_of_all_rows_takes_them_in_order():
    np.testing.assert_array_equal(draw(KEY, jnp.asarray(3), 5, 5), np.arange(5))


def test_a_step_depends_on_key_and_number_alone():
    steps = jnp.array([5, 0, 41])
    together = np.asarray(drawn(100, 8)(KEY, steps))
    for i, rows in enumerate(together):
        np.testing.assert_array_equal(drawn(100, 8)(KEY, jnp.full(3, steps[i]))[0], rows)
    other = np.asarray(drawn(100, 8)(jax.random.key(1), steps))
    assert (other != together).any(axis=1).all()


def test_members_with_keys_of_their_own_draw_as_each_would_alone():
    keys = jax.random.split(KEY, 3)
    steps = jnp.array([5, 0, 41])
    together = jax.vmap(drawn(100, 8), (0, None))(keys, steps)
    for key, rows in zip(keys, together, strict=True):
        np.testing.assert_array_equal(drawn(100, 8)(key, steps), rows)


# Uniformity. Seeds are fixed, so that a test passes or fails for ever; of good permutations one in 10^4 would fail.

SIGNIFICANCE = 1e-4


@pytest.mark.parametrize("size", [5, 12, 30])
def test_every_row_comes_equally_often_at_every_place(size):
    for at_place in permuted(size, 3, 6000).T:
        assert stats.chisquare(np.bincount(at_place, minlength=size)).pvalue > SIGNIFICANCE


def test_a_rows_neighbour_in_the_epoch_may_be_any_other_row():
    size = 12
    rows = permuted(size, 3, 6000)
    apart = (rows[:, 1:] - rows[:, :-1]) % size  # 1 .. size-1, each pair of places in turn
    for place in range(size - 1):
        assert stats.chisquare(np.bincount(apart[:, place], minlength=size)[1:]).pvalue > SIGNIFICANCE


def test_every_order_of_four_rows_comes_equally_often():
    orders = np.unique(permuted(4, 5, 4800), axis=0, return_counts=True)[1]
    assert len(orders) == 24
    assert stats.chisquare(orders).pvalue > SIGNIFICANCE


def test_an_epoch_of_many_rows_shows_no_trend():
    size = 10_000
    seen = np.asarray(jax.jit(lambda keys: permute(keys, jnp.arange(size), size))(round_keys(6)))
    assert stats.spearmanr(np.arange(size), seen).pvalue > SIGNIFICANCE
    quarters = np.histogram2d(np.arange(size), seen, bins=4)[0]
    assert stats.chisquare(quarters.ravel(), ddof=6).pvalue > SIGNIFICANCE
