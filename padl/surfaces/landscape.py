"""Hold a function to walk on, of a vector or of matrices, and measure it. Landscape, heights, nearest, lowest."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.batches import ROUNDS, permute
from padl.roles.role import OTHER, ParameterRole
from padl.types import Key, Params

Roles = tuple[tuple[str, ParameterRole], ...]
TOGETHER = 64  # points whose heights are computed at once where each is a mean over rows


@dataclass(frozen=True, eq=False)
class Landscape:
    """A surface over points of D numbers, as a comparison needs it: one or two, or those of matrices row by row.

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
        forms: {name: shape} of the parameters that an optimizer is given, which the numbers of a point are in their
            order; {} for a single vector called "point". roles: {name: what it is}, with its axes; "other" left out.
        judged: where the lowest points are a whole set, what is the same for all of them: what it is called, and
            points (..., D) -> it, (..., E), of which distances are. None: the points themselves.
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
    forms: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    roles: Mapping[str, ParameterRole] = field(default_factory=dict)
    judged: tuple[str, Callable[[np.ndarray], np.ndarray]] | None = None

    @property
    def drawable(self) -> bool:
        """Whether a picture can hold it: a point is one or two numbers."""
        return len(self.start) <= 2

    def params(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Return the parameters of points (..., D), each an array (..., *shape)."""
        return params_of(tuple(self.forms.items()), points)

    def declared(self) -> Roles:
        """Return what each parameter is, as pairs of its name and role, in their order."""
        return tuple((name, self.roles.get(name, OTHER)) for name in self.forms or ("point",))


Forms = tuple[tuple[str, tuple[int, ...]], ...]


def params_of(forms: Forms, points: Any) -> dict[str, Any]:
    """Cut points (..., D) into parameters of these names and shapes; without any they are one vector, "point"."""
    if not forms:
        return {"point": points}
    ends = np.cumsum([math.prod(shape) for _, shape in forms])
    parts = [points[..., end - math.prod(shape) : end] for end, (_, shape) in zip(ends, forms, strict=True)]
    return {name: x.reshape(*x.shape[:-1], *shape) for x, (name, shape) in zip(parts, forms, strict=True)}


def point_of(forms: Forms, params: Params) -> jax.Array:
    """Return the point (D,) of these parameters."""
    return jnp.concatenate([params[name].ravel() for name, _ in forms]) if forms else params["point"]


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
    """Return the distance of points (..., D) to the nearest of the minima, (...), NaN for a point that is NaN.

    Where a landscape says what it is judged by, the distance is between that of the point and that of the minimum.
    """
    judged = landscape.judged[1] if landscape.judged else lambda points: points
    seen, apart = judged(np.asarray(points, np.float64)), partial(np.linalg.norm, axis=-1)
    return np.min([apart(seen - judged(np.array(minimum))) for minimum in landscape.minima], axis=0)
