"""Lifts a rule written for one array to trees of arrays. The step count and the dtype policy live only here.

A rule is two functions in the letters of its paper:

    init(p) -> slots                    p: one array; slots: a NamedTuple of arrays, or () for none
    direction(g, s, p, t) -> d, slots   g: its gradient, s: its slots, t: the step, 1 at the first; p is None
                                        where a caller of `update` leaves the parameters out, as Optax allows

`descend` turns the direction into the update -learning_rate * d.

Dtypes: parameters are real and of floating point, what else raises. A slot is float32 for parameters of half precision
and of the parameter's own dtype otherwise, whatever the gradient's; the rule is computed, and t comes, in the slot's
dtype; updates come back in the parameter's.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from optax import GradientTransformationExtraArgs

from padl.types import PadlError, PyTree, ScalarOrSchedule, at_least_float32

COMPLEX = "optimise the real and the imaginary part, as two arrays"
WHOLE = "a step is no whole number; convert them with .astype(jnp.float32), or leave out what is not learned"


class State(NamedTuple):
    """count: updates applied, int32. shared: what all arrays share beside it. slots: mirrors of the parameters."""

    count: jax.Array
    shared: PyTree
    slots: PyTree


class Rule(NamedTuple):
    """A lifted rule: `init(params) -> State` and `direction(grads, state, params) -> (directions, State)`."""

    init: Callable[[PyTree], State]
    direction: Callable[[PyTree, State, PyTree], tuple[PyTree, State]]


def leafwise(
    init: Callable[[jax.Array], Any],
    direction: Callable[..., tuple[jax.Array, Any]],
    shared: tuple[Any, Callable[[Any, jax.Array], Any]] | None = None,
) -> Rule:
    """Lift a rule for one array to trees.

    Args:
        init: p -> slots.
        direction: (g, s, p, t) -> (d, slots); with `shared`, (g, s, p, t, shared).
        shared: (start, advance): scalars that all arrays share, and (shared, t) -> shared, applied before each step.
    """
    start, advance = shared or ((), lambda nothing, t: nothing)

    def init_tree(params: PyTree) -> State:
        leaves, tree = jax.tree.flatten(real(params))
        slots = [init(p.astype(compute_dtype(p))) for p in leaves]
        return State(
            jnp.zeros((), jnp.int32), jax.tree.map(lambda x: jnp.asarray(x, float), start), _by_slot(init, slots, tree)
        )

    def direct_tree(grads: PyTree, state: State, params: PyTree) -> tuple[PyTree, State]:
        leaves, tree = jax.tree.flatten(real(grads, "gradients"))
        points = [None] * len(leaves) if params is None else tree.flatten_up_to(real(params))
        count = state.count + 1
        now = advance(state.shared, count.astype(float))
        extra = (now,) if shared else ()
        steps = []
        for g, p, s in zip(leaves, points, _by_leaf(init, state.slots, tree), strict=True):
            dtype = compute_dtype(g if p is None else p)
            d, new = direction(g.astype(dtype), s, p if p is None else p.astype(dtype), count.astype(dtype), *extra)
            steps.append((d, jax.tree.map(lambda a, old: a.astype(old.dtype), new, s)))
        directions = tree.unflatten([d for d, _ in steps])
        return directions, State(count, now, _by_slot(init, [s for _, s in steps], tree))

    return Rule(init_tree, direct_tree)


def descend(rule: Rule, learning_rate: ScalarOrSchedule) -> GradientTransformationExtraArgs:
    """Follow a rule downhill: the update is -learning_rate * direction, in the parameter's dtype.

    Args:
        learning_rate: a scalar, or a schedule of the count of updates already applied (0 at the first).
    """

    def init(params: PyTree) -> Any:
        return rule.init(params)

    def update(updates: PyTree, state: Any, params: PyTree | None = None, **_: Any) -> tuple[PyTree, Any]:
        rate = learning_rate(state.count) if callable(learning_rate) else learning_rate
        directions, new = rule.direction(updates, state, params)
        like = updates if params is None else params
        steps = jax.tree.map(
            lambda d, p: (-jnp.asarray(rate, d.dtype) * d).astype(jnp.result_type(p)), directions, like
        )
        return steps, new

    return GradientTransformationExtraArgs(init, update)


def real(tree: PyTree, what: str = "parameters") -> PyTree:
    """Make arrays of the leaves, which may be Python floats; PadlError for one that is not of real floating point."""
    arrays = jax.tree.map(jnp.asarray, tree)
    for path, x in jax.tree.leaves_with_path(arrays):
        if jnp.issubdtype(x.dtype, jnp.complexfloating):
            raise PadlError(f"{what}{jax.tree_util.keystr(path)} are {x.dtype.name}: {COMPLEX}")
        if not jnp.issubdtype(x.dtype, jnp.floating):
            raise PadlError(f"{what}{jax.tree_util.keystr(path)} are {x.dtype.name}: {WHOLE}")
    return arrays


def compute_dtype(p: jax.Array) -> Any:
    """The dtype a rule is computed and kept in: the parameter's, at least float32."""
    return at_least_float32(p.dtype)


def _slot_names(init: Callable) -> Any:
    """The slots of a rule, without arrays: their names must be known even for a tree without leaves."""
    return jax.eval_shape(init, jax.ShapeDtypeStruct((), jnp.float32))


def _by_slot(init: Callable, slots: list[Any], tree: Any) -> PyTree:
    """A list of slots, one for each leaf -> one slots of trees that mirror the parameters."""
    kind = _slot_names(init)
    return type(kind)(*(tree.unflatten(column) for column in zip(*slots, strict=True))) if slots else _empty(kind, tree)


def _empty(kind: Any, tree: Any) -> PyTree:
    return type(kind)(*(tree.unflatten([]) for _ in kind))


def _by_leaf(init: Callable, slots: PyTree, tree: Any) -> list[Any]:
    """The inverse of `_by_slot`."""
    columns = [tree.flatten_up_to(column) for column in slots]
    rows = zip(*columns, strict=True) if columns else [()] * tree.num_leaves
    kind = type(_slot_names(init))
    return [kind(*row) for row in rows]
