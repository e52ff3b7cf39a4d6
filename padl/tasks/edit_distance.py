"""Sequences of labels: read off frames, and how far one is from another. greedy, packed, edit_distance.

A sequence is a row of labels; -1 is no label, and may stand anywhere in it.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def greedy(frames: Float[Array, "batch frames classes"], lengths: Int[Array, " batch"]) -> Int[Array, "batch frames"]:
    """The labels that frames spell, each where it begins: the likeliest class, repeats once, class 0 (blank) left out.

    Args:
        frames: logits; class c > 0 is label c - 1. lengths: how many frames count.
    """
    best = frames.argmax(-1)
    before = jnp.pad(best[:, :-1], ((0, 0), (1, 0)))
    inside = jnp.arange(best.shape[1])[None, :] < lengths[:, None]
    return jnp.where((best != before) & inside, best - 1, -1)


def packed(labels: Int[Array, "batch n"]) -> Int[Array, "batch n"]:
    """The labels first, in their order, then -1."""
    return jnp.take_along_axis(labels, jnp.argsort(labels < 0, axis=1, stable=True), axis=1)


def edit_distance(a: Int[Array, "batch m"], b: Int[Array, "batch n"]) -> Int[Array, " batch"]:
    """How many labels must be inserted, removed or replaced to make a of b (Levenshtein 1966).

    A row of the table at a time, D(i, ·) from D(i-1, ·). What is inserted within a row is a running minimum:
    D(i, j) = min_k≤j ( c_k + j - k ), where c is what substitution and removal cost.

    Args:
        a: -1 anywhere. b: -1 behind its end only.
    """
    j = jnp.arange(b.shape[1] + 1)[None, :]
    first = jnp.broadcast_to(j, (b.shape[0], j.shape[1]))

    def row(before: jax.Array, label: jax.Array) -> tuple[jax.Array, None]:
        replaced = before[:, :-1] + (label[:, None] != b)
        removed = before + 1
        loss_sum = jnp.concatenate([removed[:, :1], jnp.minimum(replaced, removed[:, 1:])], axis=1)
        now = j + jax.lax.cummin(loss_sum - j, axis=1)
        return jnp.where(label[:, None] >= 0, now, before), None

    last, _ = jax.lax.scan(row, first, a.T)
    ends = (b >= 0).sum(1, keepdims=True)
    return jnp.take_along_axis(last, ends, axis=1)[:, 0]
