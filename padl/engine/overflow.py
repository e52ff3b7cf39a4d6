"""What float32 could not hold of an optimizer's memory. overflowed."""

import jax
import jax.numpy as jnp

from padl.bucketed import is_bucketed
from padl.types import Params, PyTree


def overflowed(opt_state: PyTree, params: Params) -> jax.Array:
    """Count the numbers of the parameters whose counterpart in an optimizer's state is infinite: (), int32.

    The square of a gradient above 1.8e19 is infinite in float32, and so is every mean or sum of squares from then on.
    A rule that divides by its root moves that number no more, and nothing else shows it. Only parts of the state that
    are shaped as the parameters are looked at: what stands beside them may begin at infinity.
    """
    kept = jax.tree.leaves(opt_state, is_leaf=lambda t: is_bucketed(t) or _mirrors(t, params))
    structure = jax.tree.structure(params)
    forms = (
        [tree for tree in kept if _mirrors(tree, params)],
        [(tree.small, *tree.large) for tree in kept if is_bucketed(tree) and tree.layout.tree == structure],
    )
    count = jnp.zeros((), jnp.int32)
    for mirrors in forms:
        for of_one in zip(*map(jax.tree.leaves, mirrors), strict=True):
            count += jnp.stack([jnp.isinf(x) for x in of_one]).any(0).sum(dtype=jnp.int32)
    return count


def _mirrors(tree: PyTree, params: Params) -> bool:
    if jax.tree.structure(tree) != jax.tree.structure(params):
        return False
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(params), strict=True)
    return all(jnp.shape(a) == jnp.shape(p) and jnp.issubdtype(jnp.result_type(a), jnp.floating) for a, p in pairs)
