"""Hold a function of one or two numbers to walk on, and measure it. Landscape, heights, nearest, lowest."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.batches import ROUNDS, permute
from padl.types import Key

TOGETHER = 64  # points whose heights are computed at once where each is a mean over rows


@dataclass(frozen=True, eq=False)
class Landscape:
    """A surface over points of D numbers, D = 1 or 2, as a comparison needs it.

    Attributes:
        name: as a title says it, with its numbers: "valley, κ = 100".
        height: (point (D,)) -> its height, a scalar. Where it holds numbers it is a `jax.tree_util.Partial`, whose
            numbers are arguments of the compiled program: another condition or another network compiles nothing.
        start: the usual first point.
        low, high: the corners of the box that a start must lie in.
        view: (low, high) of each axis in a picture, where a surface is best seen; the paths may widen it.
        minima: (M, D), the known lowest points, or those found. floor: the height there.
        exact: whether the minima are known, not searched for.
        rate: a learning rate that suits plain gradient descent here.
        axes: what each coordinate is called.
        rows: how many rows of data the height is a mean over; 0 for a surface without data.
        sampled: (point, key, batch size) -> the height on rows drawn at random; None without data. A Partial too.
        noise: standard deviation of the gradient's noise where nobody says another.
    """

    name: str
    height: Callable[[jax.Array], jax.Array]
    start: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    view: tuple[tuple[float, float], ...]
    minima: tuple[tuple[float, ...], ...]
    floor: float
    exact: bool = True
    rate: float = 1e-2
    axes: tuple[str, ...] = field(default=("x", "y"))
    rows: int = 0
    sampled: Callable[[jax.Array, Key, int], jax.Array] | None = None
    noise: float = 0.0


def heights(landscape: Landscape, points: np.ndarray) -> np.ndarray:
    """Compute the heights of any number of points, (..., D) -> (...), in one compiled program."""
    return np.asarray(_heights(traceable(landscape.height), jnp.asarray(points, jnp.float32), landscape.rows > 0))


def heights_at(height: Callable, points: jax.Array, in_parts: bool) -> jax.Array:
    """Compute heights, (..., D) -> (...), all at once, or `in_parts` where each costs a pass over many rows."""
    flat = points.reshape(-1, points.shape[-1])
    computed = jax.lax.map(height, flat, batch_size=min(TOGETHER, len(flat))) if in_parts else jax.vmap(height)(flat)
    return computed.reshape(points.shape[:-1])


_heights = jax.jit(heights_at, static_argnums=2)


def traceable(function: Callable) -> jax.tree_util.Partial:
    """Make a function an argument of a compiled program: the numbers of a Partial are data, the rest is the program."""
    return function if isinstance(function, jax.tree_util.Partial) else jax.tree_util.Partial(function)


def sample_rows(key: Key, count: int, rows: int) -> jax.Array:
    """Draw `count` different row numbers of 0 .. rows-1, int32: what `Landscape.sampled` is a mean over."""
    return permute(jax.random.bits(key, (ROUNDS,), jnp.uint32), jnp.arange(count, dtype=jnp.int32), rows)


def lowest(landscape: Landscape, across: int = 25, zooms: int = 8) -> tuple[tuple[float, ...], float]:
    """Search the view for the lowest point, and return it and its height: a grid, then finer ones around the best.

    Args:
        across: points along an axis of a grid. zooms: each grid after the first is a quarter as wide.
    """
    low, high = (np.array(side) for side in zip(*landscape.view, strict=True))
    middle, half = (low + high) / 2, (high - low) / 2
    best, value = middle, np.inf
    for _ in range(zooms + 1):
        sides = [np.linspace(m - h, m + h, across) for m, h in zip(middle, half, strict=True)]
        grid = np.stack(np.meshgrid(*sides, indexing="ij"), -1).reshape(-1, len(sides))
        on_grid = heights(landscape, grid)
        lowest_here = int(np.argmin(np.where(np.isnan(on_grid), np.inf, on_grid)))
        if on_grid[lowest_here] < value:
            best, value = grid[lowest_here], float(on_grid[lowest_here])
        middle, half = best, half / 4
    return tuple(map(float, best)), value


def nearest(landscape: Landscape, points: np.ndarray) -> np.ndarray:
    """Return the distance of points (..., D) to the nearest of the minima, (...), NaN for a point that is NaN."""
    points, apart = np.asarray(points, np.float64), partial(np.linalg.norm, axis=-1)
    return np.min([apart(points - np.array(minimum)) for minimum in landscape.minima], axis=0)
