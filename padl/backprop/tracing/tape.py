"""What a computation leaves as it runs: values, and what pulls gradients back through each operation. Tape."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.backprop.graph import Node
from padl.backprop.rules import rule
from padl.backprop.tracing.internals import INLINED, Equation
from padl.types import PadlError, one_line

MOST = 200_000  # nodes
FLAT = ("stop_gradient", "sign", "floor", "ceil", "round")  # no gradient goes through, not even a zero
PASSES = {
    "add": (0, 1),
    "add_any": (0, 1),
    "sub": (0,),
}  # unchanged, to the operand there, if no other takes any


class Place(NamedTuple):
    """Where an equation stands: inside which nested functions, in which layer, on which line."""

    scope: tuple[str, ...] = ()
    module: str = ""
    source: str = ""

    def at(self, equation: Equation) -> "Place":
        module = "/".join(path for path in (self.module, equation.module) if path)
        return Place(self.scope, module, equation.source or self.source)


class Step(NamedTuple):
    """An operation that was run.

    Attributes:
        function: of the operands' values. operands, results: numbers of nodes.
        active: the places among the operands that a gradient goes to.
        carries: the places among the results that a gradient comes from.
        pull: gradients of these results -> gradients of the active operands; None where none goes through.
        passes: whether a gradient passes unchanged, as through x + 3.
    """

    function: Callable[..., list[Any]]
    operands: tuple[int, ...]
    results: tuple[int, ...]
    active: tuple[int, ...]
    carries: tuple[int, ...]
    pull: Callable[..., Any] | None
    passes: bool = False


@dataclass
class Draft:
    """A node before the gradients are known.

    Attributes:
        active: whether it depends on an argument that a gradient goes to.
        root: the node whose gradient `jax.grad` adds this one's to at once: that of x for x + 3; itself otherwise.
    """

    operation: str
    value: Any
    parents: tuple[int, ...]
    place: Place
    label: str = ""
    rule: str = ""
    active: bool = False
    root: int = 0


@dataclass
class Tape:
    """What was run, in order: nodes and steps are added at the end.

    Attributes:
        depth: how many levels of nested functions are walked into, None for all.
        custom: whether functions with a rule of their own are, too.
    """

    depth: int | None = None
    custom: bool = False
    drafts: list[Draft] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    calls: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def value(self, number: int) -> Any:
        return self.drafts[number].value

    def add(self, operation: str, value: Any, label: str = "", leaf: bool = False) -> int:
        """An input or a constant; its number."""
        number = len(self.drafts)
        self.drafts.append(Draft(operation, value, (), Place(), label, active=leaf and is_real(value), root=number))
        return number

    def node(self, number: int, adjoint: Any, sent: tuple[Any, ...]) -> Node:
        draft = self.drafts[number]
        scope, module, source = draft.place
        none = (None,) * (len(draft.parents) - len(sent))
        return Node(
            number, draft.operation, draft.parents, draft.value, adjoint, (*sent, *none), draft.rule, draft.label,
            scope, module, source,
        )  # fmt: skip

    def run(
        self,
        operation: str,
        function: Callable[..., list[Any]],
        operands: Sequence[int],
        place: Place,
        equation: Equation | None = None,
        inside: Sequence[int] = (),
    ) -> list[int]:
        """Run a function of arrays as one operation, and keep what takes gradients back through it.

        Args:
            operation: what it is called. equation: that it is, None for an operation of PADL's own.
            inside: nodes that show how it came about, and take no gradient.
        """
        if len(self.drafts) > MOST:
            raise PadlError(f"more than {MOST:,} nodes at {place.source}: depth=0 leaves loops and functions closed")
        values = [self.drafts[n].value for n in operands]
        primitive = equation.primitive if equation else operation
        active = tuple(i for i, n in enumerate(operands) if self.drafts[n].active and primitive not in FLAT)
        with explained(operation, len(self.drafts), place):
            results, carries, pull = differentiated(function, values, active)
        constants = [False if i in active else _number(value) for i, value in enumerate(values)]
        told = "" if primitive in INLINED else rule(operation, equation.params if equation else {}, constants)
        first, parents = len(self.drafts), (*operands, *inside)
        passes = len(active) == 1 and active[0] in PASSES.get(primitive, ())
        passes = passes and results[0].shape == values[active[0]].shape
        for i, value in enumerate(results):
            root = self.drafts[operands[active[0]]].root if passes else first + i
            self.drafts.append(Draft(operation, value, parents, place, rule=told, active=i in carries, root=root))
        numbers = tuple(range(first, len(self.drafts)))
        self.steps.append(Step(function, tuple(operands), numbers, active, carries, pull, passes))
        return list(numbers)

    def inside(self, place: Place, name: str) -> Place:
        """The place inside a function called here: the second call of the same function has a name of its own."""
        self.calls[(*place.scope, name)] += 1
        count = self.calls[(*place.scope, name)]
        return place._replace(scope=(*place.scope, name if count == 1 else f"{name} ({count})"))

    @contextmanager
    def muted(self) -> Iterator[None]:
        """In here no gradient goes anywhere: what is run shows its values alone."""
        was, steps = [draft.active for draft in self.drafts], self.steps
        self.steps = []
        for draft in self.drafts:
            draft.active = False
        try:
            yield
        finally:
            self.steps = steps
            for draft, active in zip(self.drafts, was, strict=False):  # the new ones stay without
                draft.active = active


def is_real(value: Any) -> bool:
    """Whether a gradient of it makes sense: floating or complex numbers."""
    return jnp.issubdtype(value.dtype, jnp.inexact)


def _number(value: Any) -> float | bool:
    """A constant of one number, for a rule that tells it; True for any other constant."""
    return float(value) if value.shape == () and jnp.issubdtype(value.dtype, jnp.floating) else True


def differentiated(function: Callable[..., list[Any]], values: Sequence[Any], active: tuple[int, ...]) -> Any:
    """(results, the places of those that depend smoothly on the active values, what pulls gradients back)."""
    if not active:
        return function(*values), (), None
    smooth: list[bool] = []

    def of_active(*xs: Any) -> tuple[list[Any], list[Any]]:
        results = function(*filled(values, active, xs))
        smooth[:] = map(is_real, results)
        return [x for x in results if is_real(x)], [x for x in results if not is_real(x)]

    reals, pull, others = jax.vjp(of_active, *(values[i] for i in active), has_aux=True)
    in_order = iter(reals), iter(others)
    return [next(in_order[not real]) for real in smooth], tuple(i for i, real in enumerate(smooth) if real), pull


def filled(values: Sequence[Any], places: Sequence[int], xs: Sequence[Any]) -> list[Any]:
    given = dict(zip(places, xs, strict=True))
    return [given.get(i, value) for i, value in enumerate(values)]


@contextmanager
def explained(operation: str, number: int, place: Place) -> Iterator[None]:
    """What JAX refuses to differentiate, as one line that says which operation, and where it stands."""
    try:
        yield
    except PadlError:
        raise
    except Exception as error:
        where = f"node {number}, {place.source or 'source unknown'}"
        raise PadlError(f"'{operation}' cannot be differentiated ({where}): {one_line(error)}") from error
