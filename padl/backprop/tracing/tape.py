"""What a computation leaves as it runs, a Wengert list: its values, and the way back through each operation. Tape."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax.numpy as jnp

from padl.backprop.graph import Node
from padl.backprop.rules import rule
from padl.backprop.tracing.internals import INLINED, Equation
from padl.backprop.tracing.vjp import Function, explained, is_real, vjp_of_active
from padl.types import PadlError

MAX_NODES = 200_000
WITHOUT_GRADIENT = ("stop_gradient", "sign", "floor", "ceil", "round")  # not even a zero goes back through them
IDENTITY_AT = {"add": (0, 1), "add_any": (0, 1), "sub": (0,)}  # operands whose gradient is the result's own


class Location(NamedTuple):
    """Where an equation stands: inside which nested functions, in which layer, on which line."""

    scope: tuple[str, ...] = ()
    module: str = ""
    source: str = ""

    def at(self, equation: Equation) -> "Location":
        """Go to an equation of the function that stands here."""
        module = "/".join(path for path in (self.module, equation.module) if path)
        return Location(self.scope, module, equation.source or self.source)

    def inside(self, *names: str) -> "Location":
        """Go into nested functions."""
        return self._replace(scope=(*self.scope, *names))


@dataclass
class TapeNode:
    """A node before its gradient is known.

    Attributes:
        operation, value, parents, location, label, rule: as in a `Node`.
        active: whether it depends on an argument that a gradient goes to.
        root: the node whose gradient `jax.grad` adds this one's to at once: x for x + 3; itself otherwise.
    """

    operation: str
    value: Any
    parents: tuple[int, ...]
    location: Location
    root: int
    label: str = ""
    rule: str = ""
    active: bool = False


class TapeEntry(NamedTuple):
    """An operation that was run.

    Attributes:
        function: of the operands' values.
        operands: the numbers of their nodes.
        results: the numbers of their nodes.
        active: the positions among the operands that a gradient goes to.
        smooth: the positions among the results that a gradient comes from.
        vjp: gradients of the smooth results -> gradients of the active operands; None if there are none.
        is_identity: whether the gradient is that of the result unchanged, as through x + 3.
    """

    function: Function
    operands: tuple[int, ...]
    results: tuple[int, ...]
    active: tuple[int, ...]
    smooth: tuple[int, ...]
    vjp: Callable[..., Any] | None
    is_identity: bool = False


@dataclass
class Tape:
    """What was run, in order.

    Attributes:
        depth: how many levels of nested functions are walked into; None for all.
        custom: whether functions with a derivative rule of their own are walked into too.
        nodes: of all values.
        entries: of all operations.
        calls: how often each nested function was called, by its scope.
    """

    depth: int | None = None
    custom: bool = False
    nodes: list[TapeNode] = field(default_factory=list)
    entries: list[TapeEntry] = field(default_factory=list)
    calls: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def add_input(self, value: Any, label: str) -> int:
        """Append an argument's leaf; return its number."""
        self.nodes.append(TapeNode("input", value, (), Location(), len(self.nodes), label, active=is_real(value)))
        return len(self.nodes) - 1

    def add_constant(self, value: Any) -> int:
        """Append a constant; return its number."""
        self.nodes.append(TapeNode("constant", value, (), Location(), len(self.nodes)))
        return len(self.nodes) - 1

    def run(
        self,
        operation: str,
        function: Function,
        operands: Sequence[int],
        location: Location,
        equation: Equation | None = None,
        inside: Sequence[int] = (),
    ) -> list[int]:
        """Run a function of arrays as one operation, and append it and its results.

        Args:
            operation: what it is called.
            function: arrays to a list of arrays.
            operands: the numbers of its arguments' nodes.
            location: where it stands.
            equation: that it runs; None for an operation of the tracer's own.
            inside: nodes that show how it came about, and take no gradient.

        Returns:
            The numbers of its results' nodes.
        """
        if len(self.nodes) > MAX_NODES:
            source = location.source
            raise PadlError(f"more than {MAX_NODES:,} nodes at {source}: depth=0 leaves loops and functions closed")
        primitive = equation.primitive if equation else operation
        values = [self.nodes[n].value for n in operands]
        differentiable = primitive not in WITHOUT_GRADIENT
        active = tuple(i for i, n in enumerate(operands) if self.nodes[n].active and differentiable)
        with explained(operation, len(self.nodes), location.source):
            results, smooth, vjp = vjp_of_active(function, values, active)
        is_identity = (
            len(active) == 1
            and active[0] in IDENTITY_AT.get(primitive, ())
            and results[0].shape == values[active[0]].shape
        )
        text = "" if primitive in INLINED else _rule(operation, equation, values, active)
        numbers = tuple(range(len(self.nodes), len(self.nodes) + len(results)))
        for i, (number, value) in enumerate(zip(numbers, results, strict=True)):
            root = self.nodes[operands[active[0]]].root if is_identity else number
            parents = (*operands, *inside)
            self.nodes.append(TapeNode(operation, value, parents, location, root, rule=text, active=i in smooth))
        self.entries.append(TapeEntry(function, tuple(operands), numbers, active, smooth, vjp, is_identity))
        return list(numbers)

    def enter(self, location: Location, name: str) -> Location:
        """Go into a function called here: the second call of the same function gets a name of its own."""
        scope = location.inside(name).scope
        self.calls[scope] += 1
        return location.inside(name if self.calls[scope] == 1 else f"{name} ({self.calls[scope]})")

    @contextmanager
    def without_gradients(self) -> Iterator[None]:
        """Run what follows for its values alone: no gradient goes through it."""
        entries, active_before = self.entries, [node.active for node in self.nodes]
        self.entries = []
        for node in self.nodes:
            node.active = False
        try:
            yield
        finally:
            self.entries = entries
            for node, active in zip(self.nodes, active_before, strict=False):  # those added since stay inactive
                node.active = active

    def finished(self, number: int, adjoint: Any, operand_gradients: tuple[Any, ...]) -> Node:
        """Make the graph's node from this one and its gradients."""
        node = self.nodes[number]
        none = (None,) * (len(node.parents) - len(operand_gradients))
        return Node(
            number, node.operation, node.parents, node.value, adjoint, (*operand_gradients, *none), node.rule,
            node.label, *node.location,
        )  # fmt: skip


def _rule(operation: str, equation: Equation | None, values: Sequence[Any], active: Sequence[int]) -> str:
    constants = [False if i in active else _number(value) for i, value in enumerate(values)]
    return rule(operation, equation.params if equation else {}, constants)


def _number(constant: Any) -> float | bool:
    """The number, for a rule to name, if a constant is a single real one; True if not."""
    is_number = constant.shape == () and jnp.issubdtype(constant.dtype, jnp.floating)
    return float(constant) if is_number else True
