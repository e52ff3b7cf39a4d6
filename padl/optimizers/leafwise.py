"""Lifts a rule written for one array to trees of arrays. The step count and the dtype policy live in this file.

A rule is two functions in the letters of its paper:

    init(p) -> slots                    p: one array; slots: a NamedTuple of arrays, or () for none
    direction(g, s, p, t) -> d, slots   g: its gradient, s: its slots, t: the step, 1 at the first; p is None
                                        where a caller of `update` leaves the parameters out, as Optax allows

`descend` turns the direction into the update -learning_rate * d. A rule with sums over all arrays is lifted by
`treewise`.

Dtypes: parameters are real and of floating point, what else raises. A slot is float32 for parameters of half precision
and of the parameter's own dtype otherwise, whatever the gradient's, or what its `StateDtype` says; the rule is
computed, and t comes, in the parameter's dtype or float32; updates come back in the parameter's.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.bucketed import BucketLayout, layout_of
from padl.optimizers.in_place import after
from padl.optimizers.rounding import Policy, computed, first_stored, is_stochastic, stored, with_key
from padl.optimizers.slots import are_both, are_slots, by_array, by_slot, empty
from padl.optimizers.transformation import extra, given_params
from padl.optimizers.units import Roles, roles_of
from padl.roles import ParameterRole
from padl.roles.role import parameter_name
from padl.rule_errors import check_call
from padl.types import Key, PadlError, PyTree, at_least_float32

COMPLEX = "optimise the real and the imaginary part, as two arrays"
WHOLE = "a step is no whole number; convert them with .astype(jnp.float32), or leave out what is not learned"
PARAMS = "params"  # the need of a rule that cannot do without the parameters
LEARNING_RATE = "learning_rate"  # the need that `descend` and `move` fill
ROLE = "role"  # the need of a rule whose arrays have axes of inputs and of outputs
OF_ALL_ARRAYS = ("value_fn", "grad", "grad_fn")  # needs of which one array has no part


class State(NamedTuple):
    """count: updates applied, int32. shared: what all arrays share beside it. slots: mirrors of the parameters."""

    count: jax.Array
    shared: PyTree
    slots: PyTree


class Rule(NamedTuple):
    """A lifted rule.

    Attributes:
        init: params -> State.
        direction: (grads, state, params, extras) -> (directions, State); directions are in the dtype that the rule is
            computed in, extras what it needs by name.
        needs: those names; PARAMS where it cannot do without the parameters.
        overwritten_last: slots that wait for the moved parameters, see `padl.optimizers.in_place`.
    """

    init: Callable[[PyTree], State]
    direction: Callable[[PyTree, State, PyTree, Mapping[str, Any]], tuple[PyTree, State]]
    needs: tuple[str, ...] = ()
    overwritten_last: tuple[str, ...] = ()


def leafwise(
    init: Callable[..., Any],
    direction: Callable[..., tuple[jax.Array, Any]],
    shared: tuple[Any, Callable[[Any, jax.Array], Any]] | None = None,
    needs: tuple[str, ...] = (),
    dtypes: Policy | None = None,
    elementwise: bool = False,
    overwritten_last: tuple[str, ...] = (),
    one_at_a_time: bool = False,
    roles: Roles | None = None,
) -> Rule:
    """Lift a rule for one array to trees.

    Args:
        init: p -> slots.
        direction: (g, s, p, t) -> (d, slots); with `shared`, (g, s, p, t, shared); what it needs comes by name.
        shared: (start, advance): scalars that all arrays share, and (shared, t) -> shared, applied before each step.
        needs: "params", so that p is never None; "learning_rate" of this step; "value" of the loss; "key" of this step
            and array; "role" of this array, a `padl.roles.ParameterRole`, which `init` is given too.
        dtypes: {slot: what it is stored in}.
        elementwise: whether d and slots of a number depend on that number's g, s and p alone, and slots have the shape
            of p. The slots of many small arrays are then one array (padl/bucketed.py), and so is the work on them.
        overwritten_last: the slots whose old values the direction or another slot reads, none of them read by one
            behind it; they are then overwritten in place on CPUs too.
        one_at_a_time: whether an array waits for the one before it, so that what is kept between two passes over an
            array, as a norm needs them, is kept for one array and not for all.
        roles: {path: role}, where "role" is needed; None infers them.

    Raises:
        PadlError: it needs what only a rule over all arrays can be given; one of the two functions takes other
            arguments; by its functions, slots that are none, or nothing that is (d, slots).
    """
    of_all = [need for need in needs if need in OF_ALL_ARRAYS]
    if of_all:
        raise PadlError(f"leafwise cannot give {of_all[0]}, which is of all arrays together: lift the rule by treewise")
    check_call(init, "init of a rule", "p", [ROLE] if ROLE in needs else [])
    by_position = "g, s, p, t, shared" if shared else "g, s, p, t"
    check_call(direction, "direction of a rule", by_position, [need for need in needs if need != PARAMS])
    start, advance = shared or ((), lambda nothing, t: nothing)
    policy = dtypes or {}
    read = [need for need in needs if need not in (PARAMS, ROLE)]
    random = is_stochastic(policy)
    in_bucket = elementwise and not random and "key" not in needs

    def init_tree(params: PyTree) -> State:
        leaves, tree = jax.tree.flatten(real(params))
        layout = layout_of(leaves, tree) if in_bucket else None
        arrays = _packed(layout, leaves)
        of_each = _roles(params, roles) if ROLE in needs else [{}] * len(arrays)
        slots = [
            first_stored(are_slots(init(p.astype(compute_dtype(p)), **role), init), policy)
            for p, role in zip(arrays, of_each, strict=True)
        ]
        first = jax.tree.map(lambda x: jnp.asarray(x, float), start)
        return State(
            jnp.zeros((), jnp.int32), first, by_slot(slots, tree, layout) if slots else empty(init, tree, ROLE in needs)
        )

    def direct_tree(grads: PyTree, state: State, params: PyTree, extras: Mapping[str, Any]) -> tuple[PyTree, State]:
        leaves, tree = jax.tree.flatten(real(grads, "gradients"))
        count = state.count + 1
        now = advance(state.shared, count.astype(float))
        given = {need: extra(extras, need) for need in read}
        layout, slots = by_array(state.slots, tree)
        zero = jnp.minimum(state.count, 0)
        gradients, points = (_packed(layout, x, zero) for x in (leaves, points_of(params, tree, needs)))
        rounding_keys = keys_of(extra(extras, "key"), grads) if random else [None] * len(gradients)
        keys = keys_of(given["key"], grads) if "key" in given else rounding_keys
        of_each = _roles(grads, roles) if ROLE in needs else [{}] * len(gradients)
        steps = []
        for g, p, s, key, rounding_key, role in zip(
            gradients, points, slots, keys, rounding_keys, of_each, strict=True
        ):
            dtype = compute_dtype(g if p is None else p)
            point = p if p is None else p.astype(dtype)
            more = {need: key if need == "key" else jnp.asarray(x, dtype) for need, x in given.items()} | role
            extra_args = (now,) if shared else ()
            if one_at_a_time and steps:
                g, point = after(g, steps[-1][0]), None if point is None else after(point, steps[-1][0])
            d, new = are_both(
                direction(g.astype(dtype), computed(s, dtype), point, count.astype(dtype), *extra_args, **more),
                s,
                direction,
            )
            steps.append((d, stored(new, s, policy, rounding_key)))
        directions = [d for d, _ in steps]
        directions = directions if layout is None else layout.unpack(directions, zero)
        new_slots = by_slot([s for _, s in steps], tree, layout) if steps else state.slots
        return tree.unflatten(directions), State(count, now, new_slots)

    read_by_name = tuple(need for need in with_key(needs, policy) if need != ROLE)
    return Rule(init_tree, direct_tree, read_by_name, overwritten_last)


def _roles(tree: PyTree, roles: Roles | None) -> list[dict[str, ParameterRole]]:
    """What tells a rule the role of each array, by the path of it."""
    return [{ROLE: role} for role in jax.tree.leaves(roles_of(tree, roles))]


def _packed(layout: BucketLayout | None, leaves: list[Any], zero: jax.Array | int = 0) -> list[Any]:
    """The arrays that the rule is computed for: the leaves, or a bucket of them; None for each that is left out."""
    if layout is None:
        return leaves
    return [None] * layout.arrays if any(x is None for x in leaves) else layout.pack(leaves, zero)


def points_of(params: PyTree, tree: Any, needs: tuple[str, ...]) -> list[Any]:
    """The parameters as a list, of None where they are left out; PadlError for a rule that needs them."""
    if params is not None or PARAMS in needs:
        return tree.flatten_up_to(real(given_params(params)))
    return [None] * tree.num_leaves


def keys_of(key: Key, tree: PyTree) -> list[Key]:
    """Random numbers of each array of a tree, by its path: the order of the arrays does not matter."""
    paths = [parameter_name(path) for path, _ in jax.tree.leaves_with_path(tree)]
    return [jax.random.fold_in(key, zlib.crc32(path.encode())) for path in paths]


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
