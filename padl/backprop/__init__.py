"""A computation as a graph of values and gradients: what backpropagation does, shown.

    graph = padl.backprop.trace(f, *args)             # any JAX function
    graph = padl.backprop.formula("(x + y) * z", x=-2, y=5, z=-4)
    graph.table(), graph.layers(), graph.fault(), graph.draw("circuit"), graph.closed(0)

graph.py: the graph. tracing.py makes one: forward.py walks a jaxpr, tape.py keeps what it did, backward.py goes back
over it, internals.py knows JAX, leaves.py the two ends. folding.py closes nested functions. expression.py reads
formulas, rules.py knows the derivatives. measures.py and layers.py say what the numbers show. layout.py, cells.py,
drawing.py, depth.py, dot.py, text.py, frames.py and wording.py draw.
"""

from padl.backprop.formula import formula
from padl.backprop.graph import Graph, Node, Sent
from padl.backprop.tracing.trace import trace

__all__ = ["Graph", "Node", "Sent", "formula", "trace"]
