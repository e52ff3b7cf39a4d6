"""The vector-Jacobian product of one operation. vjp_of_active, replaced, is_real, explained."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.types import PadlError, one_line

Function = Callable[..., list[Any]]


class Linearized(NamedTuple):
    """An operation that was run and can be differentiated.

    Attributes:
        results: its values.
        smooth: which of the results depend smoothly on the active operands, as positions.
        vjp: cotangents of the smooth results -> gradients of the active operands; None if no operand is active.
    """

    results: list[Any]
    smooth: tuple[int, ...]
    vjp: Callable[..., Any] | None


def vjp_of_active(function: Function, values: Sequence[Any], active: tuple[int, ...]) -> Linearized:
    """Run a function, and linearize it in the operands at the active positions."""
    if not active:
        return Linearized(function(*values), (), None)
    real: list[bool] = []

    def of_active(*active_values: Any) -> tuple[list[Any], list[Any]]:
        results = function(*replaced(values, active, active_values))
        real[:] = map(is_real, results)
        return [x for x in results if is_real(x)], [x for x in results if not is_real(x)]

    reals, vjp, others = jax.vjp(of_active, *(values[i] for i in active), has_aux=True)
    next_real, next_other = iter(reals), iter(others)
    results = [next(next_real if is_real_ else next_other) for is_real_ in real]
    return Linearized(results, tuple(i for i, is_real_ in enumerate(real) if is_real_), vjp)


def replaced(values: Sequence[Any], positions: Sequence[int], new: Sequence[Any]) -> list[Any]:
    """Copy values, with new ones at these positions."""
    new_at = dict(zip(positions, new, strict=True))
    return [new_at.get(i, value) for i, value in enumerate(values)]


def is_real(value: Any) -> bool:
    """Tell whether a gradient with respect to a value exists: whether it is of floating or complex numbers."""
    return jnp.issubdtype(value.dtype, jnp.inexact)


@contextmanager
def explained(operation: str, number: int, source: str) -> Iterator[None]:
    """Turn what JAX refuses to differentiate into one line that says which operation it is, and where it stands."""
    try:
        yield
    except PadlError:
        raise
    except Exception as error:
        where = f"node {number}, {source or 'source unknown'}"
        raise PadlError(f"'{operation}' cannot be differentiated ({where}): {one_line(error)}") from error
