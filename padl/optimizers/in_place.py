"""Update in place on CPUs, with nothing beside the slots that is as large as the parameters. after, overwritten_last.

XLA on CPUs copies a slot that two results read, for all arrays before it begins, unless it can tell that the one in its
place comes last; and keeps what two passes over an array need, for all arrays at once, where nothing makes one array
wait for another. Memory that is new in each step takes two to four times as long as the arithmetic. So results wait.
"""

from typing import Any

import jax
import jax.numpy as jnp

from padl.bucketed import Bucketed, is_bucketed
from padl.types import PyTree


def after(x: jax.Array, done: jax.Array, otherwise: Any = 0) -> jax.Array:
    """Return x, which on a CPU is there once the array `done` is; elsewhere one pass computes all, and nothing waits.

    Args:
        otherwise: what XLA is told that x may be, and never is: a number, or an array of the shape of x.
    """
    if not done.size:
        return x
    element = jax.lax.slice(done, (0,) * done.ndim, (1,) * done.ndim).reshape(())
    alternative = jnp.asarray(otherwise, x.dtype)
    return jax.lax.platform_dependent(x, element, alternative, cpu=_waiting, default=lambda x, element, alternative: x)


def _waiting(x: jax.Array, element: jax.Array, alternative: jax.Array) -> jax.Array:
    never = jnp.isnan(element) & (abs(element) < 1)  # which XLA does not find out
    return jnp.where(never, alternative, x)


def overwritten_last(names: tuple[str, ...], old: Any, new: Any, params: PyTree, updates: PyTree) -> Any:
    """Return the new slots, of which these wait for the moved parameters, and then each for the one before it.

    Args:
        names: the slots whose old values the direction or another slot reads, none of them read by one behind it.
        old, new: slots.
        params, updates: what is about to be added, as `optax.apply_updates` does; where it is not, nothing waits.
    """
    done = _in_form_of(getattr(new, names[0]), jax.tree.map(jnp.add, params, updates))
    for name in names:
        slot = getattr(new, name)
        # XLA computes again, and does not wait for, what has a single operand of its size: give it two
        otherwise = jax.tree.map(lambda x: 0, slot) if name == names[-1] else getattr(old, name)
        done = jax.tree.map(after, slot, done, otherwise)
        new = new._replace(**{name: done})
    return new


def _in_form_of(slot: Any, moved: PyTree) -> PyTree:
    """The moved parameters in the form of a slot: a bucket waits for the first of its arrays."""
    if not is_bucketed(slot):
        return moved
    leaves = slot.layout.tree.flatten_up_to(moved)
    return Bucketed(leaves[slot.layout.groups[0].places[0]], tuple(slot.layout.large(leaves)), slot.layout)
