"""Masks, weights and means of losses. Nothing else in PADL reduces a loss.

`where` keeps an example (or element) in; what it leaves out cannot reach the value or the gradient, even as NaN,
because it is replaced before the loss is computed. "sum_and_count" is the exact form for accumulation over
micro-batches and devices: add the sums, add the counts, divide once.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num

from padl.types import PadlError

Reduction = Literal["mean", "sum", "none", "sum_and_count"]
Reduced = jax.Array | tuple[jax.Array, jax.Array]  # the pair is that of "sum_and_count"


def reduce(
    values: Float[Array, "*values"],
    *,
    where: Bool[Array, "..."] | None = None,
    weights: Float[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Reduce the values of a loss.

    Args:
        values: one number for each example or element, float32 or float64.
        where: keep; broadcasts to `values` from the left, so a mask of examples masks all elements of each.
        weights: multiply the values and are what "mean" divides by; without them it divides by the number kept.
        reduction: "mean" of nothing is 0 with gradient 0 (torch gives NaN); "none" gives 0 where masked.

    Returns:
        A scalar, for "none" an array like `values`, for "sum_and_count" the pair of scalars (sum, count).
    """
    counts = jnp.ones_like(values) if weights is None else jnp.broadcast_to(weights, values.shape).astype(values.dtype)
    if weights is not None:
        values = values * counts
    if where is not None:
        keep = align(where, values)
        values, counts = jnp.where(keep, values, 0), jnp.where(keep, counts, 0)
    if reduction == "none":
        return values
    total = values.sum()
    if reduction == "sum":
        return total
    count = jnp.asarray(values.size, values.dtype) if where is None and weights is None else counts.sum()
    if reduction == "sum_and_count":
        return total, count
    if reduction == "mean":
        return mean(total, count)
    raise PadlError(f"reduction={reduction!r} is none of mean, sum, none, sum_and_count")


def mean(total: jax.Array, count: jax.Array) -> jax.Array:
    """total / count, and 0 with gradient 0 where the count is 0."""
    return total / jnp.where(count == 0, jnp.inf, count)


def align(where: jax.Array, like: jax.Array) -> jax.Array:
    """A mask of leading axes -> a mask of all axes of `like`; PadlError where it fits no leading axes."""
    if where.shape != like.shape[: where.ndim]:
        raise PadlError(f"where of shape {where.shape} masks no leading axes of {like.shape}")
    return jnp.broadcast_to(where.reshape(where.shape + (1,) * (like.ndim - where.ndim)), like.shape)


def masked(x: Num[Array, "..."], where: Bool[Array, "..."] | None) -> Num[Array, "..."]:
    """`x` with 0 for what `where` leaves out: the loss of it is finite, and no gradient reaches it."""
    return x if where is None else jnp.where(align(where, x), x, 0)


def floating(x: Any, what: str) -> Float[Array, "..."]:
    """`x` in at least float32, so that half precision neither rounds nor overflows a loss; integers raise."""
    x = jnp.asarray(x)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise PadlError(f"{what} must be real numbers, not {x.dtype.name}: convert with .astype(jnp.float32)")
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def same_shape(predictions: jax.Array, targets: jax.Array) -> None:
    """Raises PadlError unless the shapes are equal: (3,) against (3, 1) would broadcast to (3, 3) in silence."""
    if predictions.shape != targets.shape:
        raise PadlError(f"predictions of shape {predictions.shape} and targets of shape {targets.shape} must be alike")
