"""Walk down a function with known minima: no model and no data, the parameters are the point. surface."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.source import Batch, Data, Split
from padl.losses.distances import norm
from padl.registry import task
from padl.roles.role import OTHER, ParameterRole
from padl.surfaces.functions import SURFACES, VALLEY, Name, check_condition, check_start, tilted
from padl.tasks.task import Task
from padl.types import LOSS, HParams, Key, Metric, Metrics, Params, PyTree, Scalar

METRICS = (LOSS, Metric("distance"))


@dataclass(frozen=True)
class Descent:
    """Find the lowest point of a surface. An `Objective` whose only parameter is the point."""

    name: str
    start: tuple[float, ...]

    def height(self, point: jax.Array, hparams: HParams) -> jax.Array:
        return SURFACES[self.name].f(point, hparams["task"].get("condition", VALLEY))

    def init(self, key: Key, hparams: HParams) -> tuple[Params, PyTree]:
        return {"point": jnp.asarray(self.start, jnp.float32)}, {}

    def roles(self, hparams: HParams) -> dict[str, ParameterRole]:
        return {"point": OTHER}

    def loss(
        self, params: Params, model_state: PyTree, hparams: HParams, batch: Batch, stats: PyTree, key: Key
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[PyTree, Metrics]]:
        point, value = params["point"], self.height(params["point"], hparams)
        if "noise" in hparams["task"]:
            value += tilted(point, hparams["task"]["noise"] * jax.random.normal(key, point.shape, jnp.float32))
        return (value, jnp.ones(())), (model_state, {"distance": self.distance(point)})

    def evaluate(self, params: Params, model_state: PyTree, hparams: HParams, data: Data) -> Metrics:
        return {"loss": self.height(params["point"], hparams), "distance": self.distance(params["point"])}

    def distance(self, point: jax.Array) -> jax.Array:
        """To the nearest minimum."""
        return norm(point[None] - jnp.asarray(SURFACES[self.name].minima, point.dtype), 2.0).min()

    def finish(self, statistics: Metrics) -> Metrics:
        return statistics


@task(
    family="surfaces",
    reference="lecture; Rosenbrock 1960; Beale 1958; Himmelblau 1972; Rastrigin 1974; Styblinski & Tang 1990",
)
def surface(
    surface: Name = "rosenbrock",
    start: tuple[float, ...] | None = None,
    condition: Scalar | None = None,
    noise: Scalar | None = None,
) -> Task:
    """Walk down a surface with known minima. There is no model: the parameters are the point.

    Args:
        surface: cos_tan, the lecture's (cos x + tan x)² on (-1, 1); valley, ½ (x² + κ y²); saddle, ½ x² - ½ y² + ¼ y⁴
            with a saddle point at 0 and minima at (0, ±1); rosenbrock; beale; himmelblau (four minima); rastrigin (one
            in many hollows); styblinski_tang (one in four).
        start: the first point, inside the surface's box; None takes its usual one.
        condition: κ >= 1 of the valley, the ratio of its curvatures (100 if left out); the others have none.
        noise: standard deviation of Gaussian noise on each coordinate of the gradient; None leaves it out.

    Raises:
        PadlError: a start outside the box or of the wrong length; a condition for a surface that has none.
    """
    start = SURFACES[surface].start if start is None else check_start(start, SURFACES[surface], surface, "task.start")
    check_condition(surface, condition, "task.surface")
    nowhere = Split(np.zeros(0, np.int32), np.zeros(0, np.int32), {})
    about = {"kind": "surface", "title": surface}
    return Task(lambda config: Descent(surface, start), {}, lambda seed, scalars: nowhere, (), METRICS, about)
