"""The slots of a rule: what its two functions return is checked, and kept as trees that mirror the parameters."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from padl.bucketed import Bucketed, BucketLayout, is_bucketed
from padl.roles.role import usual
from padl.rule_errors import RuleError, code_place
from padl.types import PyTree


def are_slots(slots: Any, init: Callable) -> Any:
    """Return what the `init` of a rule returned; RuleError where it is neither a NamedTuple of arrays nor ()."""
    if not hasattr(slots, "_fields") and not (isinstance(slots, tuple) and not slots):
        raise RuleError(
            f"init of a rule returns a NamedTuple of slots, or () for none, and not {kind_of(slots)}", code_place(init)
        )
    _are_arrays(slots, "init", init)
    return slots


def are_both(returned: Any, slots: Any, direction: Callable) -> tuple[Any, Any]:
    """Return the direction and the slots after it; RuleError where a rule returned no such two.

    Args:
        returned: by `direction`. slots: before it.
    """
    place = code_place(direction)
    if not isinstance(returned, tuple) or len(returned) != 2 or hasattr(returned, "_fields"):
        raise RuleError(f"direction of a rule returns (direction, slots), and not {kind_of(returned)}", place)
    if type(returned[1]) is not type(slots):
        now, before = kind_of(returned[1]), kind_of(slots)
        raise RuleError(f"direction of a rule returned slots that are {now}, and init {before}", place)
    _are_arrays(returned[1], "direction", direction)
    for name, old, new in zip(getattr(slots, "_fields", ()), slots, returned[1], strict=True):
        forms = [[jnp.shape(x) for x in jax.tree.leaves(slot)] for slot in (old, new)]
        if forms[0] != forms[1] or jax.tree.structure(old) != jax.tree.structure(new):
            raise RuleError(
                f"direction of a rule returned a slot {name} of another form than it had: {form_of(new)}, and before"
                f" {form_of(old)}",
                place,
            )
    return returned


def _are_arrays(slots: Any, what: str, function: Callable) -> None:
    """Refuse slots that are neither arrays, nor numbers, nor trees of them."""
    for name, slot in zip(getattr(slots, "_fields", ()), slots, strict=True):
        for x in jax.tree.leaves(slot):
            if not is_number_or_array(x):
                raise RuleError(
                    f"{what} of a rule returned a slot {name} with {kind_of(x)}, and slots hold arrays alone",
                    code_place(function),
                )


def is_number_or_array(x: Any) -> bool:
    """Tell whether JAX takes a value for an array: also one of its tracers, of its shapes, or a `Vector` of them."""
    return isinstance(x, (bool, int, float, complex)) or (hasattr(x, "shape") and hasattr(x, "dtype"))


def form_of(tree: Any) -> str:
    """Write a tree with the dtypes and shapes of its arrays."""
    written = jax.tree.map(lambda x: _Form(f"{jnp.result_type(x).name}{list(jnp.shape(x))}"), tree)
    return str(written)


class _Form(str):
    """Text that stands in a tree without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def kind_of(x: Any) -> str:
    """The type of a value, for messages: `an array`, `None`, `a dict`."""
    if isinstance(x, jax.Array):
        return "an array"
    return "None" if x is None else f"a {type(x).__name__}"


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
