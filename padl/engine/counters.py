"""Which scalars of a rule's state the members of a batched sweep have in common. common_scalars.

What a rule does every k steps is a branch on its count of steps. It stays one under `vmap` only where the count is one
for all members: a predicate of which each member has its own becomes a selection, and both sides are computed at every
step. So a scalar is shared, unless something that tells the members apart reaches it. Each is judged by itself.
"""

from collections.abc import Callable

import jax
from jax.custom_batching import custom_vmap

from padl.types import PyTree


def common_scalars(
    init: Callable[[PyTree], PyTree],
    step: Callable[[PyTree, PyTree, PyTree], PyTree],
    rest: PyTree,
    members: PyTree,
    per_member: PyTree,
) -> PyTree:
    """Trace the first state of a rule and a step under `vmap`, and see which scalars stay one for all members.

    Args:
        init: members -> the rule's state. step: (its state, the rest of the state, members) -> its state after a step.
        rest, members: shapes, those of what each member has its own of with a leading axis. Of the rest that is all.
        per_member: of each array of `members`, whether it is.

    Returns:
        A tree of the form of the rule's state: True for a scalar that nothing of a member's own reaches.
    """
    init, step = jax.jit(init), jax.jit(step)  # traced once, whatever is batched
    axes = _axes(per_member)
    one = jax.eval_shape(init, jax.tree.map(_of_one, members, per_member))
    shared = jax.tree.map(lambda x, own: x.shape == () and not own, one, _batched(init, one, (axes,), (members,)))
    while True:  # until none is reached by way of another
        state = jax.tree.map(lambda x, each: x if each else _of_many(x), one, shared)
        own = jax.tree.map(lambda each: not each, shared)
        reached = _batched(step, one, (_axes(own), 0, axes), (state, rest, members))
        left = jax.tree.map(lambda before, now: before and not now, shared, reached)
        if left == shared:
            return shared
        shared = left


def _batched(function: Callable[..., PyTree], form: PyTree, axes: tuple[PyTree, ...], arguments: PyTree) -> PyTree:
    """Of each array of the result, of this form, whether `vmap` over these axes gives it an axis of members."""
    tree = jax.tree.structure(form)
    seen = [False] * tree.num_leaves  # where nothing is batched, the rule below is not asked

    @custom_vmap
    def watch(*leaves: jax.Array) -> tuple[jax.Array, ...]:
        return leaves

    @watch.def_vmap
    def _(size: int, batched: list[bool], *leaves: jax.Array) -> tuple[tuple[jax.Array, ...], tuple[bool, ...]]:
        seen[:] = batched
        return leaves, tuple(batched)

    jax.eval_shape(jax.vmap(lambda *given: watch(*jax.tree.leaves(function(*given))), axes), *arguments)
    return jax.tree.unflatten(tree, seen)


def _axes(per_member: PyTree) -> PyTree:
    return jax.tree.map(lambda each: 0 if each else None, per_member)


def _of_one(x: jax.ShapeDtypeStruct, each: bool) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(x.shape[1:] if each else x.shape, x.dtype)


def _of_many(x: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((1, *x.shape), x.dtype)
