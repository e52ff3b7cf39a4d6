"""Which rows a step takes, as a pure function of (key, step): epochs without replacement, without a sort or a state.

An epoch is a pseudo-random permutation that is evaluated, not stored: O(1) work and memory for an index. It vmaps, and
a run resumes from its step number alone. Where the batch does not divide the rows, an epoch leaves out the remainder;
which rows these are differs from epoch to epoch.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from padl.types import Key

ROUNDS = 6


def draw(key: Key, step: Int[Array, ""], rows: int, batch: int) -> Int[Array, " batch"]:
    """Draw the row numbers of one step.

    Args:
        key: of the run's order. step: 0, 1, ... rows: how many there are. batch: in 1 .. rows; `rows` takes them all.
    """
    if batch == rows:
        return jnp.arange(rows, dtype=jnp.int32)
    steps_per_epoch = rows // batch
    epoch, turn = step // steps_per_epoch, step % steps_per_epoch
    keys = jax.random.bits(jax.random.fold_in(key, epoch), (ROUNDS,), jnp.uint32)
    return permute(keys, turn * batch + jnp.arange(batch, dtype=jnp.int32), rows)


def permute(keys: jax.Array, index: Int[Array, "*n"], size: int) -> Int[Array, "*n"]:
    """Permute 0 .. size-1 in an order chosen by `keys` (ROUNDS,) uint32, at these indices.

    A Feistel network on Z_a × Z_b, a b >= size (Black & Rogaway 2002, CT-RSA, section 5, with its cycle walking:
    what falls outside 0 .. size-1 is permuted again).
    """
    a = math.isqrt(size - 1) + 1
    b = -(-size // a)

    def once(x):
        left, right = x // b, x % b
        for i in range(0, ROUNDS, 2):
            left = (left + _scramble(right, keys[i]) % a) % a
            right = (right + _scramble(left, keys[i + 1]) % b) % b
        return left * b + right

    outside = lambda x: x >= size  # noqa: E731
    again = lambda x: jnp.where(outside(x), once(x), x)  # noqa: E731
    first = once(index.astype(jnp.uint32))
    return jax.lax.while_loop(lambda x: outside(x).any(), again, first).astype(jnp.int32)


def _scramble(x: jax.Array, key: jax.Array) -> jax.Array:
    """A 32-bit hash of x under a key: the finaliser of MurmurHash3 (Appleby 2011)."""
    x = x ^ key
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
