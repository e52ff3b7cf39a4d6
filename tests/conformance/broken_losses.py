"""Losses with one mistake each: {check: what it is to catch}."""

import jax
import jax.numpy as jnp
from broken import Broken
from jax.core import Tracer

from padl.losses.checks import label_shape, labels, poisoned
from padl.losses.reduce import alike, floating, masked, reduce
from padl.types import Scalar

OF_VALUES = {"targets": "values", "predictions": "values", "range": "[0, ∞)"}
OF_LABELS = {"targets": "labels", "predictions": "logits"}


def always_a_mean(predictions, targets):
    return jnp.mean((predictions - targets) ** 2)


def sum_is_a_mean(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    return reduce((x - y) ** 2, where=where, reduction="mean" if reduction == "sum" else reduction)


def masks_too_late(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, None)
    return reduce((x - y) ** 2, where=where, reduction=reduction)


def divides_by_nothing(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    found = reduce((x - y) ** 2, where=where, reduction="sum_and_count" if reduction == "mean" else reduction)
    return found[0] / found[1] if reduction == "mean" else found


def takes_any_mask(predictions, targets, *, where=None, reduction="mean"):
    where = None if where is None else jnp.asarray(where).astype(bool)
    x, y = alike(predictions, targets, where)
    return reduce((x - y) ** 2, where=where, reduction=reduction)


def counts_once(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    values = (x - y) ** 2
    if reduction == "sum_and_count":
        return reduce(values, where=where), jnp.ones((), values.dtype)
    return reduce(values, where=where, reduction=reduction)


@jax.custom_batching.custom_vmap
def _squared(a):
    return a**2


@_squared.def_vmap
def _doubled(axis_size, is_batched, a):
    return 2 * a**2, True


def batched_otherwise(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    squared = _squared if reduction == "sum_and_count" and where is None else jnp.square
    return reduce(squared(x - y), where=where, reduction=reduction)


def traced_otherwise(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    return reduce((x - y) ** 2 * (1 if isinstance(x, Tracer) else 2), where=where, reduction=reduction)


def gives_half(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    found = reduce((x - y) ** 2, where=where, reduction=reduction)
    return found.astype("float16") if predictions.dtype == jnp.float16 else found


def subtracts_in_half(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    a = (x.astype(predictions.dtype) - y.astype(predictions.dtype)).astype(x.dtype)
    return reduce(a**2, where=where, reduction=reduction)


def constant_number(predictions, targets, *, scale: float = 1.0, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    return reduce(scale * (x - y) ** 2, where=where, reduction=reduction)


def branches(predictions, targets, *, scale: Scalar = 1.0, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    return reduce((scale if scale > 0.1 else 0.1) * (x - y) ** 2, where=where, reduction=reduction)


def ignores_its_number(predictions, targets, *, scale: Scalar = 1.0, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    return reduce((x - y) ** 2, where=where, reduction=reduction)


def _surprise(x, y, where, reduction, *oks):
    right = jax.nn.one_hot(y, x.shape[-1], dtype=x.dtype)
    values = -(right * jax.nn.log_softmax(poisoned(x, *oks))).sum(-1)
    return reduce(poisoned(values, *oks), where=where, reduction=reduction)


def takes_any_label(predictions, targets, *, where=None, reduction="mean"):
    x = masked(floating(predictions), where)
    label_shape(targets, x.shape[:1], x.shape)
    valid = (targets >= 0) & (targets < x.shape[-1])
    keep = valid if where is None else valid | ~where
    return _surprise(x, targets, where, reduction, keep)


def forgets_labels_when_compiled(predictions, targets, *, where=None, reduction="mean"):
    label_shape(targets, predictions.shape[:1], predictions.shape)
    labels(targets, predictions.shape[-1], where, validate=True)
    return _surprise(masked(floating(predictions), where), targets, where, reduction)


def broadcasts(predictions, targets, *, where=None, reduction="mean"):
    x, y = masked(floating(predictions), where), masked(jnp.asarray(targets), where)
    rows = min(len(x), len(y))
    return reduce((x[:rows] - y[:rows]) ** 2, where=where, reduction=reduction)


@jax.custom_jvp
def _square(a):
    return a**2


@_square.defjvp
def _wrong_slope(primals, tangents):
    return primals[0] ** 2, 3 * primals[0] * tangents[0]


def gradient_too_large(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    return reduce(_square(x - y), where=where, reduction=reduction)


@jax.custom_jvp
def _cube(a):
    return abs(a) ** 3


@_cube.defjvp
def _flat_slope(primals, tangents):
    a = primals[0]
    return abs(a) ** 3, 3 * jax.lax.stop_gradient(a * abs(a)) * tangents[0]


def no_curvature(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    return reduce(_cube(x - y), where=where, reduction=reduction)


def not_convex(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    return reduce(jnp.tanh((x - y) ** 2), where=where, reduction=reduction)


def below_zero(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    return reduce((x - y) ** 2 - 1, where=where, reduction=reduction)


def overflows(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    return reduce(jnp.log(jnp.cosh(x - y)), where=where, reduction=reduction)


def no_mean(predictions, targets, *, where=None, reduction="mean"):
    x, y = alike(predictions, targets, where)
    return reduce(abs(x - y), where=where, reduction=reduction)


BROKEN = {
    "where_and_reduction": Broken(always_a_mean, OF_VALUES),
    "reductions": Broken(sum_is_a_mean, OF_VALUES),
    "masked": Broken(masks_too_late, OF_VALUES),
    "nothing_kept": Broken(divides_by_nothing, OF_VALUES),
    "mask_is_boolean": Broken(takes_any_mask, OF_VALUES),
    "adds_up": Broken(counts_once, OF_VALUES, also=("masked",)),
    "vmap_is_a_loop": Broken(batched_otherwise, OF_VALUES, also=("adds_up",)),
    "compiled_loss": Broken(traced_otherwise, OF_VALUES),
    "loss_dtypes": Broken(gives_half, OF_VALUES),
    "computes_in_float32": Broken(subtracts_in_half, OF_VALUES),
    "loss_scalars_traced": Broken(constant_number, OF_VALUES),
    "refuses_wrong_targets": Broken(takes_any_label, OF_LABELS),
    "wrong_targets_compiled": Broken(forgets_labels_when_compiled, OF_LABELS),
    "refuses_other_shapes": Broken(broadcasts, OF_VALUES),
    "gradient_is_the_slope": Broken(gradient_too_large, OF_VALUES),
    "hessian": Broken(no_curvature, OF_VALUES),
    "convex": Broken(not_convex, {**OF_VALUES, "convex": True}),
    "within_its_range": Broken(below_zero, OF_VALUES),
    "far_out": Broken(overflows, OF_VALUES),
    "loss_numbers_bite": Broken(ignores_its_number, OF_VALUES),
    "elicits": Broken(no_mean, {**OF_VALUES, "elicits": "the mean"}),
}
WIDE = {"loss_scalars_traced": Broken(branches, OF_VALUES)}  # nearly no check can be made of them
