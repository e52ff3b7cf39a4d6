"""Losses of the difference between two numbers. mse, mae, huber, smooth_l1, log_cosh, quantile, general_robust."""

from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Num

from padl.losses.plot_axes import RESIDUAL
from padl.losses.reduce import Array, Reduced, Reduction, alike, reduce
from padl.losses.subgradients import absolute
from padl.registry import loss
from padl.types import NON_NEGATIVE, Domain, Scalar


def difference(predictions: jax.Array, targets: jax.Array, where: jax.Array | None) -> jax.Array:
    """a = prediction - target, in float32 at least; 0 where masked."""
    x, y = alike(predictions, targets, where)
    return x - y


@loss(
    family="regression",
    targets="values",
    predictions="values",
    range="[0, ∞)",
    convex=True,
    elicits="the mean",
    view=RESIDUAL,
    reference="Legendre 1805; Gauss 1809",
)
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


@loss(
    family="regression",
    targets="values",
    predictions="values",
    range="[0, ∞)",
    convex=True,
    elicits="the median",
    view=RESIDUAL,
    reference="Laplace 1774",
)
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
    return reduce(absolute(a), where=where, reduction=reduction)


@loss(
    family="regression",
    targets="values",
    predictions="values",
    range="[0, ∞)",
    convex=True,
    elicits="a point between the median and the mean",
    view=RESIDUAL,
    reference="Huber 1964, Ann. Math. Stat. 35(1)",
)
def huber(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    delta: Scalar = 1.0,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Huber: half the square near 0, linear further out, so that outliers have a bounded gradient.

        L(a) = ½ a²  for |a| <= δ,   δ (|a| - ½ δ)  otherwise      a = prediction - target

    The gradient is a clipped to [-δ, δ], at |a| = δ too; the second derivative there is 1, as inside.

    Args:
        predictions, targets: of one shape, in one unit.
        delta: δ in (0, ∞], in that unit. ∞ is mse / 2.
        where, reduction: see `padl.losses.reduce`.
    """
    a = difference(predictions, targets, where)
    return reduce(_huber(a, jnp.asarray(delta, a.dtype)), where=where, reduction=reduction)


@jax.custom_jvp
def _huber(a: jax.Array, delta: jax.Array) -> jax.Array:
    size = jnp.abs(a)
    return jnp.where(size <= delta, a * a / 2, delta * (size - delta / 2))


@_huber.defjvp
def _huber_jvp(primals, tangents):
    """dL/da = a clipped, dL/dδ = what the clipping takes off."""
    (a, delta), (da, ddelta) = primals, tangents
    inside = jnp.abs(a) <= delta
    slope = jnp.where(inside, a, jnp.where(a > 0, delta, -delta))
    return _huber(a, delta), slope * da + jnp.where(inside, 0, jnp.abs(a) - delta) * ddelta


@loss(
    family="regression",
    targets="values",
    predictions="values",
    range="[0, ∞)",
    convex=True,
    elicits="a point between the median and the mean",
    view=RESIDUAL,
    reference="Girshick 2015, arXiv:1504.08083, eq. 3",
)
def smooth_l1(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    beta: Annotated[Scalar, NON_NEGATIVE._replace(search=(0.01, 10.0), scale="log")] = 1.0,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Smooth L1: mae with its kink rounded off, which is huber / β.

        L(a) = ½ a² / β  for |a| < β,   |a| - ½ β  otherwise      a = prediction - target

    The gradient is a / β clipped to [-1, 1]. With β = 0 it is that of mae, 0 at a = 0.

    Args:
        predictions, targets: of one shape, in one unit.
        beta: β in [0, ∞), in that unit. 0 is mae.
        where, reduction: see `padl.losses.reduce`.
    """
    a = difference(predictions, targets, where)
    inside = jnp.abs(a) < beta
    near, width = jnp.where(inside, a, 0), jnp.where(inside, beta, 1)
    return reduce(jnp.where(inside, near**2 / width / 2, absolute(a) - beta / 2), where=where, reduction=reduction)


@loss(
    family="regression",
    targets="values",
    predictions="values",
    range="[0, ∞)",
    convex=True,
    elicits="a point between the median and the mean",
    view=RESIDUAL,
    reference="Green 1990, IEEE Trans. Med. Imaging 9(1)",
)
def log_cosh(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Logarithm of the hyperbolic cosine: half the square near 0, |a| - log 2 far out, smooth everywhere.

        L(a) = log cosh a      dL/da = tanh a      a = prediction - target

    Args:
        predictions, targets: of one shape; the unit matters, since the bend lies at 1.
        where, reduction: see `padl.losses.reduce`.
    """
    return reduce(_log_cosh(difference(predictions, targets, where)), where=where, reduction=reduction)


@jax.custom_jvp
def _log_cosh(a: jax.Array) -> jax.Array:
    """-½ log(1 - tanh² a) below 1, where |a| - log 2 would cancel, and |a| + log(1 + e^{-2|a|}) - log 2 above."""
    size = jnp.abs(a)
    below = jnp.expm1(-2 * size)  # e^{-2|a|} - 1
    near = size < 1
    logarithm = jnp.log1p(jnp.where(near, -((below / (2 + below)) ** 2), below + 1))
    return jnp.where(near, -logarithm / 2, size + (logarithm - jnp.log(2.0).astype(a.dtype)))


@_log_cosh.defjvp
def _log_cosh_jvp(primals, tangents):
    (a,), (da,) = primals, tangents
    return _log_cosh(a), jnp.tanh(a) * da


@loss(
    family="regression",
    targets="values",
    predictions="values",
    range="[0, ∞)",
    convex=True,
    elicits="the q-quantile",
    judged_by="loss",
    view=RESIDUAL,
    reference="Koenker & Bassett 1978, Econometrica 46(1)",
)
def quantile(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    q: Annotated[Scalar, Domain(0.0, 1.0, search=(0.05, 0.95))] = 0.5,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Quantile or pinball loss: a unit too low costs q, a unit too high 1-q. Its minimum is the q-quantile.

        L(a) = (1-q) a  for a > 0,   -q a  for a < 0      a = prediction - target

    The gradient at a = 0 is 0.

    Args:
        predictions, targets: of one shape, in one unit; the loss is in it too.
        q: in [0, 1]; ½ is mae / 2.
        where, reduction: see `padl.losses.reduce`.
    """
    a = difference(predictions, targets, where)
    return reduce(_pinball(a, jnp.asarray(q, a.dtype)), where=where, reduction=reduction)


@jax.custom_jvp
def _pinball(a: jax.Array, q: jax.Array) -> jax.Array:
    return jnp.where(a > 0, (1 - q) * a, -q * a)


@_pinball.defjvp
def _pinball_jvp(primals, tangents):
    (a, q), (da, dq) = primals, tangents
    slope = jnp.where(a > 0, 1 - q, jnp.where(a < 0, -q, 0))
    return _pinball(a, q), slope * da - a * dq


@loss(
    family="regression",
    targets="values",
    predictions="values",
    range="[0, ∞)",
    convex=False,
    elicits="for alpha < 1 a mode, for alpha = 2 the mean",
    view=RESIDUAL,
    reference="Barron 2019, arXiv:1701.03077, eq. 1",
)
def general_robust(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    alpha: Annotated[Scalar, Domain(search=(-2.0, 2.0))] = 1.0,
    scale: Annotated[Scalar, Domain(0.0, low_open=True, high_open=True, search=(0.1, 10.0), scale="log")] = 1.0,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Barron's general robust loss: α chooses between the square, Charbonnier, Cauchy and Welsch.

        L(a) = |α-2|/α ( (z/|α-2| + 1)^{α/2} - 1 )      z = (a / scale)²      a = prediction - target

    and its limits: ½ z at α = 2, log(½ z + 1) at α = 0, 1 - exp(-½ z) at α = -∞. Convex for α >= 1.

    Args:
        predictions, targets: of one shape, in one unit.
        alpha: α, any number or ±∞; the lower, the less an outlier pulls. 1 is Charbonnier's.
        scale: > 0, in that unit: within it the loss is about ½ z whatever α.
        where, reduction: see `padl.losses.reduce`.
    """
    r = difference(predictions, targets, where) / scale
    return reduce(_robust(r, jnp.asarray(alpha, r.dtype)), where=where, reduction=reduction)


def _robust(r: jax.Array, alpha: jax.Array) -> jax.Array:
    """b/α (e^{αu/2} - 1) with u = log(1 + r²/b), b = |α-2|; limits by name. No branch that is not taken overflows."""
    square, infinite, zero = alpha == 2, jnp.isinf(alpha), alpha == 0
    a = jnp.where(square | infinite | zero, 1, alpha)
    b = jnp.where(zero, 2, jnp.abs(a - 2))
    u = _log_of_square(jnp.where(square | infinite, 0, r), b)
    welsch = jnp.sign(alpha) * jnp.expm1(jnp.sign(alpha) * jnp.where(infinite, r, 0) ** 2 / 2)
    limit = jnp.where(square, jnp.where(square, r, 0) ** 2 / 2, jnp.where(infinite, welsch, u))
    return jnp.where(square | infinite | zero, limit, b / a * jnp.expm1(jnp.where(zero, 0, a * u / 2)))


@jax.custom_jvp
def _log_of_square(r: jax.Array, b: jax.Array) -> jax.Array:
    """log(1 + r²/b), for an r whose square overflows too."""
    far = jnp.abs(r) > 1e17
    logarithm = jnp.log1p(jnp.where(far, jnp.abs(r), r * r / b))
    return jnp.where(far, 2 * logarithm - jnp.log(b), logarithm)


@_log_of_square.defjvp
def _log_of_square_jvp(primals, tangents):
    (r, b), (dr, db) = primals, tangents
    far = jnp.abs(r) > 1e17
    x = jnp.where(far, 1, r)
    denominator = b + x * x
    to_r = jnp.where(far, 2 / jnp.where(far, r, 1), 2 * x / denominator)
    to_b = -jnp.where(far, 1 / b, x * x / denominator / b)
    return _log_of_square(r, b), to_r * dr + to_b * db
