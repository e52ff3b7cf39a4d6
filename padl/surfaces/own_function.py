"""Make a landscape of a function from Python. of_function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.surfaces.landscape import Landscape, lowest
from padl.types import PadlError, one_line

FAR = 1e30  # where the box ends that a start must lie in


@dataclass(frozen=True)
class Function:
    """Evaluate a function at a point: a number in float32."""

    function: Callable[[jax.Array], Any]

    def __call__(self, point: jax.Array) -> jax.Array:
        return jnp.asarray(self.function(point), jnp.float32)


def of_function(
    function: Callable[[jax.Array], Any],
    name: str,
    start: Sequence[float],
    view: Sequence[Sequence[float]] | None = None,
) -> Landscape:
    """Make a landscape of a function of one or two numbers; its lowest point is searched for in the view.

    Args:
        function: (point (D,)) -> its height, one number; JAX differentiates it.
        name: for titles. start: the first point, D = 1 or 2 numbers.
        view: (low, high) of each axis in a picture; None takes a box about the start, as wide as it is far from 0
            and 2 at least.

    Raises:
        PadlError: it cannot be called with such a point, gives no number, or is nowhere finite in the view.
    """
    if len(start) not in (1, 2):
        raise PadlError(f"surface={name}: start={list(start)} has {len(start)} numbers: a surface is of one or two")
    sides = [(x - max(2.0, 2 * abs(x)), x + max(2.0, 2 * abs(x))) for x in start] if view is None else view
    if len(sides) != len(start) or any(len(side) != 2 or not side[0] < side[1] for side in sides):
        raise PadlError(f"surface={name}: view={view} must be (low, high) for each of {len(start)} axes")
    _check_height(function, name, len(start))
    unsearched = Landscape(
        name=name,
        height=jax.tree_util.Partial(Function(function)),
        start=tuple(map(float, start)),
        low=(-FAR,) * len(start),
        high=(FAR,) * len(start),
        view=tuple((float(low), float(high)) for low, high in sides),
        minima=(tuple(map(float, start)),),
        floor=0.0,
        exact=False,
        axes=("x", "y")[: len(start)],
    )
    point, floor = lowest(unsearched)
    if not np.isfinite(floor):
        raise PadlError(f"surface={name} is nowhere finite in {unsearched.view}: give another view=")
    return replace(unsearched, minima=(point,), floor=floor)


def _check_height(function: Callable[[jax.Array], Any], name: str, dimensions: int) -> None:
    try:
        height = jax.eval_shape(Function(function), jax.ShapeDtypeStruct((dimensions,), jnp.float32))
    except Exception as error:  # whatever a stranger's function raises
        raise PadlError(f"surface={name} cannot be called with a point ({dimensions},): {one_line(error)}") from error
    if height.shape:
        raise PadlError(f"surface={name} gives an array {height.shape} for a point: its height is one number")
