"""A graph's nodes in numbers: norms, shares of zeros, whether they are finite. NodeStats, node_stats."""

from typing import NamedTuple

from padl.backprop.arrays import as_numpy, nonfinite_kind, norm, share_of_zeros
from padl.backprop.graph import Graph, Node


class NodeStats(NamedTuple):
    """One node in numbers.

    Attributes:
        number: of the node.
        name: its label, or else its operation.
        operation: what made it.
        module: the layer that it is in; "" outside of any.
        shape: of its value.
        value: Euclidean norm of the value.
        gradient: Euclidean norm of its adjoint; NaN if it has none.
        value_zeros: share of the value's elements that are exactly 0, in [0, 1].
        gradient_zeros: share of the adjoint's elements that are exactly 0, in [0, 1]; NaN if it has none.
        finite: whether value and adjoint hold neither NaN nor infinity.
        source: where it was written; "" if JAX does not say.
    """

    number: int
    name: str
    operation: str
    module: str
    shape: tuple[int, ...]
    value: float
    gradient: float
    value_zeros: float
    gradient_zeros: float
    finite: bool
    source: str


def node_stats(graph: Graph) -> list[NodeStats]:
    """Measure every node, in the order of evaluation: norms of value and gradient, zeros, NaN and infinity."""
    return [_stats(node) for node in graph]


def _stats(node: Node) -> NodeStats:
    value, gradient = as_numpy(node.value), None if node.adjoint is None else as_numpy(node.adjoint)
    return NodeStats(
        number=node.number,
        name=node.name,
        operation=node.operation,
        module=node.module,
        shape=node.shape,
        value=norm(value),
        gradient=norm(gradient),
        value_zeros=share_of_zeros(value),
        gradient_zeros=share_of_zeros(gradient),
        finite=not (nonfinite_kind(value) or nonfinite_kind(gradient)),
        source=node.source,
    )
