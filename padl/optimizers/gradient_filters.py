"""Change what a gradient says: its mean taken away, its slow part made louder. gradient_centralisation, grokfast."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, roles_of, wide
from padl.optimizers.wrapping import filtered, on_gradients
from padl.registry import optimizer
from padl.roles import Role
from padl.types import DOMAINS, Domain, Optimizer, PyTree, Scalar

LOUDNESS = Domain(0.0, high_open=True, search=(0.1, 10.0))


@optimizer(family="wrapper", reference="Yong et al. 2020, arXiv:2004.01461, equation 1")
def gradient_centralisation(
    inner: Optimizer,
    applies_to: tuple[Role, ...] = ("matrix", "head", "convolution"),
    roles: Roles | None = None,
) -> Transformation:
    """Gradient centralisation: what leads to one output has gradients whose mean is zero.

        g = g - mean(g)      over the inputs of each output, before `inner`

    Args:
        inner: the optimizer that is given the gradient.
        applies_to: the roles of the linear maps whose gradient is centred; a parameter without inputs stays.
        roles: {path: role}; a run gives them.
    """

    def centre(role, g):
        g = jnp.asarray(g)
        if role.role not in applies_to or not role.inputs or g.size == 0:
            return g
        return (wide(g) - jnp.mean(wide(g), axis=role.inputs, keepdims=True)).astype(g.dtype)

    return on_gradients(inner, lambda grads: jax.tree.map(centre, roles_of(grads, roles), grads))


class SlowGradient(NamedTuple):
    """count: gradients so far, int32. mean: h, like the parameters."""

    count: jax.Array
    mean: PyTree


@optimizer(family="wrapper", reference="Lee et al. 2024, arXiv:2405.20233, Grokfast-EMA")
def grokfast(
    inner: Optimizer,
    decay: Annotated[Scalar, DOMAINS["decay"]] = 0.98,
    amplification: Annotated[Scalar, LOUDNESS] = 2.0,
) -> Transformation:
    """Grokfast: the slowly changing part of the gradient counts more.

        h = α h + (1-α) g      g = g + λ h      before `inner`

    h begins as the first gradient, as in the official code.

    Args:
        inner: the optimizer that is given the gradient.
        decay: α in [0, 1), a memory of about 1/(1-α) steps. amplification: λ >= 0. 0 is `inner` alone.
    """

    def start(params):
        zeros = jax.tree.map(lambda p: jnp.zeros_like(wide(jnp.asarray(p))), params)
        return SlowGradient(jnp.zeros((), jnp.int32), zeros)

    def change(grads, own, params):
        def mean(h, g):
            return jnp.where(own.count == 0, g, decay * h + (1 - decay) * g).astype(h.dtype)

        grads = jax.tree.map(jnp.asarray, grads)
        slow = jax.tree.map(lambda h, g: mean(h, g.astype(h.dtype)), own.mean, grads)
        louder = jax.tree.map(lambda g, h: (g + amplification * h).astype(g.dtype), grads, slow)
        return louder, SlowGradient(own.count + 1, slow)

    return filtered(inner, start, change)
