"""A drop-in rule whose memory may have 16 bits. `padl train optimizer=ef_signsgd optimizer.error_dtype=bfloat16`."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import move
from padl.optimizers.leafwise import leafwise
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import ScalarOrSchedule


class Error(NamedTuple):
    e: jax.Array


@optimizer(family="sign", reference="Karimireddy et al. 2019, arXiv:1901.09847, algorithm 2")
def ef_signsgd(learning_rate: ScalarOrSchedule = 0.1, error_dtype: StateDtype = None) -> Transformation:
    """EF-signSGD: a step of one size per array and a sign for each number; what it leaves out is added to the next.

        u = η g + e      d = mean(|u|) sign(u)      θ -= d      e = u - d

    Args:
        learning_rate: η > 0, in units of parameter² per unit of loss.
        error_dtype: what e is stored in; None as it is computed, "bfloat16_stochastic" without a bias.
    """

    def update(g, s, p, t, learning_rate):
        u = learning_rate * g + s.e
        d = jnp.sum(jnp.abs(u)) / max(1, u.size) * jnp.sign(u)
        return -d, Error(u - d)

    rule = leafwise(lambda p: Error(jnp.zeros_like(p)), update, needs=("learning_rate",), dtypes={"e": error_dtype})
    return move(rule, learning_rate)
