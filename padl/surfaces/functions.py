"""Define functions of one or two numbers with known minima, by name. Surface, SURFACES, check_start."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.surfaces.landscape import Landscape
from padl.types import PadlError, Scalar

Name = Literal["cos_tan", "valley", "saddle", "rosenbrock", "beale", "himmelblau", "rastrigin", "styblinski_tang"]


class Surface(NamedTuple):
    """A function, where to walk on it, and what is known of it.

    Attributes:
        f: (point (D,), condition number) -> height.
        start: the default one. low, high: corners of the box it may lie in.
        minima: all lowest points in that box. floor: their height.
        view: (low, high) of each axis in a picture.
        rate: a learning rate that suits plain gradient descent from the start.
        walled: whether the function is defined between `low` and `high` only.
    """

    f: Callable[[jax.Array, Scalar], jax.Array]
    start: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    minima: tuple[tuple[float, ...], ...]
    view: tuple[tuple[float, float], ...]
    rate: float
    floor: float = 0.0
    walled: bool = False


def _rosenbrock(p, condition):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def _beale(p, condition):
    x, y = p
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _himmelblau(p, condition):
    x, y = p
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _rastrigin(p, condition):
    return (p**2 + 10 * (1 - jnp.cos(2 * math.pi * p))).sum()


def _styblinski_tang(p, condition):
    return 0.5 * (p**4 - 16 * p**2 + 5 * p).sum()


# the roots of both brackets, to double precision
HIMMELBLAU = (
    (3.0, 2.0),
    (-2.805118086952745, 3.131312518250573),
    (-3.779310253377747, -3.283185991286170),
    (3.584428340330492, -1.848126526964404),
)
# each coordinate solves 4 x³ - 32 x + 5 = 0, whose lowest root is this one by the cosine of three angles
STYBLINSKI_TANG = -2 * math.sqrt(8 / 3) * math.cos(math.acos(15 / 64 * math.sqrt(3 / 8)) / 3)
VALLEY, NOISY_VALLEY = 100.0, 10.0  # condition numbers, where none is named

SURFACES: dict[str, Surface] = {
    # cos x + tan x = 0 where cos² x = -sin x, that is sin x = (1 - √5) / 2
    "cos_tan": Surface(
        lambda p, c: (jnp.cos(p[0]) + jnp.tan(p[0])) ** 2,
        (0.8,), (-1.0,), (1.0,), ((math.asin((1 - math.sqrt(5)) / 2),),), ((-1.0, 1.0),), 0.05, walled=True,
    ),
    "valley": Surface(
        lambda p, c: 0.5 * (p[0] ** 2 + c * p[1] ** 2), (10.0, 1.0), (-100.0, -100.0), (100.0, 100.0), ((0.0, 0.0),),
        ((-11.0, 11.0), (-2.5, 2.5)), 1.0,
    ),
    "saddle": Surface(
        lambda p, c: 0.5 * p[0] ** 2 - 0.5 * p[1] ** 2 + 0.25 * p[1] ** 4,
        (1.0, 1e-3), (-2.0, -2.0), (2.0, 2.0), ((0.0, 1.0), (0.0, -1.0)), ((-1.5, 1.5), (-1.5, 1.5)), 0.1, -0.25,
    ),
    "rosenbrock": Surface(
        _rosenbrock, (-1.5, 2.0), (-5.0, -5.0), (5.0, 5.0), ((1.0, 1.0),), ((-2.0, 2.0), (-1.0, 3.0)), 5e-4
    ),
    "beale": Surface(
        _beale, (1.0, 1.5), (-4.5, -4.5), (4.5, 4.5), ((3.0, 0.5),), ((-0.5, 4.5), (-2.0, 2.0)), 1e-2
    ),
    "himmelblau": Surface(
        _himmelblau, (0.0, 0.0), (-5.0, -5.0), (5.0, 5.0), HIMMELBLAU, ((-5.0, 5.0), (-5.0, 5.0)), 1e-2
    ),
    "rastrigin": Surface(
        _rastrigin, (2.7, -1.8), (-5.12, -5.12), (5.12, 5.12), ((0.0, 0.0),), ((-3.5, 3.5), (-3.5, 3.5)), 1e-3
    ),
    "styblinski_tang": Surface(
        _styblinski_tang, (0.0, 4.5), (-5.0, -5.0), (5.0, 5.0), ((STYBLINSKI_TANG,) * 2,), ((-5.0, 5.0), (-5.0, 5.0)),
        1e-2, STYBLINSKI_TANG**4 - 16 * STYBLINSKI_TANG**2 + 5 * STYBLINSKI_TANG,
    ),
}  # fmt: skip


def tilted(point: jax.Array, noise: jax.Array) -> jax.Array:
    """Return 0, with `noise` as its gradient: added to a height, it makes the gradient noisy and the height not."""
    return noise @ (point - jax.lax.stop_gradient(point))


def check_condition(name: str, condition: Any, key: str) -> None:
    """Raise PadlError for a condition number of a surface without one; `key` is what the surface is chosen by."""
    if condition is not None and name != "valley":
        group = key.rpartition("surface")[0]
        raise PadlError(f"{group}condition is for {key}=valley; '{name}' has none: leave it out")


def check_start(start: Sequence[float], surface: Surface | Landscape, name: str, key: str) -> tuple[float, ...]:
    """Return the start; raise PadlError where it is of another length than the surface, or not inside its box."""
    if len(start) != len(surface.start):
        raise PadlError(f"{key}={list(start)} has {len(start)} numbers, surface '{name}' has {len(surface.start)}")
    rounded = np.asarray(start, np.float32)  # as the device has it
    if not ((surface.low < rounded) & (rounded < surface.high)).all():
        raise PadlError(f"{key}={list(start)} is not inside {name}'s box, from {surface.low} to {surface.high}")
    return tuple(start)
