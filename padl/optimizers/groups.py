"""Give groups of parameters an optimizer each: by the path of a parameter, or by its role. grouped, OptimizerGroup."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from optax import GradientTransformation

from padl.norm_order import norm_held_by
from padl.optimizers.transformation import (
    CALLS,
    Calls,
    Transformation,
    given_params,
    measures_of,
    needed,
    needs_of,
    rates_of,
    readout_of,
    trained,
    updated,
)
from padl.optimizers.units import by_path
from padl.roles.role import parameter_name
from padl.types import PadlError, Params, PyTree

TREES, POINTS = ("grad",), ("grad_fn", "value_fn")  # extras that are of the whole tree, and that take one


class OptimizerGroup(NamedTuple):
    """The optimizer of some parameters.

    Attributes:
        optimizer: theirs. every: they move at every so manieth step, and are still in between.
    """

    optimizer: GradientTransformation
    every: int = 1


class GroupedState(NamedTuple):
    """count: updates applied, int32. groups: {group: the state of its optimizer}."""

    count: jax.Array
    groups: dict[str, PyTree]


Assign = Callable[[Params], Mapping[str, str]]  # parameters, or their shapes -> {path: group}


def grouped(groups: Mapping[str, OptimizerGroup], assign: Assign) -> Transformation:
    """Make one optimizer of several, each of its own parameters.

    The optimizer of a group sees a dict {path: array}, with the paths of `padl.roles`; what it asks for elsewhere
    moves its own parameters alone.

    Args:
        assign: says which group each parameter is of, without looking at numbers.

    Raises:
        PadlError: by its functions, for a parameter that is in no group.
    """

    def init(params: PyTree) -> GroupedState:
        members = _members(groups, assign, params)
        states = {name: groups[name].optimizer.init(_part(params, members[name])) for name in groups}
        return GroupedState(jnp.zeros((), jnp.int32), states)

    def update(
        grads: PyTree, state: GroupedState, params: PyTree | None = None, **extras: Any
    ) -> tuple[PyTree, GroupedState]:
        members = _members(groups, assign, grads if params is None else params)
        updates: dict[str, Any] = {}
        states = {}
        for name, group in groups.items():
            paths = members[name]
            asked = needed(group.optimizer, extras)
            mine = {need: _for_group(need, x, params, paths) for need, x in asked.items()}
            if CALLS in extras or group.every > 1:
                mine[CALLS] = _calls(group, state, extras.get(CALLS))
            point = None if params is None else _part(params, paths)
            moved, states[name] = _every(group, state.count, _part(grads, paths), state.groups[name], point, mine)
            updates |= moved
        leaves, tree = jax.tree.flatten_with_path(grads)
        return tree.unflatten([updates[parameter_name(path)] for path, _ in leaves]), GroupedState(
            state.count + 1, states
        )

    def readout(state: GroupedState, params: Params) -> Params:
        members = _members(groups, assign, params)
        judged: dict[str, Any] = {}
        for name, group in groups.items():
            judged |= readout_of(group.optimizer)(state.groups[name], _part(params, members[name]))
        return _with(params, judged)

    def measure(state: GroupedState, updates: PyTree, params: Params) -> dict[str, jax.Array]:
        members = _members(groups, assign, params)
        measured = {}
        for name, group in groups.items():
            paths = members[name]
            of_group = measures_of(group.optimizer)(state.groups[name], _part(updates, paths), _part(params, paths))
            measured |= {f"{key}.{name}": x for key, x in of_group.items()}
        return measured

    def rates(state: GroupedState, params: Params, calls: Calls | None) -> PyTree:
        members = _members(groups, assign, params)
        of_all: dict[str, Any] = {}
        for name, group in groups.items():
            part, at = _part(params, members[name]), _calls(group, state, calls)
            of_group = rates_of(group.optimizer, "what is around these groups")(state.groups[name], part, at)
            moves = state.count % group.every == 0
            of_all |= {path: r._replace(now=jnp.where(moves, r.now, 0)) for path, r in of_group.items()}
        return _with(params, of_all)

    needs = frozenset().union(*(needs_of(group.optimizer) for group in groups.values()))
    as_trained = all(readout_of(group.optimizer) is trained for group in groups.values())
    judged_of = trained if as_trained else readout
    held = norm_held_by(*(group.optimizer for group in groups.values()))
    return Transformation(init, update, needs=needs, readout=judged_of, measure=measure, rates=rates, norm_held_by=held)


def _calls(group: OptimizerGroup, state: GroupedState, calls: Calls | None) -> Calls | None:
    """What the schedule of a group goes by: the calls, also where it makes an update at some of them only."""
    if calls is not None:
        return calls._replace(every=calls.every * group.every)
    return Calls(state.count, group.every) if group.every > 1 else None


def _members(groups: Mapping[str, OptimizerGroup], assign: Assign, params: PyTree) -> dict[str, list[str]]:
    """The paths of each group's parameters."""
    of = assign(params)
    members: dict[str, list[str]] = {name: [] for name in groups}
    for path in map(parameter_name, dict(jax.tree.leaves_with_path(params))):
        if of.get(path) not in members:
            raise PadlError(f"parameter {path} is in no group of the optimizer: there are {', '.join(groups)}")
        members[of[path]].append(path)
    return members


def _part(tree: PyTree, paths: list[str]) -> dict[str, Any]:
    """The arrays of a tree at these paths."""
    arrays = by_path(tree)
    return {path: arrays[path] for path in paths}


def _with(tree: PyTree, part: Mapping[str, Any]) -> PyTree:
    """A tree with other arrays at some paths."""
    return jax.tree.map_with_path(lambda path, x: part.get(parameter_name(path), x), tree)


def _for_group(need: str, given: Any, params: PyTree | None, paths: list[str]) -> Any:
    """What a group's optimizer needs, of its own parameters alone."""
    if need in TREES:
        return _part(given, paths)
    if need not in POINTS:
        return given
    whole = given_params(params)
    at = lambda part: given(_with(whole, part))  # noqa: E731
    return at if need == "value_fn" else lambda part: _part(at(part), paths)


def _every(
    group: OptimizerGroup,
    count: jax.Array,
    grads: PyTree,
    state: PyTree,
    params: PyTree | None,
    extras: Mapping[str, Any],
) -> tuple[dict[str, Any], PyTree]:
    """One step of a group, or none: a branch on the step count, which all members of a sweep share."""

    def move(state: PyTree) -> tuple[Any, PyTree]:
        return updated(group.optimizer, grads, state, params, extras)

    def stay(state: PyTree) -> tuple[Any, PyTree]:
        like = grads if params is None else params
        return jax.tree.map(jnp.zeros_like, like), state

    if group.every == 1:
        return move(state)
    return jax.lax.cond(count % group.every == 0, move, stay, state)
