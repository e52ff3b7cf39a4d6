"""Make landscapes of functions with known minima. closed_form, noisy_valley."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from padl.surfaces.functions import NOISY_VALLEY, SURFACES, VALLEY, Name, check_condition
from padl.surfaces.landscape import Landscape
from padl.types import Scalar

TITLES = {"cos_tan": "(cos x + tan x)²", "saddle": "saddle point", "styblinski_tang": "Styblinski-Tang"}


@dataclass(frozen=True)
class Height:
    """Evaluate a surface at a point: its height, infinite outside the domain of a function that has one."""

    name: str

    def __call__(self, condition: Scalar, point: jax.Array) -> jax.Array:
        surface = SURFACES[self.name]
        value = surface.f(point, condition)
        if not surface.walled:
            return value
        inside = (point > jnp.asarray(surface.low)) & (point < jnp.asarray(surface.high))
        return jnp.where(inside.all(), value, jnp.inf)


def closed_form(name: Name, condition: float | None = None) -> Landscape:
    """Make a landscape of one of `SURFACES`.

    Args:
        name: of the surface. condition: κ >= 1 of the valley, 100 if left out.

    Raises:
        PadlError: a condition for a surface that has none.
    """
    surface = SURFACES[name]
    check_condition(name, condition, "surface")
    kappa = VALLEY if condition is None else condition
    return Landscape(
        name=f"valley, κ = {kappa:g}" if name == "valley" else TITLES.get(name, name.capitalize()),
        height=jax.tree_util.Partial(Height(name), np.float32(kappa)),
        start=surface.start,
        low=surface.low,
        high=surface.high,
        view=surface.view,
        minima=surface.minima,
        floor=surface.floor,
        rate=surface.rate / kappa if name == "valley" else surface.rate,
        axes=("x", "y")[: len(surface.start)],
    )


def noisy_valley(condition: float | None = None) -> Landscape:
    """Make a valley, κ = 10 if left out, whose gradient is noisy unless `noise` says otherwise."""
    calm = closed_form("valley", NOISY_VALLEY if condition is None else condition)
    view = ((-11.0, 11.0), (-5.0, 5.0))
    return replace(calm, name=f"noisy {calm.name}", start=(10.0, 3.0), view=view, noise=1.0)
