"""A drop-in link after the update: parameters stay within bounds. `padl train optimizer.wrap=[box]` uses it."""

from typing import Annotated

import jax
import jax.numpy as jnp

from padl.optimizers.transformation import Transformation
from padl.optimizers.units import wide
from padl.optimizers.wrapping import on_updates
from padl.registry import optimizer
from padl.types import Domain, Optimizer, Params, PyTree, Scalar

BOUND = Domain(0.0, low_open=True, high_open=True, search=(0.01, 10.0), scale="log")


@optimizer(
    family="wrapper",
    reference="Arjovsky, Chintala & Bottou 2017, arXiv:1701.07875, algorithm 1",
    moves_norm=True,
    exempt={"downhill": "what is outside the box goes into it first"},
)
def box(inner: Optimizer, bound: Annotated[Scalar, BOUND] = 1.0) -> Transformation:
    """Box: no parameter leaves [-c, c]; a step that would end outside ends at the bound.

        u = clip(θ + u, -c, c) - θ

    Args:
        inner: the optimizer whose updates these are. bound: c > 0, in units of the parameter.
    """

    def link(params: Params, updates: PyTree) -> PyTree:
        def each(p, u):
            p = wide(jnp.asarray(p))
            return (jnp.clip(p + wide(u), -bound, bound) - p).astype(u.dtype)

        return jax.tree.map(each, params, updates)

    return on_updates(inner, link)
