"""A drop-in rule over all parameters together: its step size follows from two lengths. `padl train optimizer=adgd`."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import descend
from padl.optimizers.transformation import Transformation
from padl.optimizers.treewise import treewise
from padl.optimizers.vectors import Vector, norm
from padl.registry import optimizer
from padl.types import Domain, Scalar, ScalarOrSchedule


class Before(NamedTuple):
    p: Vector
    g: Vector
    step: jax.Array
    growth: jax.Array


@optimizer(family="step size", reference="Malitsky & Mishchenko 2020, arXiv:1910.09529, algorithm 1")
def adgd(
    learning_rate: ScalarOrSchedule = 1.0, first: Annotated[Scalar, Domain(0.0, low_open=True, high_open=True)] = 1e-3
) -> Transformation:
    """AdGD: gradient descent whose step size is half the inverse of how fast the gradient was seen to change.

        λ = min(√(1 + r) λ₋, ‖θ - θ₋‖ / (2 ‖g - g₋‖))      r = λ / λ₋      θ -= η λ g

    Where θ did not move, as by steps that are lost in rounding, the second of the two is unknown and left out.

    Args:
        learning_rate: η > 0, a share of λ. first: λ > 0 of the first step, from which r is 0 (the paper's is ∞).
    """

    def direction(g, s, p, t):
        change, way = norm(g - s.g), norm(p - s.p)
        known = (change > 0) & (way > 0)
        local = jnp.where(known, way / jnp.where(known, 2 * change, 1), jnp.inf)
        step = jnp.where(t > 1, jnp.minimum(jnp.sqrt(1 + s.growth) * s.step, local), s.step)
        return step * g, Before(p, g, step, jnp.where(s.step > 0, step / s.step, 0.0))

    init = lambda p: Before(p, 0 * p, jnp.asarray(first, float), jnp.zeros(()))  # noqa: E731
    return descend(treewise(init, direction, needs=("params",)), learning_rate)
