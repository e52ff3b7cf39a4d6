"""A drop-in rule that a library computes otherwise. `padl show dampened_momentum` says how."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.conventions import Convention, ConventionName, Conventions, form_of
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import Domain, Scalar, ScalarOrSchedule

DAMPENED: Conventions = {
    "paper": Convention(form={"dampens the first": True}),
    "torch": Convention("The first gradient is the velocity, without dampening.", form={"dampens the first": False}),
}


class Velocity(NamedTuple):
    v: jax.Array


@optimizer(family="descent", reference="torch.optim.SGD, its equation without the first step", conventions=DAMPENED)
def dampened_momentum(
    learning_rate: ScalarOrSchedule = 0.1,
    momentum: Scalar = 0.9,
    dampening: Annotated[Scalar, Domain(0.0, 1.0)] = 0.9,
    convention: ConventionName = "paper",
) -> Transformation:
    """Dampened momentum: each gradient enters the velocity by a share.

        v = ρ v + (1-τ) g      θ -= η v

    Args:
        learning_rate: η > 0. momentum: ρ in [0, 1). dampening: τ in [0, 1]; 0 is `momentum`, ρ makes v a mean.
        convention: what the first step does; see `padl diff`.
    """

    def direction(g, s, p, t):
        whole = (t == 1) & (not form_of(DAMPENED, convention)["dampens the first"])
        v = momentum * s.v + (1 - jnp.where(whole, 0, dampening).astype(g.dtype)) * g
        return v, Velocity(v)

    return descend(leafwise(lambda p: Velocity(jnp.zeros_like(p)), direction), learning_rate)
