"""The slots of a rule: what its two functions return is checked, and kept as trees that mirror the parameters."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from padl.bucketed import Bucketed, BucketLayout, is_bucketed
from padl.roles.role import usual
from padl.types import PadlError, PyTree


def are_slots(slots: Any) -> Any:
    """Return what the `init` of a rule returned; PadlError where it is neither a NamedTuple nor ()."""
    if not hasattr(slots, "_fields") and not (isinstance(slots, tuple) and not slots):
        raise PadlError(f"init of a rule returns a NamedTuple of slots, or () for none, and not a {kind_of(slots)}")
    return slots


def are_both(returned: Any, slots: Any) -> tuple[Any, Any]:
    """Return the direction and the slots after it; PadlError where a rule returned no such two.

    Args:
        returned: by its `direction`. slots: before it.
    """
    if not isinstance(returned, tuple) or len(returned) != 2 or hasattr(returned, "_fields"):
        raise PadlError(f"direction of a rule returns (direction, slots), and not a {kind_of(returned)}")
    if type(returned[1]) is not type(slots):
        now, before = kind_of(returned[1]), kind_of(slots)
        raise PadlError(f"direction of a rule returned slots that are a {now}, and init a {before}")
    for name, old, new in zip(getattr(slots, "_fields", ()), slots, returned[1], strict=True):
        forms = [[jnp.shape(x) for x in jax.tree.leaves(slot)] for slot in (old, new)]
        if forms[0] != forms[1]:
            raise PadlError(f"direction of a rule returned a slot {name} of another form than it had")
    return returned


def kind_of(x: Any) -> str:
    """The name of a type, for messages: an array's is `array`."""
    return "array" if isinstance(x, jax.Array) else type(x).__name__


def by_slot(slots: list[Any], tree: Any, layout: BucketLayout | None) -> PyTree:
    """Slots of each array, of which there is one -> one slots of trees that mirror the parameters.

    Args:
        tree: the structure of the parameters. layout: where each of them is, if there is a bucket.
    """
    columns = zip(*slots, strict=True)
    if layout is None:
        return type(slots[0])(*(tree.unflatten(column) for column in columns))
    return type(slots[0])(*(Bucketed(small, tuple(large), layout) for small, *large in columns))


def empty(init: Callable, tree: Any, with_role: bool) -> PyTree:
    """Return the slots of a tree without leaves: their names are those of any array, here of a matrix."""
    role = {"role": usual("matrix", 2)} if with_role else {}
    kind = jax.eval_shape(partial(init, **role), jax.ShapeDtypeStruct((1, 1), jnp.float32))
    return type(kind)(*(tree.unflatten([]) for _ in kind))


def by_array(slots: PyTree, tree: Any) -> tuple[BucketLayout | None, list[Any]]:
    """Return the layout, and the slots of each array: the inverse of `by_slot`."""
    layout = next((column.layout for column in slots if is_bucketed(column)), None)
    if layout is None:
        columns = [tree.flatten_up_to(column) for column in slots]
    else:
        tree.flatten_up_to(layout.tree.unflatten(range(layout.tree.num_leaves)))  # raises where they differ
        columns = [[column.small, *column.large] for column in slots]
    rows = zip(*columns, strict=True) if columns else [()] * tree.num_leaves
    return layout, [type(slots)(row) if type(slots) is tuple else type(slots)(*row) for row in rows]
