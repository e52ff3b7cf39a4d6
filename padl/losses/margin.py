"""Losses that ask for a margin. hinge, soft_margin, hinge_embedding; of labels multi_margin, multilabel_margin."""

from typing import Annotated, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Integer, Num

from padl.losses import checks
from padl.losses.checks import poisoned
from padl.losses.classification import labelled
from padl.losses.plot_axes import CLASSES, DISSIMILAR, MARGIN, SETS
from padl.losses.reduce import Array, Reduced, Reduction, Weights, alike, class_last, floating, masked, reduce
from padl.losses.subgradients import above_0, at_least_0
from padl.registry import loss
from padl.types import FINITE, Scalar

Margin = Annotated[Scalar, FINITE._replace(search=(0.1, 2.0))]


@loss(
    family="margin",
    targets="signs",
    predictions="scores",
    range="[0, ∞)",
    convex=True,
    elicits="the sign of what is more probable",
    view=MARGIN,
    reference="lecture; Cortes & Vapnik 1995, Machine Learning 20(3)",
)
def hinge(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    margin: Margin = 1.0,
    p: Literal[1, 2] = 1,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Hinge: 0 beyond the margin on the right side, and the distance to the margin otherwise.

        L(x, y) = max(0, m - y x)^p

    At the kink, y x = m, the gradient is that of the wrong side: -y for p = 1.

    Args:
        predictions: scores x. targets: y = -1 or 1, of the same shape. With one score a class: 1 for the right one.
        margin: m. p: 1, or 2 for the squared hinge, which has no kink.
        validate: refuse targets that are neither. where, reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a target is neither -1 nor 1. Under jit value and gradient are NaN instead.
    """
    x, y = alike(predictions, targets, where)
    x = poisoned(x, checks.signs(targets, where, validate))
    return reduce(at_least_0(margin - y * x) ** p, where=where, reduction=reduction)


@loss(
    family="margin",
    targets="signs",
    predictions="logits",
    range="[0, ∞)",
    convex=True,
    elicits="the probability, as a logit (strictly proper)",
    view=MARGIN,
    reference="torch.nn.SoftMarginLoss",
)
def soft_margin(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Soft margin, or logistic loss: a smooth hinge; `bce_with_logits` with targets ±1.

        L(x, y) = log(1 + e^{-y x})

    Args:
        predictions: logits x. targets: y = -1 or 1, of the same shape.
        validate: refuse targets that are neither. where, reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a target is neither -1 nor 1. Under jit value and gradient are NaN instead.
    """
    x, y = alike(predictions, targets, where)
    x = poisoned(x, checks.signs(targets, where, validate))
    return reduce(jax.nn.softplus(-y * x), where=where, reduction=reduction)


@loss(
    family="margin",
    targets="signs",
    predictions="distances",
    range="ℝ, [0, ∞) for distances",
    convex=True,
    view=DISSIMILAR,
    reference="torch.nn.HingeEmbeddingLoss",
)
def hinge_embedding(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    margin: Margin = 1.0,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Hinge of a distance: pull similar pairs together, and push dissimilar ones apart up to the margin.

        L(x, 1) = x      L(x, -1) = max(0, m - x)

    At the kink, x = m, the gradient is -1: that of the wrong side.

    Args:
        predictions: distances x of pairs. targets: y = 1 for similar, -1 for dissimilar, of the same shape.
        margin: m, in the unit of the distance.
        validate: refuse targets that are neither. where, reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a target is neither -1 nor 1. Under jit value and gradient are NaN instead.
    """
    x, y = alike(predictions, targets, where)
    x = poisoned(x, checks.signs(targets, where, validate))
    return reduce(jnp.where(y > 0, x, at_least_0(margin - x)), where=where, reduction=reduction)


@loss(
    family="margin",
    targets="labels",
    predictions="scores",
    range="[0, ∞)",
    convex=True,
    view=CLASSES,
    reference="Weston & Watkins 1999, ESANN; torch.nn.MultiMarginLoss",
)
def multi_margin(
    predictions: Float[Array, "*batch classes"],
    targets: Integer[Array, "*batch"],
    *,
    margin: Margin = 1.0,
    p: Literal[1, 2] = 1,
    weight: Weights = None,
    axis: int = -1,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Hinge of several classes: the score of the right class is to exceed every other by the margin.

        L(x, y) = w_y / C Σ_{c≠y} max(0, m - x_y + x_c)^p

    At the kink, a margin just reached, the gradient is 0.

    Args:
        predictions: scores x of C classes. targets: labels in 0 .. C-1, of the shape without the axis of classes.
        margin: m. p: 1 or 2. weight: (classes,) w; it is not in the mean's denominator. axis: of the classes.
        validate: refuse invalid labels. where: of the shape of the labels. reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a label is outside its range. Under jit value and gradient are NaN instead.
    """
    examples = labelled(predictions, targets, where, weight=weight, axis=axis, validate=validate)
    x, right = examples.x, examples.right
    of_right = jnp.where(right, x, 0).sum(-1, keepdims=True)
    behind = jnp.where(right, 0, above_0(margin - of_right + x) ** p).mean(-1)
    values = behind if examples.counts is None else behind * examples.counts
    return examples.reduce(values, None, reduction)


@loss(
    family="margin",
    targets="label_lists",
    predictions="scores",
    range="[0, ∞)",
    convex=True,
    view=SETS,
    reference="torch.nn.MultiLabelMarginLoss",
)
def multilabel_margin(
    predictions: Float[Array, "*batch classes"],
    targets: Integer[Array, "*batch classes"],
    *,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Hinge of several right classes at once: the score of each is to exceed that of every wrong one by 1.

        L(x, y) = 1/C Σ_j Σ_{c not in y} max(0, 1 - x_{y_j} + x_c)

    At the kink, a margin just reached, the gradient is 0.

    Args:
        predictions: scores x of C classes on the last axis.
        targets: the right labels of each example first, then -1; what stands behind the first -1 counts for nothing.
        validate: refuse labels outside -1 .. C-1. where: of the batch. reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a label is outside its range. Under jit value and gradient are NaN instead.
    """
    x, y = class_last(floating(predictions), -1), jnp.asarray(targets)
    checks.label_shape(y, x.shape, x.shape)
    ok = checks.labels(targets, x.shape[-1], where, validate, lowest=-1)
    x, y = poisoned(masked(x, where), None if ok is None else ok.all(-1)), masked(y, where, fill=-1.0)
    named = jnp.cumprod(y >= 0, -1).astype(bool)
    picked = jax.nn.one_hot(y, x.shape[-1], dtype=bool) & named[..., None]  # (*batch, j, classes)
    of_right = jnp.where(picked, x[..., None, :], 0).sum(-1)
    behind = above_0(1 - of_right[..., None] + x[..., None, :])
    counts = named[..., None] & ~picked.any(-2)[..., None, :]
    values = jnp.where(counts, behind, 0).sum((-2, -1)) / x.shape[-1]
    return reduce(poisoned(values, ok), where=where, reduction=reduction)
