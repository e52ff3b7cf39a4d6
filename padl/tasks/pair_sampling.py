"""Who is compared with whom in a batch, drawn at random: the arguments of a loss of embeddings, by its word for them.

A way turns embeddings (batch, features), their labels (batch,) and which of them are real into a loss's arguments, and
`where`. An example that finds no partner in its batch is masked.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from padl.losses.distances import norm
from padl.tasks.loss_inputs import Words
from padl.types import Key


class LossCall(NamedTuple):
    """How a loss is called: its arguments, and what it keeps."""

    arguments: tuple[jax.Array, ...]
    where: jax.Array


class Partners(NamedTuple):
    """For each example of a batch one of its class and one of another: their numbers, and whether there are any.

    Attributes:
        same_class: (batch, batch) True for real examples of one class, an example itself among them.
    """

    positive: jax.Array
    negative: jax.Array
    has_positive: jax.Array
    has_negative: jax.Array
    same_class: jax.Array
    real: jax.Array


def draw(key: Key, labels: jax.Array, real: jax.Array) -> Partners:
    """Partners of each example, each of those that there are as likely as the others."""
    n = len(labels)
    both = real[:, None] & real[None, :]
    alike = labels[:, None] == labels[None, :]
    chances = jax.random.uniform(key, (2, n, n), jnp.float32)
    of_class, others = both & alike & ~jnp.eye(n, dtype=bool), both & ~alike
    positive, negative = (jnp.where(some, u, -1).argmax(1) for some, u in zip((of_class, others), chances, strict=True))
    return Partners(positive, negative, of_class.any(1), others.any(1), both & alike, real)


def triplets(key: Key, embeddings: jax.Array, partners: Partners) -> LossCall:
    """Anchor, positive, negative."""
    chosen = (embeddings, embeddings[partners.positive], embeddings[partners.negative])
    return LossCall(chosen, partners.has_positive & partners.has_negative)


def pairs(key: Key, embeddings: jax.Array, partners: Partners) -> LossCall:
    """Each example with another, for about half of them of its class: 1, or -1."""
    alike = jax.random.bernoulli(key, jnp.float32(0.5), partners.real.shape)
    other = jnp.where(alike, partners.positive, partners.negative)
    there = jnp.where(alike, partners.has_positive, partners.has_negative)
    return LossCall((embeddings, embeddings[other], jnp.where(alike, 1, -1)), there)


def distances(key: Key, embeddings: jax.Array, partners: Partners) -> LossCall:
    """As `pairs`, but how far apart the two are, and 1 or -1."""
    (a, b, alike), there = pairs(key, embeddings, partners)
    return LossCall((norm(a - b, 2.0), alike), there)


def keys(key: Key, embeddings: jax.Array, partners: Partners) -> LossCall:
    """Each example is a query, another of its class its key; it chooses among that and all of other classes."""
    own_key = jax.nn.one_hot(partners.positive, len(embeddings), dtype=bool) & partners.has_positive[:, None]
    others = partners.real[:, None] & partners.real[None, :] & ~partners.same_class
    return LossCall((embeddings, embeddings, partners.positive), own_key | others)


def views(key: Key, embeddings: jax.Array, partners: Partners) -> LossCall:
    """Each example and another of its class, as two views of one thing; all others count as another thing."""
    return LossCall((embeddings, embeddings[partners.positive]), partners.has_positive)


WAYS: Mapping[Words, Callable[[Key, jax.Array, Partners], LossCall]] = {
    Words("triplets", "embeddings"): triplets,
    Words("pairs", "embeddings"): pairs,
    Words("keys", "embeddings"): keys,
    Words("views", "embeddings"): views,
    Words("signs", "distances"): distances,
}
