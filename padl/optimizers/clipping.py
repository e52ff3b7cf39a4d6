"""Shorten a gradient to a norm, whatever its size: what has a direction keeps it. clipped."""

import jax
import jax.numpy as jnp

from padl.types import PyTree, at_least_float32

SAFE = (1e-15, 1e18)  # norms whose squares float32 holds, and those of elements that count


def clip_by_global_norm(gradient: PyTree, largest: jax.Array) -> PyTree:
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
