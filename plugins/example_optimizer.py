"""A drop-in plugin: sign momentum, in fifteen lines. `padl train optimizer=signum` trains with it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import Scalar, ScalarOrSchedule


class Mean(NamedTuple):
    m: jax.Array


@optimizer(family="sign", reference="Bernstein et al. 2018, arXiv:1802.04434, algorithm 1")
def signum(learning_rate: ScalarOrSchedule = 1e-3, momentum: Scalar = 0.9) -> Transformation:
    """Signum: every coordinate steps by the same length, against the sign of its mean gradient.

        m = β m + (1-β) g      θ -= η sign(m)

    Args:
        learning_rate: η > 0, in units of the parameter: the length of every step of every coordinate.
        momentum: β in [0, 1). 0 is sign descent.
    """

    def direction(g, s, p, t):
        m = momentum * s.m + (1 - momentum) * g
        return jnp.sign(m), Mean(m)

    return descend(leafwise(lambda p: Mean(jnp.zeros_like(p)), direction), learning_rate)
