"""Losses of the difference between two numbers. mse, mae, huber."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num

from padl.losses.reduce import Reduced, Reduction, floating, masked, reduce, same_shape
from padl.registry import loss
from padl.types import Scalar


def difference(predictions: jax.Array, targets: jax.Array, where: jax.Array | None) -> jax.Array:
    """a = prediction - target, in float32 at least; 0 where masked."""
    predictions, targets = floating(predictions, "predictions"), jnp.asarray(targets)
    same_shape(predictions, targets)
    return masked(predictions, where) - masked(targets, where).astype(predictions.dtype)


@loss(family="regression", targets="values", reference="Legendre 1805; Gauss 1809")
def mse(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Mean squared error (L2).

        L(a) = a²      a = prediction - target

    Args:
        predictions, targets: of one shape, in one unit; the loss is in its square.
        where, reduction: see `padl.losses.reduce`.
    """
    a = difference(predictions, targets, where)
    return reduce(a**2, where=where, reduction=reduction)


@loss(family="regression", targets="values", reference="Laplace 1774")
def mae(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Mean absolute error (L1). Its gradient is sign(a), and 0 at a = 0.

        L(a) = |a|      a = prediction - target

    Args:
        predictions, targets: of one shape, in one unit; the loss is in it too.
        where, reduction: see `padl.losses.reduce`.
    """
    a = difference(predictions, targets, where)
    size = a * jax.lax.stop_gradient(jnp.sign(a))  # jnp.abs has the gradient 1 at 0
    return reduce(size, where=where, reduction=reduction)


@loss(family="regression", targets="values", reference="Huber 1964, Ann. Math. Stat. 35(1)")
def huber(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    delta: Scalar = 1.0,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Huber: half the square near 0, linear further out, so that an outlier pulls with a bounded force.

        L(a) = ½ a²  for |a| <= δ,   δ (|a| - ½ δ)  otherwise      a = prediction - target

    The gradient is a clipped to [-δ, δ], at |a| = δ too.

    Args:
        predictions, targets: of one shape, in one unit.
        delta: δ in (0, ∞], in that unit. ∞ is mse / 2.
        where, reduction: see `padl.losses.reduce`.
    """
    a = difference(predictions, targets, where)
    inside = jnp.abs(a) <= delta
    bound = jnp.where(inside, 0.0, delta)  # an infinite δ must not meet the branch that is not taken: 0 * inf is NaN
    q = jnp.where(inside, a, jnp.sign(a) * bound)
    return reduce(q * (a - q / 2), where=where, reduction=reduction)
