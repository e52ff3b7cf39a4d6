"""A formula as a graph. formula("(x + y) * z", x=-2, y=5, z=-4)."""

from dataclasses import replace

import jax
import numpy as np

from padl.backprop.expression import parse
from padl.backprop.graph import Graph, Node
from padl.backprop.tracing.trace import trace


def formula(text: str, **values: float) -> Graph:
    """The graph of a formula at these values, in float64.

    Args:
        text: in the grammar of `padl.backprop.expression`. values: a number for each of its variables.

    Raises:
        PadlError: the text is no formula, with the place where it ends to be one; a variable has no value, or a value
            has no variable.
    """
    expression = parse(text)
    with jax.enable_x64(True):
        graph = trace(expression, *(float(value) for value in expression.arguments(values)))
    texts = [*(step.text for step in reversed(expression.steps))]
    names = dict(zip(graph.inputs, expression.names, strict=True))

    def labelled(node: Node) -> Node:
        label = names.get(node.number) or (texts.pop() if node.parents else "")
        value, adjoint, sent = jax.tree.map(np.asarray, (node.value, node.adjoint, node.sent))  # float64 stays so
        return replace(node, value=value, adjoint=adjoint, sent=sent, label=label)

    return replace(graph, nodes=tuple(map(labelled, graph.nodes)))
