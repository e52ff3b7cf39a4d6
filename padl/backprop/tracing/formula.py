"""A formula as a graph. formula("(x + y) * z", x=-2, y=5, z=-4)."""

from dataclasses import replace

import jax
import numpy as np

from padl.backprop.graph import Graph, Node
from padl.backprop.parser import parse
from padl.backprop.tracing.trace import trace


def formula(text: str, **values: float) -> Graph:
    """Evaluate and differentiate a formula at these values, in float64; return its graph.

    Args:
        text: in the grammar of `padl.backprop.parser`.
        values: a number for each of its variables.

    Raises:
        PadlError: the text is no formula, with the place marked; a variable has no value, or a value no variable.
    """
    expression = parse(text)
    with jax.enable_x64(True):
        graph = trace(expression, *(float(value) for value in expression.arguments(values)))
    variables = dict(zip(graph.inputs, expression.names, strict=True))
    computed = [node.number for node in graph if node.parents]
    texts = {n: operation.text for n, operation in zip(computed, expression.operations, strict=True)}
    labels = variables | texts
    return replace(graph, nodes=tuple(_labelled(node, labels.get(node.number, "")) for node in graph))


def _labelled(node: Node, label: str) -> Node:
    """Name a node, and make its arrays NumPy's: JAX's would be cast to float32 when they are next computed with."""
    arrays = (node.value, node.adjoint, node.operand_gradients)
    value, adjoint, operand_gradients = jax.tree.map(np.asarray, arrays)
    return replace(node, value=value, adjoint=adjoint, operand_gradients=operand_gradients, label=label)
