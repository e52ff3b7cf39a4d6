"""Losses of the difference between two numbers. mse, mae, huber, smooth_l1, log_cosh, quantile, general_robust."""

from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num

from padl.losses.kinks import absolute
from padl.losses.reduce import Reduced, Reduction, alike, reduce
from padl.losses.views import RESIDUAL
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
    """Huber: half the square near 0, linear further out, so that an outlier pulls with a bounded force.

        L(a) = ½ a²  for |a| <= δ,   δ (|a| - ½ δ)  otherwise      a = prediction - target

    The gradient is a clipped to [-δ, δ], at |a| = δ too; the second derivative there is 1, that of the inside.

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
    """Exact at both ends: cosh² = 1 + sinh² where |a| - log 2 would cancel, |a| where cosh would overflow."""
    size = jnp.abs(a)
    near = jnp.log1p(jnp.sinh(jnp.minimum(size, 1)) ** 2) / 2
    far = size + jnp.log1p(jnp.exp(-2 * size)) - jnp.log(2.0).astype(a.dtype)
    return jnp.where(size < 1, near, far)


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
    decides="loss",
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
    """Quantile or pinball loss: too low costs q, too high 1-q, a unit; least at the value that a share q lies below.

        L(a) = (1-q) a  for a > 0,   -q a  for a < 0      a = prediction - target

    The gradient at a = 0 is 0: what is right is not moved.

    Args:
        predictions, targets: of one shape, in one unit; the loss is in it too.
        q: in [0, 1]; ½ is mae / 2.
        where, reduction: see `padl.losses.reduce`.
    """
    a = difference(predictions, targets, where)
    slope = jnp.where(a > 0, 1 - q, jnp.where(a < 0, -jnp.asarray(q, a.dtype), 0))
    return reduce(slope * a, where=where, reduction=reduction)


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
    """Barron's general robust loss: one number α goes from the square over Charbonnier and Cauchy to Welsch.

        L(a) = |α-2|/α ( (z/|α-2| + 1)^{α/2} - 1 )      z = (a / scale)²      a = prediction - target

    and its limits: ½ z at α = 2, log(½ z + 1) at α = 0, 1 - exp(-½ z) at α = -∞. Convex for α >= 1.

    Args:
        predictions, targets: of one shape, in one unit.
        alpha: α, any number or ±∞; the lower, the less an outlier pulls. 1 is Charbonnier's.
        scale: > 0, in that unit: within it the loss is about ½ z whatever α.
        where, reduction: see `padl.losses.reduce`.
    """
    r = absolute(difference(predictions, targets, where) / scale)
    return reduce(_robust(r, jnp.asarray(alpha, r.dtype)), where=where, reduction=reduction)


def _robust(r: jax.Array, alpha: jax.Array) -> jax.Array:
    """b/α (e^{αu/2} - 1) with u = log(1 + r²/b), b = |α-2|: exact at α = 0, where (e^x - 1)/x is 1; limits by name."""
    square, infinite = alpha == 2, jnp.isinf(alpha)
    a = jnp.where(square | infinite, 1, alpha)
    b = jnp.abs(a - 2)
    x = a * (u := _log_of_square(r, b)) / 2
    some = jnp.where(x == 0, 1, x)
    share = jnp.where(x == 0, 1 + x / 2, jnp.expm1(some) / some)
    z = jnp.where(infinite, r, 0) ** 2  # the branch that is not taken must not overflow
    welsch = jnp.sign(alpha) * jnp.expm1(jnp.sign(alpha) * z / 2)
    return jnp.where(square, jnp.where(square, r, 0) ** 2 / 2, jnp.where(infinite, welsch, b * u / 2 * share))


def _log_of_square(r: jax.Array, b: jax.Array) -> jax.Array:
    """log(1 + r²/b), for an r whose square overflows too."""
    far = r > 1e6
    near, distant = jnp.where(far, 0, r), jnp.where(far, r, 1)
    return jnp.where(far, 2 * jnp.log(distant) - jnp.log(b) + jnp.log1p(b / distant / distant), jnp.log1p(near**2 / b))
