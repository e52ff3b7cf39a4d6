"""Losses of the order of two scores. margin_ranking."""

from typing import Annotated

from jaxtyping import Bool, Float, Num

from padl.losses import checks
from padl.losses.checks import poisoned
from padl.losses.plot_axes import ORDER
from padl.losses.reduce import Array, Reduced, Reduction, alike, reduce
from padl.losses.subgradients import at_least_0
from padl.registry import loss
from padl.types import FINITE, Scalar


@loss(
    family="ranking",
    targets="order",
    predictions="scores",
    range="[0, ∞)",
    convex=True,
    view=ORDER,
    reference="Herbrich et al. 2000, Large Margin Rank Boundaries; torch.nn.MarginRankingLoss",
)
def margin_ranking(
    predictions: Float[Array, "*pairs"],
    others: Float[Array, "*pairs"],
    targets: Num[Array, "*pairs"],
    *,
    margin: Annotated[Scalar, FINITE._replace(search=(0.0, 2.0))] = 0.0,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Margin ranking: the score of the better one is to exceed the other's by the margin.

        L(x, x', y) = max(0, -y (x - x') + m)

    At the kink the gradient is -y in x and y in x': that of the wrong order.

    Args:
        predictions, others: scores x and x' of pairs, of one shape.
        targets: y = 1 where x is to be the larger, -1 where x' is.
        margin: m, in the unit of the scores.
        validate: refuse targets that are neither. where, reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a target is neither -1 nor 1. Under jit value and gradient are NaN instead.
    """
    x, other = alike(predictions, others, where, "predictions and others")
    _, y = alike(predictions, targets, where)
    ahead = y * poisoned(x - other, checks.signs(targets, where, validate))
    return reduce(at_least_0(margin - ahead), where=where, reduction=reduction)
