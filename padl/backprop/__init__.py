"""A computation as a graph of values and gradients: what backpropagation does, shown.

    graph = padl.backprop.trace(f, *args)             # any JAX function
    graph = padl.backprop.formula("(x + y) * z", x=-2, y=5, z=-4)
    padl.backprop.node_stats(graph), padl.backprop.layers(graph), padl.backprop.first_nonfinite(graph)
    padl.backprop.draw(padl.backprop.fold(padl.backprop.prune(graph)), "circuit")

    graph.py      the record: Graph, Node, EdgeGradient
    expression.py formulas that have been read
    parser.py     formulas read from text
    rules.py      the local derivatives of primitives, as formulas and in words
    tracing/      a JAX function or a formula run as a graph
    folding.py    smaller graphs of the same computation
    arrays.py     numbers that sum up one array
    per_node.py   every node in numbers
    per_layer.py  a model layer by layer: where gradients vanish or explode
    nonfinite.py  where the first NaN or infinity began
    drawing/      pictures, tables, animations

Each imports only what stands above it.
"""

from padl.backprop.drawing.circuit import draw
from padl.backprop.folding import fold, prune
from padl.backprop.graph import EdgeGradient, Graph, Node
from padl.backprop.nonfinite import NonfiniteOrigin, first_nonfinite
from padl.backprop.per_layer import Layer, layers, verdict
from padl.backprop.per_node import NodeStats, node_stats
from padl.backprop.tracing.formula import formula
from padl.backprop.tracing.trace import trace

__all__ = [
    "EdgeGradient",
    "Graph",
    "Layer",
    "Node",
    "NodeStats",
    "NonfiniteOrigin",
    "draw",
    "first_nonfinite",
    "fold",
    "formula",
    "layers",
    "node_stats",
    "prune",
    "trace",
    "verdict",
]
