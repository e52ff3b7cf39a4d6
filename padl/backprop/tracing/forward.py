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
from padl.backprop.tracing.tape import Place, Tape


def walk(tape: Tape, jaxpr: ClosedJaxpr, operands: Sequence[int], place: Place) -> list[int]:
    """Run a jaxpr on values that are nodes; the numbers of its results."""
    known = dict(zip(jaxpr.jaxpr.invars, operands, strict=True))
    for variable, value in zip(jaxpr.jaxpr.constvars, jaxpr.consts, strict=True):
        known[variable] = tape.add("constant", jnp.asarray(value))

    def read(atom: Any) -> int:
        value = internals.literal(atom)
        return known[atom] if value is None else tape.add("constant", jnp.asarray(value, atom.aval.dtype))

    for equation in internals.equations(jaxpr.jaxpr):
        results = _apply(tape, equation, [read(atom) for atom in equation.operands], place.at(equation))
        known |= dict(zip(equation.results, results, strict=True))
    return [read(atom) for atom in jaxpr.jaxpr.outvars]


def _apply(tape: Tape, equation: Equation, operands: list[int], place: Place) -> list[int]:
    """Run one equation: walk into it, or as a whole."""
    if operands and _changes_nothing(equation, tape.value(operands[0])):
        return operands
    room = tape.depth is None or len(place.scope) < tape.depth
    opened = OPENED.get(equation.primitive) if room else None
    if opened:
        return opened(tape, equation, operands, place)
    name = internals.name_of(equation)
    inside: list[int] = []
    if room and tape.custom and equation.primitive in internals.OWN_RULE:
        with tape.muted():
            inside = walk(tape, internals.inner(equation), operands, tape.inside(place, name))
    return tape.run(name, equation.run, operands, place, equation, inside)


def _changes_nothing(equation: Equation, value: Any) -> bool:
    """Whether it only changes whether a type is weak, which no value and no gradient shows."""
    return equation.primitive == "convert_element_type" and equation.params["new_dtype"] == value.dtype


def _call(tape: Tape, equation: Equation, operands: list[int], place: Place) -> list[int]:
    return walk(tape, internals.inner(equation), operands, tape.inside(place, internals.name_of(equation)))


def _cond(tape: Tape, equation: Equation, operands: list[int], place: Place) -> list[int]:
    branches = equation.params["branches"]
    taken = int(np.clip(tape.value(operands[0]), 0, len(branches) - 1))
    return walk(tape, branches[taken], operands[1:], tape.inside(place, f"cond, branch {taken}"))


def _scan(tape: Tape, equation: Equation, operands: list[int], place: Place) -> list[int]:
    """The steps one after the other, each on its row of what is scanned over."""
    params, length = equation.params, equation.params["length"]
    consts, carry, columns = _split(operands, params["num_consts"], params["num_carry"])
    inside = tape.inside(place, "scan")
    rows: dict[int, list[int]] = {}
    for i in reversed(range(length)) if params["reverse"] else range(length):
        at = inside._replace(scope=(*inside.scope, f"step {i}"))
        row = partial(_row, i)
        slices = [n for column in columns for n in tape.run("index", row, [column], at)]
        results = walk(tape, params["jaxpr"], [*consts, *carry, *slices], at)
        carry, rows[i] = results[: params["num_carry"]], results[params["num_carry"] :]
    stacked = [
        n
        for column in zip(*(rows[i] for i in range(length)), strict=True)
        for n in tape.run("stack", _stacked, column, inside)
    ]
    return [*carry, *stacked]


def _row(i: int, x: Any) -> list[Any]:
    return [jax.lax.index_in_dim(x, i, keepdims=False)]


def _stacked(*rows: Any) -> list[Any]:
    return [jnp.stack(rows)]


def _while(tape: Tape, equation: Equation, operands: list[int], place: Place) -> list[int]:
    """As many steps as the condition asks for."""
    params = equation.params
    of_condition, of_body, carry = _split(operands, params["cond_nconsts"], params["body_nconsts"])
    condition = jaxpr_as_fun(params["cond_jaxpr"])
    inside, i = tape.inside(place, "while"), 0
    while condition(*(tape.value(n) for n in (*of_condition, *carry)))[0]:
        at = inside._replace(scope=(*inside.scope, f"step {i}"))
        carry, i = walk(tape, params["body_jaxpr"], [*of_body, *carry], at), i + 1
    return carry


def _split(numbers: list[int], first: int, second: int) -> tuple[list[int], list[int], list[int]]:
    return numbers[:first], numbers[first : first + second], numbers[first + second :]


OPENED: dict[str, Callable[[Tape, Equation, list[int], Place], list[int]]] = {
    **dict.fromkeys(internals.INLINED, _call),
    "cond": _cond,
    "scan": _scan,
    "while": _while,
}
