"""Masks and means of losses. Nothing else in PADL reduces a loss.

`where` keeps an example (or element) in; what it leaves out cannot reach the value or the gradient, even as NaN,
because it is replaced before the loss is computed. "sum_and_count" is the exact form for accumulation over
micro-batches and devices: add the sums, add the counts, divide once.
"""

from typing import TYPE_CHECKING, Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Float, Num

from padl.types import PadlError, at_least_float32

Reduction = Literal["mean", "sum", "none", "sum_and_count"]
if TYPE_CHECKING:
    Array = Any  # JAX's and NumPy's
    Reduced = jax.Array  # so that `loss(...) + 1` needs no cast: who asks for the pair knows it
else:
    Array = jax.Array
    Reduced = jax.Array | tuple[jax.Array, jax.Array]  # the pair is that of "sum_and_count"
Mask = Any  # an array of True and False, or None; `check_mask` refuses all else
Weights = tuple[float, ...] | jax.Array | None  # of classes or elements: constants of the program


def reduce(
    values: Float[Array, "*values"],
    *,
    where: Mask = None,
    counts: Float[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Reduce the values of a loss.

    Args:
        values: one number for each example or element, float32 or float64.
        where: True keeps; broadcasts to `values` from the left, so a mask of examples masks all elements of each.
        counts: what each value adds to the mean's denominator, of the shape of `values` (a class weight, by which the
            value is multiplied already); 1 each where not given.
        reduction: "mean" of nothing is 0 with gradient 0 (torch gives NaN); "none" gives 0 where masked.

    Returns:
        A scalar, for "none" an array like `values`, for "sum_and_count" the pair of scalars (sum, count).
    """
    if where is not None:
        keep = align(where, values)
        counts = jnp.where(keep, jnp.ones_like(values) if counts is None else counts, 0)
        values = jnp.where(keep, values, 0)
    if reduction == "none":
        return values
    total = values.sum()
    if reduction == "sum":
        return total
    count = jnp.asarray(values.size, values.dtype) if counts is None else counts.sum()
    if reduction == "sum_and_count":
        return pair(total, count)
    if reduction == "mean":
        return mean(total, count)
    raise PadlError(f"reduction={reduction!r} is none of mean, sum, none, sum_and_count")


def pair(total: jax.Array, count: jax.Array) -> Reduced:
    """What "sum_and_count" gives."""
    return total, count  # pyright: ignore[reportReturnType]


def mean(total: jax.Array, count: jax.Array) -> jax.Array:
    """total / count, and 0 with gradient 0 where the count is 0."""
    return total / jnp.where(count == 0, jnp.inf, count)


def check_mask(where: Mask) -> None:
    """Raise PadlError unless a mask is None or an array of True and False: 0.5 would count as True."""
    dtype = getattr(where, "dtype", None)
    if where is None or (dtype is not None and jnp.issubdtype(dtype, jnp.bool)):
        return
    found = f"a {type(where).__name__}" if dtype is None else f"an array of {dtype}"
    raise PadlError(f"where must be an array of True and False, not {found}: jnp.array([True, False]), or x > 0")


def align(where: Mask, like: jax.Array) -> jax.Array:
    """A mask of leading axes -> a mask of all axes of `like`; PadlError where it is none, or fits no leading axes."""
    check_mask(where)
    return over_last_axes(where, like)


def over_last_axes(x: Any, like: jax.Array) -> jax.Array:
    """Repeat `x`, of leading axes of `like`, over the others; PadlError where it fits no leading axes."""
    if x.shape != like.shape[: x.ndim]:
        raise PadlError(f"where of shape {x.shape} masks no leading axes of {like.shape}")
    return jnp.broadcast_to(x.reshape(x.shape + (1,) * (like.ndim - x.ndim)), like.shape)


def masked(x: Num[Array, "..."], where: Mask, fill: float = 0.0) -> Num[Array, "..."]:
    """`x` with `fill` for what `where` leaves out: the loss of it is finite, and no gradient reaches it."""
    return x if where is None else jnp.where(align(where, x), x, jnp.asarray(fill, x.dtype))


def both(where: Mask, keep: jax.Array) -> jax.Array:
    """What `where` and `keep` both keep; `keep` has all the axes that `where` may have."""
    return keep if where is None else align(where, keep) & keep


def floating(x: Any, what: str = "predictions") -> Float[Array, "..."]:
    """`x` in at least float32, so that half precision neither rounds nor overflows a loss; integers raise."""
    x = jnp.asarray(x)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise PadlError(f"{what} must be real numbers, not {x.dtype.name}: convert with .astype(jnp.float32)")
    return x.astype(at_least_float32(x.dtype))


def same_shape(predictions: jax.Array, targets: jax.Array, names: str = "predictions and targets") -> None:
    """Raises PadlError unless the shapes are equal: (3,) against (3, 1) would broadcast to (3, 3) in silence."""
    if predictions.shape != targets.shape:
        first, _, second = names.partition(" and ")
        raise PadlError(f"{first} of shape {predictions.shape} and {second} of shape {targets.shape} must be alike")


def alike(
    predictions: Any, targets: Any, where: Mask, names: str = "predictions and targets"
) -> tuple[jax.Array, jax.Array]:
    """Both in one shape and one dtype of at least float32, 0 where masked."""
    x, y = floating(predictions, names.partition(" and ")[0]), jnp.asarray(targets)
    same_shape(x, y, names)
    return masked(x, where), masked(y, where).astype(x.dtype)


def class_last(x: jax.Array, axis: int) -> jax.Array:
    """`x` with its axis of classes as the last one; PadlError where it has no such axis."""
    if not -x.ndim <= axis < x.ndim:
        raise PadlError(f"axis={axis} is no axis of predictions of shape {x.shape}")
    return jnp.moveaxis(x, axis, -1)


def broadcast_weights(weight: Any, like: jax.Array, what: str = "weight") -> jax.Array:
    """Weights of the last axes of `like`, or one for all, in its shape; 1 for None; PadlError where they do not fit."""
    w = jnp.asarray(1.0 if weight is None else weight, like.dtype)
    try:
        return jnp.broadcast_to(w, like.shape)
    except ValueError:
        raise PadlError(f"{what} of shape {w.shape} does not fit the last axes of {like.shape}") from None
