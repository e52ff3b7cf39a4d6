"""Losses of how far apart embeddings lie, two or three at a time. cosine_embedding, triplet_margin."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Num

from padl.losses import checks
from padl.losses.checks import poisoned
from padl.losses.distances import Power, cosine, norm
from padl.losses.plot_axes import ANGLE, TRIPLET
from padl.losses.reduce import Array, Reduced, Reduction, alike, class_last, masked, reduce, same_shape
from padl.losses.subgradients import at_least_0
from padl.registry import loss
from padl.types import NON_NEGATIVE, POSITIVE, Domain, Scalar

Distance = Callable[[jax.Array, jax.Array], jax.Array]  # of vectors on the last axis


@loss(
    family="embedding",
    targets="pairs",
    predictions="embeddings",
    range="[0, 2]",
    convex=False,
    view=ANGLE,
    reference="torch.nn.CosineEmbeddingLoss",
)
def cosine_embedding(
    predictions: Float[Array, "*batch features"],
    others: Float[Array, "*batch features"],
    targets: Num[Array, "*batch"],
    *,
    margin: Annotated[Scalar, Domain(-1.0, 1.0, search=(-0.5, 0.5))] = 0.0,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Cosine embedding: align similar pairs, and push dissimilar ones apart by the margin.

        L(a, b, 1) = 1 - cos(a, b)      L(a, b, -1) = max(0, cos(a, b) - m)

    A zero vector has cosine 0 with everything, and gradient 0; torch has a gradient of 10⁶ there. At the kink the
    gradient is that of the wrong side.

    Args:
        predictions, others: embeddings a and b on the last axis, of one shape.
        targets: 1 for similar, -1 for dissimilar, of the shape without that axis.
        margin: m in [-1, 1], a cosine.
        validate: refuse targets that are neither. where: of the batch. reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a target is neither -1 nor 1. Under jit value and gradient are NaN instead.
    """
    a, b = alike(class_last(jnp.asarray(predictions), -1), others, where, "predictions and others")
    y = jnp.asarray(targets)
    same_shape(a[..., 0], y, "pairs and targets")
    c = cosine(poisoned(a, checks.signs(targets, where, validate)), b)
    values = jnp.where(masked(y, where) > 0, 1 - c, at_least_0(c - margin))
    return reduce(values, where=where, reduction=reduction)


def _of_minkowski(values: Mapping[str, Any]) -> str:
    if values["distance"] != "minkowski" and (values["p"], values["eps"]) != (2.0, 0.0):
        return "p and eps are of distance=minkowski: leave them out"
    return ""


@loss(
    family="embedding",
    targets="triplets",
    predictions="embeddings",
    range="[0, ∞)",
    convex=False,
    view=TRIPLET,
    reference="Schroff et al. 2015, arXiv:1503.03832, eq. 2; swap: Balntas et al. 2016, BMVC",
    conflict=_of_minkowski,
)
def triplet_margin(
    predictions: Float[Array, "*batch features"],
    positives: Float[Array, "*batch features"],
    negatives: Float[Array, "*batch features"],
    *,
    margin: Annotated[Scalar, POSITIVE._replace(search=(0.1, 2.0))] = 1.0,
    p: Power = 2.0,
    eps: Annotated[Scalar, NON_NEGATIVE] = 0.0,
    swap: bool = False,
    distance: Literal["minkowski", "cosine"] | Distance = "minkowski",
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Triplet margin: pull an anchor nearer to its own class than to another, by the margin.

        L(a, p, n) = max(0, m + d(a, p) - d(a, n))

    The gradient of d is 0 where two points coincide. At the kink that of L is the one of the wrong side.

    Args:
        predictions, positives, negatives: embeddings a, p and n on the last axis, of one shape.
        margin: m > 0, a distance.
        p: of the L_p distance, in (0, ∞].
        eps: added to each coordinate of a difference. With torch's 10⁻⁶, d(a, a) is not 0.
        swap: let the positive stand in for the anchor where it is the nearer one to the negative.
        distance: minkowski, cosine (1 - cos), or from Python any function of two arrays.
        where: of the batch. reduction: see `padl.losses.reduce`.
    """
    a, positive = alike(class_last(jnp.asarray(predictions), -1), positives, where, "anchors and positives")
    _, negative = alike(predictions, negatives, where, "anchors and negatives")
    if distance == "minkowski":
        d: Distance = lambda x, y: norm(x - y + eps, p)  # noqa: E731
    else:
        d = (lambda x, y: 1 - cosine(x, y)) if distance == "cosine" else distance
    to_negative = d(a, negative)
    if swap:
        to_negative = jnp.minimum(to_negative, d(positive, negative))
    return reduce(at_least_0(margin + d(a, positive) - to_negative), where=where, reduction=reduction)
