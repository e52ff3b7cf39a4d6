"""A drop-in rule that is judged elsewhere than it is trained. `padl train optimizer=averaged_sgd` trains with it."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import move
from padl.optimizers.leafwise import leafwise
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import Domain, Params, PyTree, Scalar, ScalarOrSchedule


class Mean(NamedTuple):
    mean: jax.Array


@optimizer(family="averaging", reference="Shamir & Zhang 2013, arXiv:1212.1824, section 4: polynomial-decay averaging")
def averaged_sgd(
    learning_rate: ScalarOrSchedule = 0.1,
    power: Annotated[Scalar, Domain(0.0, high_open=True, search=(0.0, 16.0))] = 3.0,
) -> Transformation:
    """Averaged SGD: descent along the gradient, judged at a mean in which later points weigh more.

        θ -= η g      m += (1+k)/(t+k) (θ - m)      m is judged and kept

    Args:
        learning_rate: η > 0, in units of parameter² per unit of loss.
        power: k >= 0: a point weighs about as its step to the power of k. 0 is the plain mean.
    """

    def update(g, s, p, t, learning_rate):
        u = -learning_rate * g
        return u, Mean(s.mean + (1 + power) / (t + power) * (p + u - s.mean))

    def readout(state: PyTree, params: Params) -> Params:
        return jax.tree.map(lambda mean, p: mean.astype(jnp.result_type(p)), state.slots.mean, params)

    return move(leafwise(Mean, update, needs=("params", "learning_rate")), learning_rate, readout)
