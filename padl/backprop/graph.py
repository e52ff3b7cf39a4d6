"""A computation as a graph of values and gradients. Node: one value; Graph: all of them, in the order of evaluation."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import Any, NamedTuple

import numpy as np

from padl.readable import ROWS, Card, Readable, number
from padl.types import PyTree

NODE_COLUMNS = ("node", "label", "operation", "type", "value", "gradient")  # of what a graph shows of itself
PLAIN = ("float", "bfloat", "int", "uint", "bool")  # types whose scalars are written as numbers


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
        operand_gradients: for each parent the term that this node adds to its adjoint (the vector-Jacobian product of
            this operation); None where it adds none. The terms of a parent's consumers sum to the parent's adjoint.
        rule: the local derivative in words, "-1 / x^2"; "" if it has none.
        label: the name of an argument, or the text of a part of a formula; "" if it has none.
        scope: the nested functions that it is inside, outermost first: ("jit softplus", "scan", "step 2").
        module: the layer of the model, "blocks.0", from `jax.named_scope`; "" outside of any.
        source: where it was written, "model.py:12 (forward)"; "" if JAX does not say.
    """

    number: int
    operation: str
    parents: tuple[int, ...]
    value: Any
    adjoint: Any = None
    operand_gradients: tuple[Any, ...] = ()
    rule: str = ""
    label: str = ""
    scope: tuple[str, ...] = ()
    module: str = ""
    source: str = ""

    def __repr__(self) -> str:
        """`Node(3, mul of 0 and 2, float32[4, 3])`."""
        of = "" if self.parents else f" {self.label}".rstrip()
        return f"Node({self.number}, {self.made_by}{of}, {self.form})"

    @property
    def made_by(self) -> str:
        """`mul of 0 and 2`."""
        return f"{self.operation} of {' and '.join(map(str, self.parents))}" if self.parents else self.operation

    @property
    def form(self) -> str:
        """`float32[4, 3]`."""
        return f"{self.dtype}{list(self.shape)}"

    @property
    def name(self) -> str:
        """Its label, or else its operation."""
        return self.label or self.operation

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(np.shape(self.value))

    @property
    def dtype(self) -> str:
        return str(self.value.dtype)


class EdgeGradient(NamedTuple):
    """A gradient that flows back along one edge of the graph.

    Attributes:
        consumer: the number of the node that it comes from.
        position: which of the consumer's operands the edge leads to, from 0.
        gradient: the array.
    """

    consumer: int
    position: int
    gradient: Any


@dataclass(frozen=True, eq=False, repr=False)
class Graph(Readable):
    """A computation, run forward and backward. It shows its first nodes, and the numbers of those that are scalars.

    Attributes:
        nodes: in the order of evaluation, parents before children; `nodes[i].number == i`.
        inputs: the numbers of the arguments' leaves.
        outputs: the numbers of the results' leaves.
        output_cotangents: for each output the gradient that the backward pass starts with; None for an integer.
        gradients: of the arguments, in their structure, as `jax.grad` gives them for all of them.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    output_cotangents: tuple[Any, ...]
    gradients: PyTree = None

    def card(self) -> Card:
        """Say how large it is, and what its nodes are."""
        sizes = {"node": len(self.nodes), "input": len(self.inputs), "result": len(self.outputs)}
        nodes, inputs, results = (f"{n:,} {word}{'' if n == 1 else 's'}" for word, n in sizes.items())
        rows = [_row(node) for node in self.nodes[:ROWS]]
        title = f"graph: {nodes}, from {inputs} to {results}"
        return Card(title, {}, NODE_COLUMNS, rows, left_out=max(len(self.nodes) - ROWS, 0))

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, which: int | str) -> Node:
        """Find a node by number or by label; KeyError if no node has the label."""
        if isinstance(which, int):
            return self.nodes[which]
        for node in self.nodes:
            if node.label == which:
                return node
        raise KeyError(f"no node is called '{which}'")

    def output_cotangent(self, number: int) -> Any:
        """Return the cotangent seeded at an output node, summed if it is several outputs; None if it is not one."""
        pairs = zip(self.outputs, self.output_cotangents, strict=True)
        cotangents = [cotangent for output, cotangent in pairs if output == number and cotangent is not None]
        return reduce(add, cotangents) if cotangents and self.nodes[number].adjoint is not None else None

    @cached_property
    def incoming_gradients(self) -> tuple[tuple[EdgeGradient, ...], ...]:
        """For each node the gradients from its consumers, the last consumer first, as they are added up."""
        incoming: list[list[EdgeGradient]] = [[] for _ in self.nodes]
        for node in reversed(self.nodes):
            for position, gradient in reversed([*enumerate(node.operand_gradients)]):
                if gradient is not None:
                    incoming[node.parents[position]].append(EdgeGradient(node.number, position, gradient))
        return tuple(map(tuple, incoming))

    @cached_property
    def consumers(self) -> tuple[tuple[int, ...], ...]:
        """For each node the numbers of those that use it, once each."""
        consumers: list[dict[int, None]] = [{} for _ in self.nodes]
        for node in self.nodes:
            for parent in node.parents:
                consumers[parent][node.number] = None
        return tuple(map(tuple, consumers))


def _row(node: Node) -> list[str]:
    """The cells of `NODE_COLUMNS`."""
    return [str(node.number), node.label, node.made_by, node.form, _scalar(node.value), _scalar(node.adjoint)]


def _scalar(value: Any) -> str:
    """A scalar as a number; "" for None and for an array."""
    if value is None or np.shape(value) or not str(value.dtype).startswith(PLAIN):
        return ""
    return number(float(value))
