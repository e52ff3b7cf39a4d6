"""AddSign: the rule beside PowerSign of the same search. `padl train optimizer=addsign` trains with it."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import Domain, Scalar, ScalarOrSchedule


class Mean(NamedTuple):
    m: jax.Array


@optimizer(family="sign", reference="Bello et al. 2017, arXiv:1709.07417 (without decay of the sign)")
def addsign(
    learning_rate: ScalarOrSchedule = 0.1,
    momentum: Scalar = 0.9,
    base: Annotated[Scalar, Domain(0.0, 10.0, search=(0.5, 3.0))] = 1.0,
) -> Transformation:
    """AddSign: more of the gradient where it agrees with its mean, less of it where it does not.

        m = β m + (1-β) g      θ -= η (α + sign(g) sign(m)) g

    Args:
        learning_rate: η > 0, in units of parameter² per unit of loss.
        momentum: β in [0, 1); a memory of about 1/(1-β) steps.
        base: α in [0, 10]; below 1 a step that disagrees goes uphill.
    """

    def direction(g, s, p, t):
        m = momentum * s.m + (1 - momentum) * g
        return (base + jnp.sign(g) * jnp.sign(m)) * g, Mean(m)

    return descend(leafwise(lambda p: Mean(jnp.zeros_like(p)), direction), learning_rate)
