"""Functions of one or two numbers with known minima, and each as a Landscape. closed_form, noisy_valley."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
        f: (point, condition) -> height.
        start: the default one. low, high: corners of the box it may lie in. minima: all lowest points in that box.
        view: (low, high) of each axis in a picture. rate: suits plain gradient descent from the start.
        floor: the height of the minima. walled: the function is defined between `low` and `high` only.
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


HIMMELBLAU = (
    (3.0, 2.0),
    (-2.805118086952745, 3.131312518250573),
    (-3.779310253377747, -3.283185991286170),
    (3.584428340330492, -1.848126526964404),
)


STYBLINSKI_TANG = -2 * math.sqrt(8 / 3) * math.cos(math.acos(15 / 64 * math.sqrt(3 / 8)) / 3)


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
    # each coordinate solves 4 x³ - 32 x + 5 = 0, whose lowest root is this one by the cosine of three angles
    "styblinski_tang": Surface(
        _styblinski_tang, (0.0, 4.5), (-5.0, -5.0), (5.0, 5.0), ((STYBLINSKI_TANG,) * 2,), ((-5.0, 5.0), (-5.0, 5.0)),
        1e-2, STYBLINSKI_TANG**4 - 16 * STYBLINSKI_TANG**2 + 5 * STYBLINSKI_TANG,
    ),
}  # fmt: skip


VALLEY, NOISY_VALLEY = 100.0, 10.0  # condition numbers, where none is given


TITLES = {"cos_tan": "(cos x + tan x)²", "saddle": "saddle point", "styblinski_tang": "Styblinski-Tang"}


def tilted(point: jax.Array, noise: jax.Array) -> jax.Array:
    """What adds nothing to a value, and the noise to its gradient."""
    return noise @ (point - jax.lax.stop_gradient(point))


@dataclass(frozen=True)
class Height:
    """The height of a surface at a point, infinite outside the domain of a function that has one."""

    name: str

    def __call__(self, condition: Scalar, point: jax.Array) -> jax.Array:
        found = SURFACES[self.name]
        value = found.f(point, condition)
        if not found.walled:
            return value
        inside = (point > jnp.asarray(found.low)) & (point < jnp.asarray(found.high))
        return jnp.where(inside.all(), value, jnp.inf)


def closed_form(name: Name, condition: float | None = None) -> Landscape:
    """One of the surfaces, to compare optimizers on.

    Args:
        condition: κ >= 1 of the valley, 100 if left out.

    Raises:
        PadlError: a condition for a surface that has none.
    """
    found = SURFACES[name]
    check_condition(name, condition, "surface")
    kappa = VALLEY if condition is None else condition
    return Landscape(
        name=f"valley, κ = {kappa:g}" if name == "valley" else TITLES.get(name, name.capitalize()),
        height=jax.tree_util.Partial(Height(name), np.float32(kappa)),
        start=found.start,
        low=found.low,
        high=found.high,
        view=found.view,
        minima=found.minima,
        floor=found.floor,
        rate=found.rate / kappa if name == "valley" else found.rate,
        axes=("x", "y")[: len(found.start)],
    )


def noisy_valley(condition: float | None = None) -> Landscape:
    """The valley, κ = 10 if left out, with a gradient that is noisy unless told otherwise."""
    calm = closed_form("valley", NOISY_VALLEY if condition is None else condition)
    view = ((-11.0, 11.0), (-5.0, 5.0))
    return replace(calm, name=f"noisy {calm.name}", start=(10.0, 3.0), view=view, noise=1.0)


def check_condition(name: str, condition: Any, key: str) -> None:
    """Raises PadlError for a condition number of a surface without one; `key` is what the surface is chosen by."""
    if condition is not None and name != "valley":
        words = key.rpartition("surface")[0]
        raise PadlError(f"{words}condition is for {key}=valley; '{name}' has none: leave it out")


def check_start(start: Sequence[float], found: Surface | Landscape, name: str, key: str) -> tuple[float, ...]:
    """The start; PadlError where it has another length than the surface, or is not inside its box."""
    if len(start) != len(found.start):
        raise PadlError(f"{key}={list(start)} has {len(start)} numbers, surface '{name}' has {len(found.start)}")
    rounded = np.asarray(start, np.float32)  # as the device has it
    if not ((found.low < rounded) & (rounded < found.high)).all():
        raise PadlError(f"{key}={list(start)} is not inside {name}'s box, from {found.low} to {found.high}")
    return tuple(start)
