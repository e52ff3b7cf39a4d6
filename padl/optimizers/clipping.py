"""Shorten a gradient by a fixed bound: to a norm, whatever its size, or number by number. clip_value, clip_norm."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.transformation import Transformation
from padl.optimizers.units import share
from padl.optimizers.wrapping import filtered
from padl.registry import optimizer
from padl.types import DOMAINS, Domain, Optimizer, PyTree, Scalar, at_least_float32

SAFE = (1e-15, 1e18)  # norms whose squares float32 holds, and those of elements that count

BOUND = Domain(0.0, low_open=True, high_open=True, search=(1e-3, 10.0), scale="log")


@optimizer(family="wrapper", reference="Mikolov 2012, PhD thesis; also in Pascanu et al. 2013, arXiv:1211.5063")
def clip_value(inner: Optimizer, value: Annotated[Scalar, BOUND] = 1.0) -> Transformation:
    """Clip by value: no number of the gradient is larger than a bound. The direction is not kept.

        g = min(max(g, -c), c)      number by number, before `inner`

    Measures `clipped`, the share of the numbers that were changed.

    Args:
        inner: the optimizer that is given the gradient. value: c > 0, in units of the gradient.
    """

    def clip(g: jax.Array) -> jax.Array:
        return jnp.clip(g, -jnp.asarray(value, g.dtype), jnp.asarray(value, g.dtype))

    def change(grads, own, params):
        clipped = jax.tree.map(clip, jax.tree.map(jnp.asarray, grads))
        return clipped, Clipped(share(jax.tree.map(jnp.not_equal, clipped, grads)))

    return filtered(inner, none_clipped, change, clipped_share)


@optimizer(family="wrapper", reference="Pascanu et al. 2013, arXiv:1211.5063, algorithm 1")
def clip_norm(inner: Optimizer, norm: Annotated[Scalar, DOMAINS["clip_norm"]] = 1.0) -> Transformation:
    """Clip by the global norm: a gradient longer than a bound is scaled to it, all parameters together.

        g  for ‖g‖ < c,   c g / ‖g‖  otherwise      before `inner`

    It is `clip_norm=` of a run, at a place among the wrappers that is chosen, or in a group of parameters. Measures
    `clipped`, 1 where a step's gradient was scaled and 0 otherwise: the mean is the share of steps.

    Args:
        inner: the optimizer that is given the gradient. norm: c > 0, in units of the gradient.
    """

    def change(grads, own, params):
        arrays = jax.tree.map(jnp.asarray, grads)
        clipped = clip_by_global_norm(arrays, norm)
        return clipped, Clipped(jnp.ceil(share(jax.tree.map(jnp.not_equal, clipped, arrays))))

    return filtered(inner, none_clipped, change, clipped_share)


class Clipped(NamedTuple):
    """share: of what was clipped in the last gradient."""

    share: jax.Array


def none_clipped(params: PyTree) -> Clipped:
    """Begin with nothing clipped."""
    return Clipped(jnp.zeros((), jnp.float32))


def clipped_share(own: Clipped, updates: PyTree, params: PyTree) -> dict[str, jax.Array]:
    """Measure how much was clipped."""
    return {"clipped": own.share}


def clip_by_global_norm(gradient: PyTree, largest: Scalar) -> PyTree:
    """Scale a gradient down to the Euclidean norm `largest` of all its numbers together, where it is longer.

        g  for ‖g‖ < c,   c g / ‖g‖  otherwise      (Pascanu et al. 2013, arXiv:1211.5063, algorithm 1)

    Args:
        gradient: a tree of arrays; their squares need not be representable. largest: c > 0, in units of the gradient.

    Returns:
        A tree of the same shapes and dtypes; NaN, where the gradient is not finite, in what is infinite at least.
    """
    leaves, tree = jax.tree.flatten(gradient)
    if not leaves:
        return gradient
    wide = [x.astype(at_least_float32(x.dtype)) for x in leaves]
    norm = _norm(wide)
    is_safe = (norm > SAFE[0]) & (norm < SAFE[1])
    scale, norm = jax.lax.cond(is_safe, lambda: (jnp.ones_like(norm), norm), lambda: _scaled_norm(wide))
    clipped = [jnp.where(norm < largest * scale, x, x * scale / norm * largest) for x in wide]
    return tree.unflatten([c.astype(x.dtype) for c, x in zip(clipped, leaves, strict=True)])


def _scaled_norm(leaves: list[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """A power of two that brings the largest number near 1, by which nothing is rounded, and the norm times that."""
    magnitude = jnp.stack([jnp.abs(x).max(initial=0) for x in leaves]).max()
    exponent = jnp.clip(jnp.frexp(magnitude)[1], -125, 125)
    scale = jnp.ldexp(jnp.ones_like(magnitude), -exponent)
    return scale, _norm([x * scale for x in leaves])


def _norm(leaves: list[jax.Array]) -> jax.Array:
    return jnp.sqrt(sum((jnp.sum(jnp.square(x)) for x in leaves), start=jnp.zeros((), leaves[0].dtype)))
