"""Losses of one class among several: the surprise at what came. nll, cross_entropy, focal_softmax, poly, z_loss."""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Integer, Num

from padl.losses import checks
from padl.losses.checks import poisoned
from padl.losses.plot_axes import CLASSES, LOG_PROBABILITY
from padl.losses.reduce import (
    Array,
    Reduced,
    Reduction,
    Weights,
    both,
    broadcast_weights,
    class_last,
    floating,
    masked,
    reduce,
    same_shape,
)
from padl.losses.stable_costs import focused, softmax_cost
from padl.registry import loss
from padl.types import FRACTION, NON_NEGATIVE, Domain, PadlError, Scalar

CLASSIFIER = {"family": "classification", "targets": "labels", "range": "[0, ∞)", "view": CLASSES}


class Labelled(NamedTuple):
    """x: predictions, classes last, 0 where masked. right: True at each right class. weights: of the classes, in the
    shape of x, or None. where: what is kept. ok: what is a label."""

    x: jax.Array
    right: jax.Array
    weights: jax.Array | None
    where: jax.Array | None
    ok: checks.Ok

    @property
    def counts(self) -> jax.Array | None:
        """(*batch,): the weight of the right class; None without weights."""
        return None if self.weights is None else jnp.where(self.right, self.weights, 0).sum(-1)

    def weighted_mean(self, values: jax.Array, reduction: Reduction) -> Reduced:
        """Reduce values times the weights of the right classes; the mean divides by the sum of these."""
        counts = self.counts
        return self.reduce(values if counts is None else values * counts, counts, reduction)

    def reduce(self, values: jax.Array, counts: jax.Array | None, reduction: Reduction) -> Reduced:
        counts = None if counts is None else poisoned(counts, self.ok)
        return reduce(poisoned(values, self.ok), where=self.where, counts=counts, reduction=reduction)


def labelled(
    predictions: Any,
    targets: Any,
    where: jax.Array | None,
    *,
    weight: Weights = None,
    ignore_index: int | None = None,
    axis: int = -1,
    validate: bool = True,
) -> Labelled:
    """What every loss of labels begins with; what is masked or ignored may hold anything."""
    x = class_last(floating(predictions), axis)
    y = jnp.asarray(targets)
    checks.label_shape(y, x.shape[:-1], x.shape)
    if ignore_index is not None:
        where = both(where, y != ignore_index)
    ok = checks.labels(targets, x.shape[-1], where, validate)
    right = jax.nn.one_hot(masked(y, where), x.shape[-1], dtype=bool)
    return Labelled(
        poisoned(masked(x, where), ok), right, None if weight is None else broadcast_weights(weight, x), where, ok
    )


@loss(
    **CLASSIFIER | {"view": LOG_PROBABILITY, "range": "ℝ, [0, ∞) for log-probabilities"},
    predictions="log_probabilities",
    convex=True,
    elicits="the probabilities of the classes (proper)",
    reference="Fisher 1922, Phil. Trans. R. Soc. A 222",
)
def nll(
    predictions: Float[Array, "*batch classes"],
    targets: Integer[Array, "*batch"],
    *,
    weight: Weights = None,
    ignore_index: int | None = None,
    axis: int = -1,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Negative log-likelihood of log-probabilities, as log_softmax gives them. For logits use `cross_entropy`.

        L(x, y) = -w_y x_y

    Args:
        predictions: log-probabilities x. targets: labels in 0 .. classes-1, of the shape without the axis of classes.
        weight: (classes,) w; the mean divides by the sum of the w_y. None is 1 for all.
        ignore_index: a label that counts for nothing. axis: of the classes.
        validate: refuse invalid labels. where: of the shape of the labels. reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a label is outside its range. Under jit, where nothing can raise, value and gradient are NaN instead.
    """
    options = {"weight": weight, "ignore_index": ignore_index, "axis": axis, "validate": validate}
    examples = labelled(predictions, targets, where, **options)
    return examples.weighted_mean(-jnp.where(examples.right, examples.x, 0).sum(-1), reduction)


@loss(
    **CLASSIFIER,
    predictions="logits",
    convex=True,
    elicits="the probabilities of the classes (strictly proper)",
    reference="Shannon 1948; Good 1952, J. R. Stat. Soc. B 14(1); smoothing: Szegedy et al. 2016, arXiv:1512.00567",
)
def cross_entropy(
    predictions: Float[Array, "*batch classes"],
    targets: Num[Array, "..."],
    *,
    weight: Weights = None,
    ignore_index: int | None = None,
    label_smoothing: Annotated[Scalar, FRACTION._replace(search=(0.0, 0.3), off=0.0)] = 0.0,
    axis: int = -1,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Cross entropy of a softmax: minus the log-probability of the right class, in nats.

        L(x, y) = -Σ_c w_c y_c log softmax(x)_c      dL/dx = softmax(x) - y  without weights

    Args:
        predictions: logits x; -∞ rules a class out, and costs nothing where its y_c is 0.
        targets: labels in 0 .. classes-1, of the shape without the axis of classes; or probabilities y, real numbers in
            the shape of the predictions.
        weight: (classes,) w. With labels the mean divides by the sum of the w_y, with probabilities by their number.
        ignore_index: a label that counts for nothing.
        label_smoothing: ε in [0, 1]; y becomes (1-ε) y + ε/C, over the C classes whose logit is not -∞.
        axis: of the classes. validate: refuse invalid labels and probabilities.
        where: of the shape of the labels. reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a label or probability is outside its range. Under jit, where nothing can raise, value and gradient
            are NaN instead.
    """
    soft = jnp.issubdtype(jnp.asarray(targets).dtype, jnp.floating)
    if not soft:
        options = {"weight": weight, "ignore_index": ignore_index, "axis": axis, "validate": validate}
        examples = labelled(predictions, targets, where, **options)
        t = smoothed(examples.right.astype(examples.x.dtype), examples.x, label_smoothing)
        t = t if examples.weights is None else t * examples.weights
        return examples.reduce(softmax_cost(examples.x, t), examples.counts, reduction)
    if ignore_index is not None:
        raise PadlError(f"ignore_index={ignore_index} is for labels, and the targets are probabilities: use where=")
    x, y = floating(predictions), jnp.asarray(targets)
    same_shape(x, y)
    x, y = class_last(x, axis), class_last(y, axis)
    ok = checks.probabilities(targets if axis in (-1, x.ndim - 1) else y, where, validate)
    x, y = poisoned(masked(x, where), None if ok is None else ok.all(-1)), masked(y, where).astype(x.dtype)
    values = softmax_cost(x, smoothed(y, x, label_smoothing) * broadcast_weights(weight, x))
    return reduce(values, where=where, reduction=reduction)


def smoothed(y: jax.Array, x: jax.Array, epsilon: Scalar) -> jax.Array:
    """Probabilities with a share ε spread evenly over the classes that their logits x do not rule out."""
    possible = (x > -jnp.inf).astype(y.dtype)
    return (1 - epsilon) * y + epsilon * possible / jnp.maximum(possible.sum(-1, keepdims=True), 1)


@loss(
    **CLASSIFIER,
    predictions="logits",
    convex=False,
    elicits="the most probable class, not its probability",
    reference="Lin et al. 2017, arXiv:1708.02002, eq. 4, of a softmax",
)
def focal_softmax(
    predictions: Float[Array, "*batch classes"],
    targets: Integer[Array, "*batch"],
    *,
    gamma: Annotated[Scalar, NON_NEGATIVE._replace(search=(0.0, 5.0))] = 2.0,
    weight: Weights = None,
    ignore_index: int | None = None,
    axis: int = -1,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Focal loss of a softmax: cross entropy with less weight on what is predicted well already.

        L(x, y) = -w_y (1 - p)^γ log p      p = softmax(x)_y

    Args:
        predictions: logits x. targets, weight, ignore_index, axis, validate, where, reduction: as in `cross_entropy`.
        gamma: γ in [0, ∞); 0 is cross_entropy. The gradient at p = 1 is 0, for γ < 1 too.
    """
    options = {"weight": weight, "ignore_index": ignore_index, "axis": axis, "validate": validate}
    examples = labelled(predictions, targets, where, **options)
    u = softmax_cost(examples.x, examples.right.astype(examples.x.dtype))
    return examples.weighted_mean(focused(u, gamma), reduction)


@loss(
    **CLASSIFIER,
    predictions="logits",
    convex=False,
    elicits="the most probable class, not its probability",
    reference="Leng et al. 2022, arXiv:2204.12511, eq. 6",
)
def poly(
    predictions: Float[Array, "*batch classes"],
    targets: Integer[Array, "*batch"],
    *,
    epsilon: Annotated[Scalar, Domain(-1.0, high_open=True, search=(0.0, 4.0))] = 2.0,
    weight: Weights = None,
    ignore_index: int | None = None,
    axis: int = -1,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Poly-1: cross entropy with another first coefficient of its expansion in powers of 1 - p.

        L(x, y) = w_y ( -log p + ε (1 - p) )      p = softmax(x)_y

    Args:
        predictions: logits x. targets, weight, ignore_index, axis, validate, where, reduction: as in `cross_entropy`.
        epsilon: ε >= -1; 0 is cross_entropy, -1 has its first power removed.
    """
    options = {"weight": weight, "ignore_index": ignore_index, "axis": axis, "validate": validate}
    examples = labelled(predictions, targets, where, **options)
    u = softmax_cost(examples.x, examples.right.astype(examples.x.dtype))
    return examples.weighted_mean(u - epsilon * jnp.expm1(-u), reduction)  # 1 - p = 1 - e⁻ᵘ


@loss(
    **CLASSIFIER,
    predictions="logits",
    convex=False,
    elicits="the probabilities of the classes (strictly proper), at Σ e^x = 1",
    reference="Chowdhery et al. 2022, arXiv:2204.02311, section 5",
)
def z_loss(
    predictions: Float[Array, "*batch classes"],
    targets: Integer[Array, "*batch"],
    *,
    coefficient: Annotated[Scalar, NON_NEGATIVE._replace(search=(1e-6, 1e-1), scale="log")] = 1e-4,
    weight: Weights = None,
    ignore_index: int | None = None,
    axis: int = -1,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Cross entropy with a penalty on the normaliser, which keeps the logits from drifting away together.

        L(x, y) = w_y ( -log softmax(x)_y + c (log Z)² )      Z = Σ_c e^{x_c}

    Args:
        predictions: logits x. targets, weight, ignore_index, axis, validate, where, reduction: as in `cross_entropy`.
        coefficient: c >= 0; 0 is cross_entropy.
    """
    options = {"weight": weight, "ignore_index": ignore_index, "axis": axis, "validate": validate}
    examples = labelled(predictions, targets, where, **options)
    u = softmax_cost(examples.x, examples.right.astype(examples.x.dtype))
    return examples.weighted_mean(u + coefficient * jax.nn.logsumexp(examples.x, -1) ** 2, reduction)
