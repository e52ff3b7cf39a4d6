"""A drop-in wrapper that asks what each parameter is. `padl train optimizer=adam optimizer.wrap=[fan_in_rates]`."""

import math
from typing import Annotated

import jax
import jax.numpy as jnp

from padl.optimizers.transformation import Transformation
from padl.optimizers.units import roles_of
from padl.optimizers.wrapping import on_updates
from padl.registry import optimizer
from padl.roles.role import MAPS
from padl.types import Domain, Optimizer, Params, PyTree, Scalar

WIDTH = Domain(0.0, low_open=True, high_open=True, search=(16.0, 1024.0), scale="log")


@optimizer(family="wrapper", reference="Yang et al. 2022, arXiv:2203.03466, table 3: rates of Adam", moves_norm=True)
def fan_in_rates(inner: Optimizer, width: Annotated[Scalar, WIDTH] = 128.0, roles=None) -> Transformation:
    """Fan-in rates: a linear map steps by a share that goes down with its number of inputs, as in μP with Adam.

        u = (width / inputs) u      of linear maps but embeddings; of other parameters u stays

    So that a learning rate found for a narrow model is one for a wide model. μP has initial weights of its own, too.

    Args:
        inner: the optimizer whose updates these are. width: > 0, the number of inputs for which nothing changes.
        roles: {path: role}, given by a run; None infers them.
    """

    def link(params: Params, updates: PyTree) -> PyTree:
        def each(role, p, u):
            if role.role not in MAPS or role.role == "embedding":
                return u
            inputs = max(1, math.prod(jnp.shape(p)[axis] for axis in role.inputs))
            return (u * (width / inputs)).astype(u.dtype)

        return jax.tree.map(each, roles_of(params, roles), params, updates)

    return on_updates(inner, link)
