"""Say what an optimizer does with a vector, a square and a long matrix: what it keeps of each, and of one that goes by
roles also who moves it and what that costs. states_of, ArrayFacts, arrays_of.
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp

from padl.app import names
from padl.app.optimizer_facts import made
from padl.engine.operations import DECOMPOSITIONS, operations_of, products_of
from padl.optimizers.groups import GroupedState
from padl.optimizers.leafwise import State
from padl.registry import Entry
from padl.roles import ParameterRole, usual
from padl.types import PadlError, one_line

MATRIX = usual("matrix", 2)
EXAMPLES = {
    "vector": ((256,), usual("bias", 1)),
    "square": ((256, 256), MATRIX),
    "long": ((256, 1024), MATRIX),
}  # {name: shape and role}


@dataclass(frozen=True)
class ArrayFacts:
    """What becomes of one parameter.

    Attributes:
        name, shape, role: of the parameter. by: the optimizer that moves it. slots: what that keeps, by name. state:
            numbers kept for each of the parameter's. products: multiplications of numbers in products of matrices, for
            each of the parameter's, in one update. decompositions: what else it computes, by name; not counted.
    """

    name: str
    shape: tuple[int, ...]
    role: str
    by: str
    slots: tuple[str, ...]
    state: float
    products: float
    decompositions: tuple[str, ...]


def states_of(entry: Entry) -> dict[str, float]:
    """Return how many arrays of its size an optimizer keeps of each example, {name: arrays}; of a wrapper its own.

    Raises:
        PadlError: it cannot be begun with such an array.
    """
    return {name: _arrays_kept(entry, name, shape) for name, (shape, _) in EXAMPLES.items()}


def _arrays_kept(entry: Entry, name: str, shape: tuple[int, ...]) -> float:
    parameter = "kernel" if len(shape) > 1 else "bias"  # the usual role of such a shape
    params = {parameter: jax.ShapeDtypeStruct(shape, jnp.float32)}
    try:
        state = jax.eval_shape(made(entry).init, params)
    except Exception as error:  # a stranger's code
        raise PadlError(
            f"optimizer '{entry.name}' from {entry.origin} fails on a {name} array {shape}: {one_line(error)}"
        ) from error
    return sum(x.size for x in jax.tree.leaves(state) if x.ndim) / math.prod(shape)


def goes_by_roles(entry: Entry) -> bool:
    """Whether an optimizer, which is no wrapper, asks for the roles of parameters."""
    return entry.kind == "optimizer" and not entry.stand_ins and entry.split({})[0].wants_roles


@cache
def arrays_of(name: str) -> tuple[ArrayFacts, ...]:
    """Trace an update of each example by an optimizer of that name, with its default hyperparameters."""
    entry = names.of("optimizer").get(name)
    return tuple(_facts(entry, example, *EXAMPLES[example]) for example in EXAMPLES)


def _facts(entry: Entry, name: str, shape: tuple[int, ...], role: ParameterRole) -> ArrayFacts:
    choice, scalars = entry.split({})
    optimizer, params = choice(**scalars, roles={"array": role}), {"array": jax.ShapeDtypeStruct(shape, jnp.float32)}
    state = jax.eval_shape(optimizer.init, params)
    key = jax.eval_shape(lambda: jax.random.key(0))
    update = lambda g, s, p, key: optimizer.update(g, s, p, key=key)  # noqa: E731
    jaxpr = jax.make_jaxpr(update)(params, state, params, key)
    size, part = math.prod(shape), _mover(state)
    kept = sum(x.size for x in jax.tree.leaves(state) if x.ndim) / size
    found = tuple(sorted(operations_of(jaxpr) & DECOMPOSITIONS))
    by = str(entry.hyperparameters["others"].default) if part == "others" else entry.name
    return ArrayFacts(name, shape, role.role, by, _slots(state), kept, products_of(jaxpr) / size, found)


def _mover(state: Any) -> str:
    """Which of the groups of a rule with a companion has the array; "" of a rule without one."""
    groups = state.groups if isinstance(state, GroupedState) else {}
    return next((name for name, own in groups.items() if any(x.ndim for x in jax.tree.leaves(own))), "")


def _slots(state: Any) -> tuple[str, ...]:
    """The names of the slots that hold something."""
    states = jax.tree.leaves(state, is_leaf=lambda x: isinstance(x, State))
    slots = [x.slots for x in states if isinstance(x, State) and hasattr(x.slots, "_asdict")]
    return tuple(name for each in slots for name, kept in each._asdict().items() if jax.tree.leaves(kept))
