"""Losses of one right partner among many wrong ones. info_nce, nt_xent, siglip.

Every example is also a wrong partner of the others, so the micro-batches of such a loss are not the whole batch; with
the keys given whole and the queries in parts `info_nce` is.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Integer

from padl.losses import checks
from padl.losses.checks import poisoned
from padl.losses.distances import unit
from padl.losses.plot_axes import CONTRAST
from padl.losses.reduce import Array, Reduced, Reduction, align, alike, check_mask, floating, masked, reduce
from padl.losses.stable_costs import softmax_cost
from padl.registry import loss
from padl.types import FINITE, POSITIVE, PadlError, Scalar

Temperature = Annotated[Scalar, POSITIVE._replace(search=(0.01, 1.0), scale="log")]


@loss(
    family="contrastive",
    targets="keys",
    predictions="embeddings",
    range="[0, ∞)",
    convex=False,
    view=CONTRAST,
    reference="van den Oord et al. 2018, arXiv:1807.03748, eq. 4; cosines: Wu et al. 2018, arXiv:1805.01978",
)
def info_nce(
    predictions: Float[Array, "queries features"],
    keys: Float[Array, "keys features"],
    targets: Integer[Array, " queries"] | None = None,
    *,
    temperature: Temperature = 0.07,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """InfoNCE: tell each query's own key from all other keys.

        L_i = -log softmax_j( cos(q_i, k_j) / τ )_{y_i}

    Args:
        predictions: queries q. keys: k, as many features; any length of either, a zero vector has cosine 0.
        targets: y, for each query the number of its key; None pairs them in their order, as many keys as queries.
        temperature: τ > 0.
        validate: refuse invalid numbers of keys.
        where: of the queries, and of their keys where they are paired; or (queries, keys): which keys each query
            chooses among. A query that may not choose its own is left out.
        reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a number of a key is outside 0 .. keys-1. Under jit value and gradient are NaN instead.
    """
    q, k = floating(predictions), floating(keys, "keys")
    if q.ndim != 2 or k.ndim != 2 or q.shape[1] != k.shape[1] or (targets is None and len(q) != len(k)):
        raise PadlError(f"queries of shape {q.shape} and keys of shape {k.shape} do not fit")
    y = jnp.arange(len(q)) if targets is None else jnp.asarray(targets)
    checks.label_shape(y, (len(q),), q.shape)
    allowed = _allowed(where, len(q), len(k), paired=targets is None)
    ok = checks.labels(y if targets is None else targets, len(k), allowed.any(-1), validate and targets is not None)
    right = jax.nn.one_hot(y, len(k), dtype=bool)
    kept = (allowed & right).any(-1)
    if ok is not None:
        kept |= allowed.any(-1) & ~ok
    cosines = unit(poisoned(masked(q, kept), ok)) @ unit(masked(k, allowed.any(0))).T
    logits = jnp.where(allowed | ~align(kept, allowed), cosines / temperature, -jnp.inf)
    return reduce(poisoned(softmax_cost(logits, right.astype(q.dtype)), ok), where=kept, reduction=reduction)


def _allowed(where: jax.Array | None, queries: int, keys: int, paired: bool) -> jax.Array:
    """(queries, keys): which keys each query chooses among."""
    check_mask(where)
    if where is None:
        return jnp.ones((queries, keys), bool)
    if where.shape == (queries, keys):
        return where
    if where.shape != (queries,):
        raise PadlError(f"where of shape {where.shape} masks neither {queries} queries nor their {keys} keys each")
    rows = jnp.broadcast_to(where[:, None], (queries, keys))
    return rows & rows.T if paired else rows


@loss(
    family="contrastive",
    targets="views",
    predictions="embeddings",
    range="[0, ∞)",
    convex=False,
    view=CONTRAST,
    reference="Chen et al. 2020, arXiv:2002.05709, eq. 1",
)
def nt_xent(
    predictions: Float[Array, "batch features"],
    others: Float[Array, "batch features"],
    *,
    temperature: Temperature = 0.5,
    where: Bool[Array, " batch"] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """NT-Xent of SimCLR: tell the other view of an example from all views of all examples.

        L_i = -log softmax_{j≠i}( cos(z_i, z_j) / τ )_{partner of i}      over the 2 N views z

    Args:
        predictions, others: embeddings of the first and the second view, of one shape.
        temperature: τ > 0.
        where: of the examples; a masked one is compared with no other.
        reduction: see `padl.losses.reduce`; "none" gives 2 N values, the first views' first.
    """
    a, b = alike(predictions, others, where, "predictions and others")
    n, z = len(a), jnp.concatenate([a, b])
    partner = jnp.roll(jnp.arange(2 * n), n)
    keep = jnp.ones(2 * n, bool) if where is None else jnp.concatenate([where, where])
    allowed = align(keep, jnp.empty((2 * n, 2 * n))) & keep[None, :] & ~jnp.eye(2 * n, dtype=bool)
    return info_nce(z, z, partner, temperature=temperature, validate=False, where=allowed, reduction=reduction)


@loss(
    family="contrastive",
    targets="views",
    predictions="embeddings",
    range="[0, ∞)",
    convex=False,
    view=CONTRAST,
    reference="Zhai et al. 2023, arXiv:2303.15343, algorithm 1",
)
def siglip(
    predictions: Float[Array, "batch features"],
    others: Float[Array, "batch features"],
    *,
    scale: Annotated[Scalar, POSITIVE._replace(search=(1.0, 100.0), scale="log")] = 10.0,
    bias: Annotated[Scalar, FINITE._replace(search=(-20.0, 0.0))] = -10.0,
    where: Bool[Array, " batch"] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """SigLIP: classify every combination of two examples by itself as a pair or not, without a softmax.

        L_i = -Σ_j log σ( z_ij (s cos(x_i, y_j) + b) )      z_ij = 1 for i = j, -1 otherwise

    Args:
        predictions, others: embeddings x and y of the pairs, of one shape.
        scale: s > 0, and bias: b; the paper learns both from these values on.
        where: of the pairs; a masked one is compared with no other.
        reduction: see `padl.losses.reduce`; one value for each x.
    """
    x, y = alike(predictions, others, where, "predictions and others")
    z = 2 * jnp.eye(len(x), dtype=x.dtype) - 1
    values = jax.nn.softplus(-z * (scale * (unit(x) @ unit(y).T) + bias))
    if where is not None:
        values = jnp.where(jnp.broadcast_to(where[None, :], values.shape), values, 0)
    return reduce(values.sum(-1), where=where, reduction=reduction)
