"""The backward pass: gradients go back over a tape, added up in the order in which `jax.grad` does. backward."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from padl.backprop.tracing.tape import Step, Tape, explained, filled, is_real


def backward(
    tape: Tape, outputs: Sequence[int], seeds: Sequence[Any]
) -> tuple[dict[int, Any], dict[int, tuple[Any, ...]]]:
    """({node: its adjoint}, {node: what it sends to each operand}), the last operation first."""
    drafts = tape.drafts
    adjoints: dict[int, Any] = {}
    sent: dict[int, tuple[Any, ...]] = {}

    def receive(node: int, gradient: Any) -> None:
        adjoints[node] = adjoints[node] + gradient if node in adjoints else gradient

    for node, seed in zip(outputs, seeds, strict=True):
        if seed is not None and drafts[node].active:
            for n in {node, drafts[node].root}:
                receive(n, seed)
    for step in reversed(tape.steps):
        from_results = [step.results[i] for i in step.carries]
        if step.pull is None or not any(n in adjoints for n in from_results):
            continue
        given = [adjoints.get(n, jnp.zeros_like(drafts[n].value)) for n in from_results]
        draft = drafts[step.results[0]]
        with explained(draft.operation, step.results[0], draft.place):
            gradients = dict(zip(step.active, step.pull(given), strict=True))
            if not step.passes:
                adjoints |= _added(tape, step, given, gradients, adjoints)
        for i in reversed(step.active):
            if step.operands[i] != drafts[step.operands[i]].root:
                receive(step.operands[i], gradients[i])
        sent[step.results[0]] = tuple(gradients.get(i) for i in range(len(step.operands)))
    return adjoints, sent


def _added(
    tape: Tape, step: Step, given: list[Any], gradients: dict[int, Any], adjoints: dict[int, Any]
) -> dict[int, Any]:
    """The adjoints of the roots of a step's operands after it.

    What one operation sends may itself be a sum, and `jax.grad` adds its terms to what came before one by one. The same
    order comes of differentiating the operation together with its operands, which begin with what came before.
    """
    root_at = {i: tape.drafts[step.operands[i]].root for i in step.active}
    roots = list(dict.fromkeys(root_at.values()))
    if len(roots) == len(root_at) and not any(n in adjoints for n in roots):
        return {root_at[i]: gradient for i, gradient in gradients.items()}
    values = [tape.drafts[n].value for n in step.operands]

    def with_roots(*xs: Any) -> tuple[list[Any], list[Any]]:
        known = dict(zip(roots, xs, strict=True))
        moved = [standing_for(values[i], known[root]) for i, root in root_at.items()]
        return [x for x in step.function(*filled(values, step.active, moved)) if is_real(x)], list(xs)

    _, pull = jax.vjp(with_roots, *(tape.drafts[n].value for n in roots))
    before = [adjoints.get(n, jnp.zeros_like(tape.drafts[n].value)) for n in roots]
    return dict(zip(roots, pull((given, before)), strict=True))


@jax.custom_jvp
def standing_for(value: Any, root: Any) -> Any:
    """A value that moves as another does: its tangent is the root's."""
    return value


@standing_for.defjvp
def _(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[Any, Any]:
    return primals[0], tangents[1]
