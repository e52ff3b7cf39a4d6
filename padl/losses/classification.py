"""Losses of logits against classes. bce_with_logits, cross_entropy."""

import jax
import jax.numpy as jnp
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Num

from padl.losses.reduce import Reduced, Reduction, floating, masked, reduce, same_shape
from padl.registry import loss
from padl.types import PadlError


@loss(family="classification", targets="indicators", reference="Cox 1958, J. R. Stat. Soc. B 20(2)")
def bce_with_logits(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Binary cross entropy of a logit: the surprise at a yes or no. With one logit a class it is one against the rest.

        L(x, y) = y log(1 + e⁻ˣ) + (1-y) log(1 + eˣ)      dL/dx = σ(x) - y

    Args:
        predictions: logits x.
        targets: y in [0, 1], of the same shape.
        where, reduction: see `padl.losses.reduce`.
    """
    x, y = floating(predictions, "predictions"), jnp.asarray(targets)
    same_shape(x, y)
    x, y = masked(x, where), masked(y, where).astype(x.dtype)
    # two terms >= 0: nothing cancels where the prediction is right
    value = weighed(y, jax.nn.softplus(-x)) + weighed(1 - y, jax.nn.softplus(x))
    return reduce(value, where=where, reduction=reduction)


@loss(family="classification", targets="labels", reference="Shannon 1948; Good 1952, J. R. Stat. Soc. B 14(1)")
def cross_entropy(
    predictions: Float[Array, "*batch classes"],
    targets: Num[Array, "..."],
    *,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Cross entropy of a softmax: the surprise, in nats, at the class that came.

        L(x, y) = -Σ_c y_c log softmax(x)_c      dL/dx = softmax(x) - y

    Args:
        predictions: logits x, the classes on the last axis.
        targets: labels in 0 .. classes-1, of the shape without that axis; or probabilities y, of the same shape.
        where: of the shape of the labels. reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a label is outside its range. Under jit, where nothing can raise, value and gradient are NaN instead.
    """
    x, y = floating(predictions, "predictions"), jnp.asarray(targets)
    x = masked(x, where)
    if jnp.issubdtype(y.dtype, jnp.floating):
        same_shape(x, y)
        y = masked(y, where).astype(x.dtype)
        value = weighed(y, -jax.nn.log_softmax(x)).sum(-1)
    else:
        y = checked_labels(masked(y, where), x.shape)
        right = jax.nn.one_hot(y, x.shape[-1], dtype=bool)
        value = _surprise(x, right) * jnp.where(
            right.any(-1), 1.0, jnp.nan
        )  # a product, so that the gradient is NaN too
    return reduce(value, where=where, reduction=reduction)


def weighed(y: jax.Array, surprise: jax.Array) -> jax.Array:
    """y times the surprise. What never comes does not surprise: 0 * inf is 0."""
    return y * jnp.where((y == 0) & jnp.isinf(surprise), 0, surprise)


def checked_labels(y: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Labels that fit logits of this shape; PadlError with the first that does not, where values are known."""
    if y.shape != shape[:-1]:
        raise PadlError(f"labels of shape {y.shape} do not fit logits of shape {shape}: expected {shape[:-1]}")
    if not isinstance(y, Tracer) and (bad := jnp.argwhere((y < 0) | (y >= shape[-1]))).size:
        at = tuple(int(i) for i in bad[0])
        raise PadlError(f"label {int(y[at])} at {at} is outside 0 .. {shape[-1] - 1}")
    return y


@jax.custom_jvp
def _surprise(x: jax.Array, right: jax.Array) -> jax.Array:
    """-log softmax(x)_y by log1p of what the other classes weigh: exact where it is tiny (4e-8 is not 0).

    x: logits (*batch, classes). right: True at the class that came, the same shape.
    """
    ahead = jnp.where(right, -jnp.inf, x - jnp.where(right, x, 0).sum(-1, keepdims=True))  # x_c - x_y
    m = jnp.maximum(ahead.max(-1), 0)
    m = jnp.where(jnp.isinf(m), 0, m)  # an infinite loss is left to the sum: inf - inf would be NaN
    return m + jnp.log1p(jnp.exp(ahead - m[..., None]).sum(-1) + jnp.expm1(-m))


@_surprise.defjvp
def _surprise_jvp(primals, tangents):
    (x, right), (dx, _) = primals, tangents
    others = jnp.where(right, 0, jax.nn.softmax(x))
    gradient = jnp.where(right, -others.sum(-1, keepdims=True), others)  # softmax(x) - y: finite where the loss is not
    return _surprise(x, right), (gradient * dx).sum(-1)
