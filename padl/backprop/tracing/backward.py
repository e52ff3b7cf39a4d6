"""The backward pass: gradients go back over a tape, added up in the order in which `jax.grad` does. backward."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.backprop.tracing.tape import Tape, TapeEntry
from padl.backprop.tracing.vjp import explained, is_real, replaced


class Gradients(NamedTuple):
    """What the backward pass computes.

    Attributes:
        adjoints: {node: ∂output/∂value}, for the nodes that a gradient reaches.
        operand_gradients: {first result of an operation: the gradient for each of its operands}.
    """

    adjoints: dict[int, Any]
    operand_gradients: dict[int, tuple[Any, ...]]


def backward(tape: Tape, outputs: Sequence[int], cotangents: Sequence[Any]) -> Gradients:
    """Go back over all operations, the last first.

    Args:
        tape: of the forward pass.
        outputs: the numbers of the results' nodes.
        cotangents: for each of them the gradient to start with; None for an integer.
    """
    adjoints: dict[int, Any] = {}
    operand_gradients: dict[int, tuple[Any, ...]] = {}

    def add(node: int, gradient: Any) -> None:
        adjoints[node] = adjoints[node] + gradient if node in adjoints else gradient

    for node, cotangent in zip(outputs, cotangents, strict=True):
        if cotangent is not None and tape.nodes[node].active:
            for n in {node, tape.nodes[node].root}:
                add(n, cotangent)
    for entry in reversed(tape.entries):
        results = [entry.results[i] for i in entry.smooth]
        if entry.vjp is None or not any(n in adjoints for n in results):
            continue
        incoming = [adjoints.get(n, jnp.zeros_like(tape.nodes[n].value)) for n in results]
        first = entry.results[0]
        with explained(tape.nodes[first].operation, first, tape.nodes[first].location.source):
            gradients = dict(zip(entry.active, entry.vjp(incoming), strict=True))
            if not entry.is_identity:
                adjoints |= _root_adjoints(tape, entry, incoming, gradients, adjoints)
        for i in reversed(entry.active):
            if entry.operands[i] != tape.nodes[entry.operands[i]].root:
                add(entry.operands[i], gradients[i])
        operand_gradients[first] = tuple(gradients.get(i) for i in range(len(entry.operands)))
    return Gradients(adjoints, operand_gradients)


def _root_adjoints(
    tape: Tape, entry: TapeEntry, incoming: list[Any], gradients: dict[int, Any], adjoints: dict[int, Any]
) -> dict[int, Any]:
    """Compute the adjoints of the roots of an operation's operands after it.

    What one operation sends may itself be a sum, and `jax.grad` adds its terms to what came before one by one. The same
    order results from differentiating the operation together with an identity of the roots, whose cotangents are what
    came before.
    """
    root_of = {i: tape.nodes[entry.operands[i]].root for i in entry.active}
    roots = list(dict.fromkeys(root_of.values()))
    if len(roots) == len(root_of) and not any(n in adjoints for n in roots):
        return {root_of[i]: gradient for i, gradient in gradients.items()}
    values = [tape.nodes[n].value for n in entry.operands]

    def results_and_roots(*root_values: Any) -> tuple[list[Any], list[Any]]:
        value_of = dict(zip(roots, root_values, strict=True))
        operands = [with_tangent_of(values[i], value_of[root]) for i, root in root_of.items()]
        results = entry.function(*replaced(values, entry.active, operands))
        return [x for x in results if is_real(x)], list(root_values)

    _, vjp = jax.vjp(results_and_roots, *(tape.nodes[n].value for n in roots))
    before = [adjoints.get(n, jnp.zeros_like(tape.nodes[n].value)) for n in roots]
    return dict(zip(roots, vjp((incoming, before)), strict=True))


@jax.custom_jvp
def with_tangent_of(value: Any, root: Any) -> Any:
    """Return the value, with the tangent of the root."""
    return value


@with_tangent_of.defjvp
def _(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[Any, Any]:
    return primals[0], tangents[1]
