"""Shorten a gradient by a bound that follows the weights, or the gradients before it. agc, adagc."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.clipping import clip_by_global_norm
from padl.optimizers.transformation import Transformation, given_params
from padl.optimizers.units import Roles, array_norm, input_axes, mapped, ratio, roles_of, share, unit_norm, wide
from padl.optimizers.wrapping import filtered
from padl.registry import optimizer
from padl.roles import Role
from padl.types import Domain, Optimizer, PyTree, Scalar

ALL_BUT_HEADS: tuple[Role, ...] = ("matrix", "embedding", "convolution", "norm", "bias", "other")
CLIPPING = Domain(0.0, low_open=True, high_open=True, search=(1e-3, 1.0), scale="log")
SMALLEST_NORM = Domain(0.0, low_open=True, high_open=True, search=(1e-4, 1e-1), scale="log")
BOUND = Domain(0.0, low_open=True, high_open=True, search=(0.1, 10.0), scale="log")
RELATIVE = Domain(0.0, low_open=True, high_open=True, search=(1.0, 2.0))
DECAY = Domain(0.0, 1.0, high_open=True, search=(0.9, 0.999), scale="log1m")


class ClippedUnits(NamedTuple):
    """share: of the units that were clipped in the last gradient."""

    share: jax.Array


@optimizer(family="wrapper", reference="Brock et al. 2021, arXiv:2102.06171, equation 3")
def agc(
    inner: Optimizer,
    clipping: Annotated[Scalar, CLIPPING] = 0.01,
    eps: Annotated[Scalar, SMALLEST_NORM] = 1e-3,
    applies_to: tuple[Role, ...] = ALL_BUT_HEADS,
    roles: Roles | None = None,
) -> Transformation:
    """Adaptive gradient clipping: the gradient of each unit is at most a share of its weights.

        g = λ max(‖θ‖, eps) g / ‖g‖      where ‖g‖ > λ max(‖θ‖, eps)

    A unit is all that leads to one output: of a linear map by the axes of its role, of a bias, a norm and any other
    parameter the whole array; of a stack each layer has its own. The paper leaves out the last layer. Measures
    `clipped`, the share of units.

    Args:
        inner: the optimizer that is given the gradient.
        clipping: λ > 0. The paper's is 0.01 for batches of 4096, and larger for smaller ones.
        eps: > 0, in units of the parameter: the norm that a smaller one counts as, so that zeros can be left.
        applies_to: the roles of the parameters whose gradient is clipped. roles: {path: role}; a run gives them.
    """

    def clip(role, g, p):
        g = jnp.asarray(g)
        axes = input_axes(role, g.ndim)
        norm = unit_norm(wide(g), axes)
        largest = clipping * jnp.maximum(unit_norm(wide(jnp.asarray(p)), axes), eps)
        is_clipped = (norm > largest) & (role.role in applies_to)
        return jnp.where(is_clipped, ratio(wide(g), norm) * largest, wide(g)).astype(g.dtype), is_clipped

    def change(grads, own, params):
        clipped, flags = mapped(clip, 2, roles_of(grads, roles), grads, given_params(params))
        return clipped, ClippedUnits(share(flags))

    def start(params):
        return ClippedUnits(jnp.zeros((), jnp.float32))

    return filtered(inner, start, change, lambda own, updates, params: {"clipped": own.share})


class Norms(NamedTuple):
    """count: gradients so far, int32. norm: γ of each array, 0 before its first gradient. share: that were clipped."""

    count: jax.Array
    norm: PyTree
    share: jax.Array


@optimizer(
    family="wrapper",
    reference="Wang et al. 2025, arXiv:2502.11034, algorithm 1",
    shown_at={"warmup_steps": 1},
    exempt={"decay_rates": "its average is of norms, of those that it does not clip"},
)
def adagc(
    inner: Optimizer,
    relative: Annotated[Scalar, RELATIVE] = 1.05,
    decay: Annotated[Scalar, DECAY] = 0.98,
    absolute: Annotated[Scalar, BOUND] = 1.0,
    warmup_steps: Annotated[int, Domain(0)] = 100,
) -> Transformation:
    """AdaGC: the gradient of each array is at most a little longer than its own have been.

        h = min(λ_rel γ / ‖g‖, 1)      g = h g      γ = β γ + (1-β) ‖g‖      for each array

    In the first steps all arrays together are clipped to a norm of λ_abs, and γ is the smallest norm so far of each
    clipped one. A gradient of zeros leaves γ as it is there: a γ of 0 would clip an array to zero for good. Defaults
    are those of implementations of it. Measures `clipped`, the share of arrays.

    Args:
        inner: the optimizer that is given the gradient.
        relative: λ_rel > 0, in multiples of γ. decay: β in [0, 1), a memory of about 1/(1-β) steps.
        absolute: λ_abs > 0, in units of the gradient. warmup_steps: how many steps are the first ones.
    """

    def start(params):
        none = jax.tree.map(lambda p: jnp.zeros((), wide(jnp.asarray(p)).dtype), params)
        return Norms(jnp.zeros((), jnp.int32), none, jnp.zeros((), jnp.float32))

    def change(grads, own, params):
        grads = jax.tree.map(jnp.asarray, grads)
        is_first = own.count < warmup_steps
        together = clip_by_global_norm(grads, absolute)

        def clip(g, scaled, norm):
            length = array_norm(wide(g))
            largest = relative * norm
            is_clipped = (norm > 0) & (length > largest)
            alone = jnp.where(is_clipped, ratio(wide(g), length) * largest, wide(g)).astype(g.dtype)
            clipped = jnp.where(is_first, scaled, alone)
            length = array_norm(wide(clipped)).astype(norm.dtype)
            smallest = jnp.where(norm == 0, length, jnp.where(length == 0, norm, jnp.minimum(norm, length)))
            later = jnp.where(norm == 0, length, decay * norm + (1 - decay) * length)
            return clipped, jnp.where(is_first, smallest, later), jnp.any(clipped != g)

        clipped, norm, flags = mapped(clip, 3, grads, together, own.norm)
        return clipped, Norms(own.count + 1, norm, share(flags))

    return filtered(inner, start, change, lambda own, updates, params: {"clipped": own.share})
