"""Attention whose largest logits an optimizer can read. MultiHeadAttention, LargestLogits."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx


class LargestLogits(nnx.Variable):
    """Of each head the largest attention logit of the last batch, (heads,), float32."""


class MultiHeadAttention(nnx.MultiHeadAttention):
    """`flax.nnx.MultiHeadAttention` that records the largest logit of each head, as the wrapper `qk_clip` reads it.

        S = max over the batch, queries i and keys j that i may attend to of qᵢ·kⱼ / √d

    A layer of another kind does so with a `LargestLogits` of its own called `largest_logits`, beside its `query` and
    `key`. It costs the product of queries and keys once more where XLA does not share it with the attention.
    """

    def __init__(self, num_heads: int, in_features: int, **settings: Any):
        self.largest_logits = LargestLogits(jnp.zeros(num_heads, jnp.float32))
        super().__init__(num_heads, in_features, **settings)

    @property
    def attention_fn(self) -> Callable[..., jax.Array]:
        """What the base attends by: the function that it was given, after a look at the logits."""
        return partial(self._recorded, self.attend)

    @attention_fn.setter
    def attention_fn(self, function: Callable[..., jax.Array]) -> None:
        self.attend = function

    def _recorded(
        self,
        attend: Callable[..., jax.Array],
        query: jax.Array,
        key: jax.Array,
        value: jax.Array,
        mask: jax.Array | None = None,
        is_causal: bool = False,
        **settings: Any,
    ) -> jax.Array:
        q, k = jax.lax.stop_gradient((query, key))
        self.largest_logits[...] = largest_logits(q, k, mask, is_causal)
        return attend(query, key, value, mask=mask, is_causal=is_causal, **settings)


def largest_logits(query: jax.Array, key: jax.Array, mask: jax.Array | None, is_causal: bool) -> jax.Array:
    """Compute of each head the largest logit, (heads,), float32; -∞ of a head that may attend to nothing.

    Args:
        query: (..., queries, heads, d). key: (..., keys, heads or a divisor of these, d).
        mask: (..., heads or 1, queries, keys), True where attention may be. is_causal: only to keys up to its place.
    """
    key = jnp.repeat(key, query.shape[-2] // key.shape[-2], axis=-2)
    logits = jnp.einsum("...qhd,...khd->...hqk", query, key, preferred_element_type=jnp.float32)
    logits = logits / jnp.sqrt(jnp.float32(query.shape[-1]))
    allowed = jnp.broadcast_to(True if mask is None else mask.astype(bool), logits.shape)
    seen = jnp.where(jnp.tril(allowed) if is_causal else allowed, logits, -jnp.inf)
    return seen.max([axis for axis in range(seen.ndim) if axis != seen.ndim - 3])
