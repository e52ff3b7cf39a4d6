"""The lecture's distances between two vectors, as losses. minkowski, manhattan, euclidean; norm, cosine beneath them.

Where two vectors coincide there is no slope, and the gradient is 0.
"""

from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Num

from padl.losses.plot_axes import DISTANCE
from padl.losses.reduce import Array, Reduced, Reduction, alike, class_last, masked, reduce
from padl.losses.subgradients import absolute
from padl.registry import loss
from padl.types import Domain, Scalar

Power = Annotated[Scalar, Domain(0.0, low_open=True, search=(1.0, 4.0))]


@jax.custom_jvp
def norm(d: jax.Array, p: jax.Array | float) -> jax.Array:
    """(Σ |d_i|^p)^{1/p} over the last axis, for p in (0, ∞]; scaled by the largest, so that 10²⁰ does not overflow.

    Gradient sign(d_i) (|d_i| / norm)^{p-1}: 0 at d = 0, and at a d_i = 0; for p = ∞ shared by the largest.
    """
    m, _, total = _scaled(d, p)
    return jnp.where(jnp.isinf(m), m, m * total ** (1 / p))[..., 0]


@norm.defjvp
def _norm_jvp(primals, tangents):
    (d, p), (dd, dp) = primals, tangents
    m, r, total = _scaled(d, p)
    some = jnp.where(r == 0, 1, r)
    to_d = jnp.where(r == 0, 0, jnp.sign(d) * _power(some, p - 1)) * total ** (1 / p - 1)
    log_mean = jnp.where(r == 0, 0, _power(some, p) * jnp.log(some)).sum(-1, keepdims=True) / total
    to_p = jnp.where(jnp.isinf(m) | jnp.isinf(p), 0, m * total ** (1 / p) * (log_mean - jnp.log(total) / p) / p)
    return norm(d, p), (to_d * dd).sum(-1) + to_p[..., 0] * dp


def _scaled(d: jax.Array, p: jax.Array | float) -> tuple[jax.Array, jax.Array, jax.Array]:
    """m = max |d|, r = |d| / m and Σ r^p, each with the last axis kept; r is 0 where m is."""
    size = absolute(d)
    m = jax.lax.stop_gradient(size.max(-1, keepdims=True))
    finite = jnp.where((m == 0) | jnp.isinf(m), 1, m)
    r = jnp.where(size == m, 1 + (size - m) / finite, size / finite)  # exactly 1: XLA may divide by a reciprocal
    r = jnp.where(jnp.isinf(m), (size == m).astype(r.dtype), jnp.where(m == 0, 0, r))
    return m, r, jnp.where(m == 0, 1, _power(r, p).sum(-1, keepdims=True))


def _power(r: jax.Array, p: jax.Array | float) -> jax.Array:
    """r^p for r in [0, 1], p = ∞ included."""
    return jnp.where(jnp.isinf(p), (r == 1).astype(r.dtype), r ** jnp.where(jnp.isinf(p), 1, p))


def cosine(a: jax.Array, b: jax.Array) -> jax.Array:
    """The cosine of the angle between vectors on the last axis; 0, with gradient 0, where one of them is 0."""
    return (unit(a) * unit(b)).sum(-1)


def unit(a: jax.Array) -> jax.Array:
    """a / |a| over the last axis; 0, with gradient 0, at 0. Scaled first: 10²⁰ and 10⁻²⁵ have a direction too."""
    m = jax.lax.stop_gradient(jnp.abs(a).max(-1, keepdims=True))
    scaled = jnp.where(m == 0, 0, a) / jnp.where(m == 0, 1, m)
    square = (scaled**2).sum(-1, keepdims=True)
    return scaled / jnp.sqrt(jnp.where(square == 0, 1, square))


@loss(
    family="distance",
    targets="values",
    predictions="values",
    range="[0, ∞)",
    convex=True,
    view=DISTANCE,
    reference="lecture; Minkowski 1896",
)
def minkowski(
    predictions: Float[Array, "*batch features"],
    targets: Num[Array, "*batch features"],
    *,
    p: Power = 2.0,
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """The L_p distance between two vectors: manhattan for p = 1, euclidean for p = 2, the largest difference for p = ∞.

        L(x, y) = ( Σ_i |x_i - y_i|^p )^{1/p}

    The gradient is 0 where x = y, and in a coordinate where x_i = y_i. For p < 1 it is no distance, and not convex.

    Args:
        predictions, targets: of one shape, in one unit; the loss is in it too.
        p: in (0, ∞]. axis: of the coordinates.
        where: of the batch. reduction: see `padl.losses.reduce`.
    """
    return reduce(norm(separation(predictions, targets, axis, where), p), where=where, reduction=reduction)


@loss(
    family="distance",
    targets="values",
    predictions="values",
    range="[0, ∞)",
    convex=True,
    view=DISTANCE,
    reference="lecture",
)
def manhattan(
    predictions: Float[Array, "*batch features"],
    targets: Num[Array, "*batch features"],
    *,
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """The Manhattan or city-block distance between two vectors: `minkowski` with p = 1.

        L(x, y) = Σ_i |x_i - y_i|

    The gradient is sign(x_i - y_i), 0 where x_i = y_i.

    Args:
        predictions, targets, axis, where, reduction: as in `minkowski`.
    """
    d = separation(predictions, targets, axis, where)
    return reduce(absolute(d).sum(-1), where=where, reduction=reduction)


@loss(
    family="distance",
    targets="values",
    predictions="values",
    range="[0, ∞)",
    convex=True,
    view=DISTANCE,
    reference="lecture",
)
def euclidean(
    predictions: Float[Array, "*batch features"],
    targets: Num[Array, "*batch features"],
    *,
    axis: int = -1,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """The Euclidean distance between two vectors: `minkowski` with p = 2.

        L(x, y) = √( Σ_i (x_i - y_i)² )

    The gradient is the unit vector from y to x, and 0 where x = y.

    Args:
        predictions, targets, axis, where, reduction: as in `minkowski`.
    """
    d = separation(predictions, targets, axis, where)
    return reduce(norm(d, 2.0), where=where, reduction=reduction)


def separation(x: jax.Array, y: jax.Array, axis: int, where: jax.Array | None) -> jax.Array:
    """x - y with the coordinates on the last axis, 0 where masked."""
    x, y = alike(x, y, None)
    return masked(class_last(x - y, axis), where)
