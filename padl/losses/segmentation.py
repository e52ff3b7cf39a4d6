"""Losses of how far two regions overlap, one number a picture. dice, tversky."""

from typing import Annotated

import jax.numpy as jnp
from jaxtyping import Bool, Float, Num

from padl.losses import checks
from padl.losses.checks import poisoned
from padl.losses.plot_axes import OVERLAP
from padl.losses.reduce import Array, Reduced, Reduction, align, alike, reduce
from padl.registry import loss
from padl.types import NON_NEGATIVE, PadlError, Scalar

Smooth = Annotated[Scalar, NON_NEGATIVE._replace(search=(0.0, 1.0))]
Cost = Annotated[Scalar, NON_NEGATIVE._replace(search=(0.1, 1.0))]


@loss(
    family="overlap",
    targets="indicators",
    predictions="probabilities",
    range="[0, 1]",
    convex=False,
    view=OVERLAP,
    reference="Milletari et al. 2016, arXiv:1606.04797 (linear denominator: Sudre et al. 2017, arXiv:1707.03237)",
)
def dice(
    predictions: Float[Array, "pictures ..."],
    targets: Num[Array, "pictures ..."],
    *,
    smooth: Smooth = 1.0,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Dice: 1 minus twice the overlap, divided by the sum of both regions. It is `tversky` with both costs ½.

        L(x, y) = 1 - (2 Σ x y + s) / (Σ x + Σ y + s)

    Args:
        predictions: probabilities x in [0, 1], a picture on the first axis; the sums go over all others. For one number
            each class and picture, put both on the first axis.
        targets: y in [0, 1], of one shape.
        smooth: s >= 0, in pixels, so that an empty picture has a slope. With s = 0 empty against empty is 0.
        validate: refuse what is outside [0, 1]. where: of examples or pixels. reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a prediction or target is outside [0, 1] or NaN. Under jit value and gradient are NaN instead.
    """
    return tversky(
        predictions,
        targets,
        alpha=0.5,
        beta=0.5,
        smooth=smooth / 2,
        validate=validate,
        where=where,
        reduction=reduction,
    )


@loss(
    family="overlap",
    targets="indicators",
    predictions="probabilities",
    range="[0, 1]",
    convex=False,
    view=OVERLAP,
    reference="Salehi et al. 2017, arXiv:1706.05721, eq. 3",
)
def tversky(
    predictions: Float[Array, "pictures ..."],
    targets: Num[Array, "pictures ..."],
    *,
    alpha: Cost = 0.3,
    beta: Cost = 0.7,
    smooth: Smooth = 1.0,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Tversky: Dice with one cost for false positives and another for false negatives.

        L(x, y) = 1 - (T + s) / (T + α F + β M + s)      T = Σ x y,  F = Σ x (1-y),  M = Σ (1-x) y

    Args:
        predictions, targets, smooth, validate, where, reduction: as in `dice`.
        alpha: α >= 0, the cost of a false positive. beta: β >= 0, of a false negative.

    Raises:
        PadlError: a prediction or target is outside [0, 1] or NaN. Under jit value and gradient are NaN instead.
    """
    x, y = alike(predictions, targets, where)
    if x.ndim < 2:
        raise PadlError(f"predictions of shape {x.shape} have no pixels: (pictures, ...) expected, one as x[None]")
    x = poisoned(x, *checks.both_probabilities(predictions, targets, where, validate))
    pixels = tuple(range(1, x.ndim))
    keep = jnp.ones(x.shape, bool) if where is None else align(where, x)
    y, not_y = jnp.where(keep, y, 0), jnp.where(keep, 1 - y, 0)
    hit, false, missed = (x * y).sum(pixels), (x * not_y).sum(pixels), ((1 - x) * y).sum(pixels)
    wrong = alpha * false + beta * missed
    regions = hit + wrong + smooth
    values = jnp.where(regions == 0, 0, wrong / jnp.where(regions == 0, 1, regions))  # 1 - (T+s)/regions, uncancelled
    return reduce(values, where=keep.any(pixels), reduction=reduction)
