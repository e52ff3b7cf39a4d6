"""The largest attention logits, as layers record them for optimizers that read them. LARGEST_LOGITS, over_parts.

A layer keeps it in an nnx.Variable of this name, beside its `query` and `key`, and writes it in every forward pass.
"""

from typing import Any

import jax
import jax.numpy as jnp

from padl.roles.role import parameter_name
from padl.types import PyTree

LARGEST_LOGITS = "largest_logits"  # (heads,): of each head, over the batch and all places that may be attended to


def records_logits(name: str) -> bool:
    """Tell whether an array of a model's state is the largest logits of a layer, by its dotted name."""
    return name.rpartition(".")[2] == LARGEST_LOGITS


def over_parts(before: PyTree, after: PyTree, first: Any) -> PyTree:
    """Return a model's state after a further part of a batch: the largest logits are those of all parts so far.

    Args:
        before, after: the state before this part and after it. first: whether it is the first part.
    """

    def joined(path: Any, old: jax.Array, new: jax.Array) -> jax.Array:
        return jnp.where(first, new, jnp.maximum(old, new)) if records_logits(parameter_name(path)) else new

    return jax.tree.map_with_path(joined, before, after)
