"""A drop-in wrapper for matrices, stacked ones too: gradients of rank 1. `padl train optimizer.wrap=[rank_one]`."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.transformation import Transformation
from padl.optimizers.units import mapped, ratio, roles_of, unit_norm, wide
from padl.optimizers.wrapping import filtered
from padl.registry import optimizer
from padl.roles.role import MAPS
from padl.types import Optimizer, Params, PyTree


class Memory(NamedTuple):
    q: PyTree
    error: PyTree


@optimizer(
    family="wrapper",
    reference="Vogels et al. 2019, arXiv:1905.13727, algorithms 1 and 2, of rank 1",
    exempt={
        "own_randomness": "it begins at one random vector, whatever the seed",
        "stack": "the vectors that it begins at are others in a stack",
    },
)
def rank_one(inner: Optimizer, roles=None) -> Transformation:
    """PowerSGD: `inner` sees of each matrix its nearest of rank 1; what is missing is added to the next gradient.

        M = g + e      p = M q / ‖M q‖      q = Mᵀ p      g = p qᵀ,  e = M - p qᵀ

    Args:
        inner: the optimizer that is given the gradients. roles: {path: role}, given by a run; None infers them.
    """

    def start(params: Params) -> Memory:
        def begin(p, role):
            if role.role not in MAPS:
                return jnp.zeros(0), jnp.zeros(0)
            shape = [1 if axis in role.inputs else n for axis, n in enumerate(jnp.shape(p))]
            error = jnp.zeros_like(wide(jnp.asarray(p)))
            return jax.random.normal(jax.random.key(0), shape, error.dtype), error

        return Memory(*mapped(begin, 2, params, roles_of(params, roles)))

    def change(grads: PyTree, own: Memory, params: Params | None) -> tuple[PyTree, Memory]:
        def each(g, role, q, error):
            if role.role not in MAPS:
                return g, q, error
            M = wide(g) + error
            Mq = jnp.sum(M * q, role.outputs, keepdims=True)
            p = ratio(Mq, unit_norm(Mq, role.inputs))
            Mp = jnp.sum(M * p, role.inputs, keepdims=True)
            length = unit_norm(Mp, role.outputs)
            return (p * Mp).astype(g.dtype), jnp.where(length > 0, ratio(Mp, length), q), M - p * Mp

        changed, q, error = mapped(each, 3, grads, roles_of(grads, roles), own.q, own.error)
        return changed, Memory(q, error)

    return filtered(inner, start, change)
