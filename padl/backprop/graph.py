"""A computation as a graph of values and gradients. Node: one value; Graph: all of them, in the order of evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.types import PyTree

if TYPE_CHECKING:
    from padl.backprop.layers import Layer
    from padl.backprop.node_stats import Measure
    from padl.backprop.nonfinite import Fault


@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """One value of a computation, and the gradient of the output with respect to it.

    Attributes:
        number: its place in the order of evaluation, from 0.
        operation: what made it: "input", "constant", or a primitive's name, "mul", "dot_general", "relu".
        parents: the numbers of its operands, in order; one may stand there twice.
        value: an array of any shape.
        adjoint: ∂output/∂value, of the same shape; None where no gradient goes: constants, integers, and what the
            output does not depend on.
        sent: for each parent the gradient that this node sends to it, None where it sends none. What a parent's
            consumers send adds up to the parent's adjoint.
        rule: the local derivative in words, "-1 / x^2", "" where none is known.
        label: a name where there is one: of an argument, or an expression's own text.
        scope: the nested functions that it is inside, outermost first: ("jit softplus", "scan, step 2").
        module: the layer of the model, "blocks.0", from `jax.named_scope`; "" outside of any.
        source: where it was written, "model.py:12 (forward)"; "" where that is not known.
    """

    number: int
    operation: str
    parents: tuple[int, ...]
    value: Any
    adjoint: Any = None
    sent: tuple[Any, ...] = ()
    rule: str = ""
    label: str = ""
    scope: tuple[str, ...] = ()
    module: str = ""
    source: str = ""

    def __repr__(self) -> str:
        """`Node(3, mul of 0 and 2, float32[4, 3])`."""
        of = f" of {' and '.join(map(str, self.parents))}" if self.parents else f" {self.label}".rstrip()
        return f"Node({self.number}, {self.operation}{of}, {self.dtype}{list(self.shape)})"

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(np.shape(self.value))

    @property
    def dtype(self) -> str:
        return str(self.value.dtype)


class Sent(NamedTuple):
    """A gradient on an edge: from the consumer with this number, at this place among its operands."""

    consumer: int
    place: int
    gradient: Any


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A computation, run forward and backward.

    Attributes:
        nodes: in the order of evaluation, parents before children; `nodes[i].number == i`.
        inputs, outputs: the numbers of the arguments' leaves and of the results'.
        seeds: for each output the gradient that it begins with, None for an integer.
        gradients: of the arguments, in their structure, as `jax.grad` gives them for all of them.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    seeds: tuple[Any, ...]
    gradients: PyTree = None

    def __repr__(self) -> str:
        return f"Graph({len(self.nodes):,} nodes, from {len(self.inputs)} inputs to {len(self.outputs)} results)"

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, which: int | str) -> Node:
        """By number, or by label; KeyError where no node has it."""
        if isinstance(which, int):
            return self.nodes[which]
        return next((node for node in self.nodes if node.label == which), None) or _missing(which)

    def seed(self, number: int) -> Any:
        """The gradient that a node begins with as a result of the whole; None for one that is none, or has none."""
        own = [s for n, s in zip(self.outputs, self.seeds, strict=True) if n == number and s is not None]
        return reduce(add, own) if own and self.nodes[number].adjoint is not None else None

    @cached_property
    def received(self) -> tuple[tuple[Sent, ...], ...]:
        """For each node the gradients that its consumers send it, the last consumer first, as they are added up."""
        found: list[list[Sent]] = [[] for _ in self.nodes]
        for node in reversed(self.nodes):
            for place in reversed(range(len(node.sent))):
                if node.sent[place] is not None:
                    found[node.parents[place]].append(Sent(node.number, place, node.sent[place]))
        return tuple(map(tuple, found))

    @cached_property
    def consumers(self) -> tuple[tuple[int, ...], ...]:
        """For each node the numbers of those that use it, once each."""
        found: list[dict[int, None]] = [{} for _ in self.nodes]
        for node in self.nodes:
            for parent in node.parents:
                found[parent][node.number] = None
        return tuple(map(tuple, found))

    def closed(self, depth: int = 0) -> "Graph":
        """The same graph with nested functions folded: each deeper than `depth` becomes one node per result of its.

        A folded node's operands are what the function takes from outside, and it sends each of them the sum of what
        its inside sends.
        """
        from padl.backprop.folding import fold

        return fold(self, depth)

    def pruned(self) -> "Graph":
        """Only what gradients go through, with its operands: no drawing of rows, no random numbers."""
        from padl.backprop.folding import prune

        return prune(self)

    def table(self) -> "list[Measure]":
        """A row for each node: norms of value and gradient, shares of zeros, whether they are finite."""
        from padl.backprop.node_stats import measure

        return [measure(node) for node in self.nodes]

    def layers(self) -> "list[Layer]":
        """A row for each layer of a model, in order of evaluation."""
        from padl.backprop.layers import layers

        return layers(self)

    def fault(self) -> "Fault | None":
        """Where the NaN or infinity began that reached the result or a gradient; None where all of these are finite."""
        from padl.backprop.nonfinite import first_fault

        return first_fault(self)

    def draw(self, stem: str | Path, title: str = "") -> list[Path]:
        """The circuit as stem.png, stem.svg and stem.dot; PadlError for one too large to read."""
        from padl.backprop.drawing.circuit import draw

        return draw(self, stem, title)


def _missing(label: str) -> Node:
    raise KeyError(f"no node is called '{label}'")


def as_numpy(value: Any) -> np.ndarray:
    """An array of numbers; a random key as the numbers it holds."""
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    return np.asarray(value)
