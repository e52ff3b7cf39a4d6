"""Arguments that are none: an error with their place where values are known; under jit NaN, in value and gradient.

Each check gives None where all is well, or, for traced values, an array that is True where they are; `poisoned` makes
NaN of the others. What is masked is not looked at. `validate=False` of a loss leaves both out.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from padl.losses.reduce import align, check_mask, over_last_axes
from padl.types import PadlError

Ok = jax.Array | None


def require(holds: Callable[[Any], Any], x: Any, where: Any, what: str, must: str) -> Ok:
    """Whether `holds` at each element of x.

    Args:
        holds: by operators alone, so that it takes NumPy's arrays and JAX's.
        what, must: the words of the error, `{what} {value} at {place} {must}`.

    Raises:
        PadlError: x is known and somewhere it does not hold.
    """
    if isinstance(x, Tracer) or isinstance(where, Tracer):
        x = jnp.asarray(x)
        return holds(x) if where is None else holds(x) | ~align(where, x)
    x = np.asarray(x)
    bad = ~holds(x) if where is None else ~holds(x) & _aligned(where, x)
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        raise PadlError(f"{what} {float(x[at]):g}{f' at {at}' if at else ''} {must}")
    return None


def _aligned(where: Any, x: np.ndarray) -> np.ndarray:
    """`align` on the host: inside a trace even constants become tracers of JAX."""
    check_mask(where)
    keep = np.asarray(where)
    return keep.reshape(keep.shape + (1,) * (x.ndim - keep.ndim))


def signs(y: Any, where: jax.Array | None, validate: bool) -> Ok:
    """Every target is -1 or 1."""
    return require(lambda y: (y == 1) | (y == -1), y, where, "target", "is neither -1 nor 1") if validate else None


def probabilities(y: Any, where: jax.Array | None, validate: bool, what: str = "target") -> Ok:
    """Every one is in [0, 1]; NaN is not."""
    return require(lambda y: (y >= 0) & (y <= 1), y, where, what, "is outside [0, 1]") if validate else None


def both_probabilities(x: Any, y: Any, where: jax.Array | None, validate: bool) -> tuple[Ok, Ok]:
    """Every prediction and every target is in [0, 1]."""
    return probabilities(x, where, validate, "prediction"), probabilities(y, where, validate)


def log_probabilities(y: Any, where: jax.Array | None, validate: bool) -> Ok:
    """Every one is in [-∞, 0]; NaN is not."""
    return require(lambda y: y <= 0, y, where, "log-probability", "is above 0 or not a number") if validate else None


def non_negative(y: Any, where: jax.Array | None, validate: bool, what: str = "target") -> Ok:
    """Every one is in [0, ∞]; NaN is not."""
    return require(lambda y: y >= 0, y, where, what, "is negative or not a number") if validate else None


def labels(y: Any, classes: int, where: jax.Array | None, validate: bool, lowest: int = 0) -> Ok:
    """Every label is in lowest .. classes-1."""
    must = f"is outside {lowest} .. {classes - 1}"
    return require(lambda y: (y >= lowest) & (y < classes), y, where, "label", must) if validate else None


def label_shape(y: jax.Array, expected: tuple[int, ...], like: tuple[int, ...]) -> None:
    """Raises PadlError where labels are not whole numbers, one for each of the predictions."""
    if not jnp.issubdtype(y.dtype, jnp.integer):
        raise PadlError(f"labels must be whole numbers, not {y.dtype.name}: convert with .astype(jnp.int32)")
    if y.shape != expected:
        raise PadlError(f"labels of shape {y.shape} do not fit predictions of shape {like}: expected {expected}")


def poisoned(x: jax.Array, *oks: Ok) -> jax.Array:
    """`x`, NaN where one of the checks failed; a product, so that every gradient through it becomes NaN too.

    Of predictions it makes both value and gradient NaN, whichever branch a loss takes. A check of fewer axes than `x`
    counts for everything behind it, one of more for all of them together.
    """
    for ok in oks:
        if ok is None:
            continue
        if ok.ndim > x.ndim:
            ok = ok.all(tuple(range(x.ndim, ok.ndim)))
        x = x * over_last_axes(jnp.where(ok, 1, jnp.nan).astype(x.dtype), x)
    return x
