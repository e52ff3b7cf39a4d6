"""Functions of one or two numbers with known minima: no model and no data, the parameters are the point. surface."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.registry import task
from padl.tasks.task import Data, Split, Task
from padl.types import HParams, Key, Metrics, PadlError, Params, PyTree, Scalar

Name = Literal["cos_tan", "valley", "saddle", "rosenbrock", "beale", "himmelblau"]


class Surface(NamedTuple):
    """f: (point, condition) -> height. The default start, the box it may lie in, and all minima in that box."""

    f: Callable[[jax.Array, Scalar], jax.Array]
    start: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    minima: tuple[tuple[float, ...], ...]


def _rosenbrock(p, condition):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def _beale(p, condition):
    x, y = p
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _himmelblau(p, condition):
    x, y = p
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


HIMMELBLAU = ((3.0, 2.0), (-2.805118087, 3.131312518), (-3.779310253, -3.283185991), (3.584428340, -1.848126527))
SURFACES: dict[str, Surface] = {
    # cos x + tan x = 0 where cos² x = -sin x, that is sin x = (1 - √5) / 2
    "cos_tan": Surface(
        lambda p, c: (jnp.cos(p[0]) + jnp.tan(p[0])) ** 2,
        (0.8,), (-1.0,), (1.0,), ((math.asin((1 - math.sqrt(5)) / 2),),),
    ),
    "valley": Surface(
        lambda p, c: 0.5 * (p[0] ** 2 + c * p[1] ** 2), (10.0, 1.0), (-100.0, -100.0), (100.0, 100.0), ((0.0, 0.0),)
    ),
    "saddle": Surface(
        lambda p, c: 0.5 * p[0] ** 2 - 0.5 * p[1] ** 2 + 0.25 * p[1] ** 4,
        (1.0, 1e-3), (-2.0, -2.0), (2.0, 2.0), ((0.0, 1.0), (0.0, -1.0)),
    ),
    "rosenbrock": Surface(_rosenbrock, (-1.5, 2.0), (-5.0, -5.0), (5.0, 5.0), ((1.0, 1.0),)),
    "beale": Surface(_beale, (1.0, 1.5), (-4.5, -4.5), (4.5, 4.5), ((3.0, 0.5),)),
    "himmelblau": Surface(_himmelblau, (0.0, 0.0), (-5.0, -5.0), (5.0, 5.0), HIMMELBLAU),
}  # fmt: skip


VALLEY = 100.0  # its condition number, where none is given


@dataclass(frozen=True)
class Descent:
    """Find the lowest point of a surface. An `Objective` whose only parameter is the point."""

    name: str
    start: tuple[float, ...]

    def height(self, point: jax.Array, hparams: HParams) -> jax.Array:
        return SURFACES[self.name].f(point, hparams["task"].get("condition", VALLEY))

    def init(self, key: Key, hparams: HParams, data: Data) -> tuple[Params, PyTree]:
        return {"point": jnp.asarray(self.start, jnp.float32)}, {}

    def loss(self, params, rest, hparams, data, rows, key):
        point, value = params["point"], self.height(params["point"], hparams)
        if "noise" in hparams["task"]:
            noise = hparams["task"]["noise"] * jax.random.normal(key, point.shape)
            value += noise @ (point - jax.lax.stop_gradient(point))  # adds nothing to the value, noise to its gradient
        return (value, jnp.ones(())), (rest, {"distance": self.distance(point)})

    def evaluate(self, params: Params, rest: PyTree, hparams: HParams, data: Data) -> Metrics:
        return {"loss": self.height(params["point"], hparams), "distance": self.distance(params["point"])}

    def distance(self, point: jax.Array) -> jax.Array:
        """To the nearest minimum."""
        return jnp.sqrt(((point[None] - jnp.asarray(SURFACES[self.name].minima)) ** 2).sum(-1)).min()

    def finish(self, statistics: Metrics) -> Metrics:
        return statistics


@task(family="surfaces", reference="lecture; Rosenbrock 1960; Beale 1958; Himmelblau 1972")
def surface(
    surface: Name = "rosenbrock",
    start: tuple[float, ...] | None = None,
    condition: Scalar | None = None,
    noise: Scalar | None = None,
) -> Task:
    """Walk down a surface with known minima: there is no model, the parameters are the point.

    Args:
        surface: cos_tan, the lecture's (cos x + tan x)² on (-1, 1); valley, ½ (x² + κ y²); saddle, ½ x² - ½ y² + ¼ y⁴
            with a saddle point at 0 and minima at (0, ±1); rosenbrock; beale; himmelblau (four minima).
        start: the first point, inside the surface's box; None takes its usual one.
        condition: κ >= 1 of the valley, the ratio of its curvatures (100 if left out); the others have none.
        noise: standard deviation of Gaussian noise on each coordinate of the gradient; None leaves it out.

    Raises:
        PadlError: a start outside the box or of the wrong length; a condition for a surface that has none.
    """
    found = SURFACES[surface]
    start = found.start if start is None else tuple(start)
    if len(start) != len(found.start):
        raise PadlError(
            f"task.start={list(start)} has {len(start)} numbers, surface '{surface}' has {len(found.start)}"
        )
    if not all(low <= x <= high for low, x, high in zip(found.low, start, found.high, strict=True)):
        raise PadlError(f"task.start={list(start)} is outside {surface}'s box from {found.low} to {found.high}")
    if condition is not None and surface != "valley":
        raise PadlError(f"task.condition is for task.surface=valley; '{surface}' has none: leave it out")
    nowhere = Split(np.zeros(0, np.int32), np.zeros(0, np.int32), {})
    objective: Callable[..., Any] = lambda model, loss, word, dtype: Descent(surface, start)  # noqa: E731
    return Task(
        objective, {}, lambda seed, scalars: nowhere, (), ("loss", "min"), {"kind": "surface", "title": surface}
    )
