"""Adam with one second moment for a block of parameters. adam_mini."""

from typing import Literal

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.moments import Moments
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import Scalar, ScalarOrSchedule

Partition = Literal["arrays", "rows", "columns"]


@optimizer(
    family="adam",
    reference="Zhang et al. 2024, arXiv:2406.16793, algorithm 1",
    other_shapes={"nu": "one number for each block"},
)
def adam_mini(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    partition: Partition = "arrays",
    mu_dtype: StateDtype = None,
) -> Transformation:
    """Adam-mini: AdamW with one v for a block of parameters, which is nearly half of its memory.

        m = b1 m + (1-b1) g      v = b2 v + (1-b2) mean(g²), of one block      θ -= η (m̂ / (√v̂ + eps) + λ θ)

    m̂, v̂ are corrected as in `adam`. The paper's blocks are the parameters whose second derivatives are of one size: a
    token of an embedding, an output neuron of a matrix, a head of queries or keys, all of a norm's scale; every bias is
    a block of its own. One partition for all arrays is weaker than theirs: `optimizer.groups` gives embeddings and
    heads their own, and a head of queries or keys that is no row and no column of its array cannot be had.

    Args:
        learning_rate, b1, b2, eps, mu_dtype: as in `adam`. weight_decay, decay_kind: as in `adamw`.
        partition: arrays, one block for each array, which the authors warn may be unstable for Transformers; rows, one
            for each index of the first axis (a token of an embedding); columns, for each of the last (an output of a
            dense kernel). A vector has by rows, and by columns, a block for each element, as Adam.
    """

    def init(p):
        return Moments(mu=jnp.zeros_like(p), nu=mean_over_blocks(jnp.zeros_like(p), partition))

    def direction(g, s, p, t):
        mu = b1 * s.mu + (1 - b1) * g
        nu = b2 * s.nu + (1 - b2) * mean_over_blocks(g**2, partition)
        return mu / (1 - b1**t) / (jnp.sqrt(nu / (1 - b2**t)) + eps), Moments(mu, nu)

    return descend(leafwise(init, direction, dtypes={"mu": mu_dtype}), learning_rate, Decay(weight_decay, decay_kind))


def mean_over_blocks(x: jax.Array, partition: Partition) -> jax.Array:
    """Average over each block of an array: of as many axes, those within a block of length 1; 0 of an empty block."""
    kept = {"arrays": (), "rows": (0,), "columns": (x.ndim - 1,)}[partition]
    axes = tuple(axis for axis in range(x.ndim) if axis not in kept)
    size = 1
    for axis in axes:
        size *= x.shape[axis]
    return jnp.sum(x, axes, keepdims=True) / max(size, 1)
