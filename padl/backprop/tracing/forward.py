"""The forward pass: a jaxpr is walked equation by equation, and into the functions that it calls. walk."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from padl.backprop.tracing import internals
from padl.backprop.tracing.internals import Equation
from padl.backprop.tracing.tape import Location, Tape


def walk(tape: Tape, jaxpr: ClosedJaxpr, operands: Sequence[int], location: Location) -> list[int]:
    """Run a jaxpr, appending all that it computes to the tape.

    Args:
        tape: grows.
        jaxpr: of the function.
        operands: the numbers of its arguments' nodes.
        location: inside which nested functions it stands.

    Returns:
        The numbers of its results' nodes.
    """
    node_of = dict(zip(jaxpr.jaxpr.invars, operands, strict=True))
    for variable, value in zip(jaxpr.jaxpr.constvars, jaxpr.consts, strict=True):
        node_of[variable] = tape.add_constant(jnp.asarray(value))

    def read(atom: Any) -> int:
        value = internals.literal(atom)
        return node_of[atom] if value is None else tape.add_constant(jnp.asarray(value, atom.aval.dtype))

    for equation in internals.equations(jaxpr.jaxpr):
        results = _apply(tape, equation, [read(atom) for atom in equation.operands], location.at(equation))
        node_of |= dict(zip(equation.results, results, strict=True))
    return [read(atom) for atom in jaxpr.jaxpr.outvars]


def _apply(tape: Tape, equation: Equation, operands: list[int], location: Location) -> list[int]:
    """Run one equation: walk into the function that it calls, or run it as one operation."""
    if operands and internals.changes_only_weak_type(equation, tape.nodes[operands[0]].value):
        return operands
    may_enter = tape.depth is None or len(location.scope) < tape.depth
    if may_enter and equation.primitive in WALKS:
        return WALKS[equation.primitive](tape, equation, operands, location)
    name = internals.name_of(equation)
    inside: list[int] = []
    if may_enter and tape.custom and equation.primitive in internals.CUSTOM_RULE:
        with tape.without_gradients():
            inside = walk(tape, internals.called_jaxpr(equation), operands, tape.enter(location, name))
    return tape.run(name, equation.run, operands, location, equation, inside)


def _call(tape: Tape, equation: Equation, operands: list[int], location: Location) -> list[int]:
    return walk(tape, internals.called_jaxpr(equation), operands, tape.enter(location, internals.name_of(equation)))


def _cond(tape: Tape, equation: Equation, operands: list[int], location: Location) -> list[int]:
    """Walk the branch that is taken."""
    branches = internals.branches(equation)
    taken = int(np.clip(tape.nodes[operands[0]].value, 0, len(branches) - 1))
    return walk(tape, branches[taken], operands[1:], tape.enter(location, f"cond, branch {taken}"))


def _scan(tape: Tape, equation: Equation, operands: list[int], location: Location) -> list[int]:
    """Walk the steps one after the other, each on its row of what is scanned over."""
    loop = internals.scan_loop(equation)
    constants, carry, arrays = _split(operands, loop.constants, loop.carry)
    inside = tape.enter(location, "scan")
    rows: dict[int, list[int]] = {}
    for i in reversed(range(loop.length)) if loop.reverse else range(loop.length):
        at = inside.inside(f"step {i}")
        row = [n for array in arrays for n in tape.run("index", partial(_row, i), [array], at)]
        results = walk(tape, loop.body, [*constants, *carry, *row], at)
        carry, rows[i] = results[: loop.carry], results[loop.carry :]
    columns = zip(*(rows[i] for i in range(loop.length)), strict=True)
    return [*carry, *(n for column in columns for n in tape.run("stack", _stacked, column, inside))]


def _row(i: int, x: Any) -> list[Any]:
    return [jax.lax.index_in_dim(x, i, keepdims=False)]


def _stacked(*rows: Any) -> list[Any]:
    return [jnp.stack(rows)]


def _while(tape: Tape, equation: Equation, operands: list[int], location: Location) -> list[int]:
    """Walk as many steps as the condition asks for."""
    loop = internals.while_loop(equation)
    condition_constants, body_constants, carry = _split(operands, loop.condition_constants, loop.body_constants)
    condition = jaxpr_as_fun(loop.condition)
    inside, i = tape.enter(location, "while"), 0
    while condition(*(tape.nodes[n].value for n in (*condition_constants, *carry)))[0]:
        carry, i = walk(tape, loop.body, [*body_constants, *carry], inside.inside(f"step {i}")), i + 1
    return carry


def _split(numbers: list[int], first: int, second: int) -> tuple[list[int], list[int], list[int]]:
    return numbers[:first], numbers[first : first + second], numbers[first + second :]


WALKS: dict[str, Callable[[Tape, Equation, list[int], Location], list[int]]] = {
    **dict.fromkeys(internals.INLINED, _call),
    "cond": _cond,
    "scan": _scan,
    "while": _while,
}
