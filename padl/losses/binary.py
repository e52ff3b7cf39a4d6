"""Losses of yes or no, one number for each question. bce, bce_with_logits, focal, multilabel_soft_margin."""

from typing import Annotated

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Num

from padl.losses import checks
from padl.losses.checks import poisoned
from padl.losses.plot_axes import LOGIT, LOGITS, PROBABILITY
from padl.losses.reduce import Array, Reduced, Reduction, Weights, alike, broadcast_weights, class_last, reduce
from padl.losses.stable_costs import focused_sigmoid_cost, sigmoid_cost
from padl.registry import loss
from padl.types import FRACTION, NON_NEGATIVE, Scalar


@loss(
    family="binary",
    targets="indicators",
    predictions="probabilities",
    range="[0, 100]",
    convex=True,
    elicits="the probability (strictly proper)",
    view=PROBABILITY,
    reference="Cox 1958, J. R. Stat. Soc. B 20(2); clamped as in torch.nn.BCELoss",
)
def bce(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    weight: Weights = None,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Binary cross entropy of a probability. For logits use `bce_with_logits`, which is exact.

        L(x, y) = -y log x - (1-y) log(1-x)      each log at least -100      dL/dx = (x-y) / max(x (1-x), 10⁻¹²)

    Args:
        predictions: probabilities x in [0, 1]. targets: y in [0, 1], of the same shape.
        weight: multiplies the values, and is broadcast to them from the last axes; it is not in the mean's denominator.
        validate: refuse what is outside [0, 1]. where, reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a prediction or target is outside [0, 1] or NaN. Under jit value and gradient are NaN instead.
    """
    x, y = alike(predictions, targets, where)
    oks = checks.both_probabilities(predictions, targets, where, validate)
    values = _weighted(_bce(poisoned(x, *oks), y), weight)
    return reduce(values, where=where, reduction=reduction)


def _weighted(values: jax.Array, weight: Weights) -> jax.Array:
    return values if weight is None else values * broadcast_weights(weight, values)


def _logs(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    return jnp.maximum(jnp.log(x), -100), jnp.maximum(jnp.log1p(-x), -100)


@jax.custom_jvp
def _bce(x: jax.Array, y: jax.Array) -> jax.Array:
    yes, no = _logs(x)
    return (y - 1) * no - y * yes


@_bce.defjvp
def _bce_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    yes, no = _logs(x)
    slope = (x - y) / jnp.maximum(x * (1 - x), 1e-12)
    return _bce(x, y), slope * dx + (no - yes) * dy


@loss(
    family="binary",
    targets="indicators",
    predictions="logits",
    range="[0, ∞)",
    convex=True,
    elicits="the probability (strictly proper)",
    view=LOGIT,
    reference="Cox 1958, J. R. Stat. Soc. B 20(2)",
)
def bce_with_logits(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    weight: Weights = None,
    pos_weight: Annotated[Scalar, NON_NEGATIVE._replace(search=(0.1, 10.0), scale="log")] | None = None,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Binary cross entropy of a logit. With one logit for each class, each class against the rest.

        L(x, y) = P y log(1 + e⁻ˣ) + (1-y) log(1 + eˣ)      dL/dx = σ(x) - y  where P = 1

    Args:
        predictions: logits x; ±∞ is certain. targets: y in [0, 1], of the same shape.
        weight: multiplies the values, and is broadcast to them from the last axes; it is not in the mean's denominator.
        pos_weight: P >= 0, how much a yes counts, a number or an array for the last axes; None is 1.
        validate: refuse targets outside [0, 1]. where, reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a target is outside [0, 1] or NaN. Under jit value and gradient are NaN instead.
    """
    x, y = alike(predictions, targets, where)
    x = poisoned(x, checks.probabilities(targets, where, validate))
    yes = y if pos_weight is None else y * broadcast_weights(pos_weight, y, "pos_weight")
    return reduce(_weighted(sigmoid_cost(x, yes, 1 - y), weight), where=where, reduction=reduction)


@loss(
    family="binary",
    targets="indicators",
    predictions="logits",
    range="[0, ∞)",
    convex=False,
    elicits="which is more probable, not its probability",
    view=LOGIT,
    reference="Lin et al. 2017, arXiv:1708.02002, eq. 5",
)
def focal(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    gamma: Annotated[Scalar, NON_NEGATIVE._replace(search=(0.0, 5.0))] = 2.0,
    alpha: Annotated[Scalar, FRACTION] | None = None,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Focal loss of a logit: binary cross entropy with less weight on what is predicted well already.

    For classes that exclude each other use `focal_softmax`.

        L(x, 1) = -α (1-p)^γ log p      L(x, 0) = -(1-α) p^γ log(1-p)      p = σ(x)

    Args:
        predictions: logits x. targets: y in [0, 1], of the same shape; between them L is y L(x, 1) + (1-y) L(x, 0).
        gamma: γ in [0, ∞); 0 is bce_with_logits. The gradient where p is right is 0, for γ < 1 too.
        alpha: α in [0, 1], the weight of a yes against a no; None leaves both at 1. The paper has 0.25.
        validate: refuse targets outside [0, 1]. where, reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a target is outside [0, 1] or NaN. Under jit value and gradient are NaN instead.
    """
    x, y = alike(predictions, targets, where)
    x = poisoned(x, checks.probabilities(targets, where, validate))
    yes, no = (y, 1 - y) if alpha is None else (alpha * y, (1 - alpha) * (1 - y))
    values = focused_sigmoid_cost(x, yes, no, jnp.asarray(gamma, x.dtype))
    return reduce(values, where=where, reduction=reduction)


@loss(
    family="binary",
    targets="indicators",
    predictions="logits",
    range="[0, ∞)",
    convex=True,
    elicits="the probability of each label (strictly proper)",
    view=LOGITS,
    reference="torch.nn.MultiLabelSoftMarginLoss",
)
def multilabel_soft_margin(
    predictions: Float[Array, "*batch classes"],
    targets: Num[Array, "*batch classes"],
    *,
    weight: Weights = None,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Several labels at once: `bce_with_logits` of each class, averaged over the classes of an example.

        L(x, y) = 1/C Σ_c w_c ( y_c log(1 + e^{-x_c}) + (1 - y_c) log(1 + e^{x_c}) )

    Args:
        predictions: logits x, C classes on the last axis. targets: y in [0, 1], of the same shape.
        weight: (classes,) w; None is 1 for all. It is not in the mean's denominator.
        validate: refuse targets outside [0, 1]. where: of the batch. reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a target is outside [0, 1] or NaN. Under jit value and gradient are NaN instead.
    """
    x, y = alike(class_last(jnp.asarray(predictions), -1), targets, where)
    x = poisoned(x, checks.probabilities(targets, where, validate))
    return reduce(_weighted(sigmoid_cost(x, y, 1 - y), weight).mean(-1), where=where, reduction=reduction)
